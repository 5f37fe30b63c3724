import { randomBytes } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from '../migrations/0007-roles.ts';
import type { Login } from '../shared/postgres.ts';
import { scramVerifier } from './scram.ts';

const SALT_BYTES = 16;

/** They keep a function that was frozen in mid-transaction from holding anything for more than half a minute. */
const LIMITS = [
  ['statement_timeout', '30s'],
  ['lock_timeout', '10s'],
  ['idle_in_transaction_session_timeout', '30s'],
  ['transaction_timeout', '60s'],
  ['tcp_keepalives_idle', '30'],
] as const;

/**
 * Creates a login of the application, or gives it another password. Sessions that are open stay open. `db` belongs to the login that owns the schema.
 */
export async function putLogin(db: Kysely<unknown>, login: Login): Promise<void> {
  const name = sql.id(login.username);
  const { rows } = await sql`select from pg_roles where rolname = ${login.username}`.execute(db);
  if (rows.length === 0) await sql`create role ${name} login in role ${sql.id(APPLICATION_ROLE)}`.execute(db);
  const verifier = scramVerifier(login.password, randomBytes(SALT_BYTES));
  await sql`alter role ${name} login password ${sql.lit(verifier)}`.execute(db);
  for (const [setting, value] of LIMITS)
    await sql`alter role ${name} set ${sql.id(setting)} = ${sql.lit(value)}`.execute(db);
}

/**
 * Does what paying begins with, and compares the session's rights with those that the application is to have.
 *
 * @returns each right that is missing or too many, such as `UPDATE on transfer`; none when the session may do exactly its work.
 * @throws when the session may not even read what stops payouts.
 */
export async function differingRights(db: Kysely<unknown>): Promise<readonly string[]> {
  await db.transaction().execute(async (trx) => {
    await sql`select name from payout_stop for share`.execute(trx);
  });
  const { rows } = await sql<{ right: string }>`
    select format('%s on %s', privilege, t.relname) as right
    from pg_class t
    cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) as privilege
    where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p')
      and has_table_privilege(current_user, t.oid, privilege)
        <> has_table_privilege(${APPLICATION_ROLE}, t.oid, privilege)
    order by 1`.execute(db);
  return rows.map(({ right }) => right);
}
