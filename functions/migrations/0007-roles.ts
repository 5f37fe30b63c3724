import { sql, type Kysely } from 'kysely';

/** The group role that the application's two rotating logins belong to; a cluster has one, whatever its databases. */
export const APPLICATION_ROLE = 'smart_transfer_app';

const JOURNALS = [
  'statement_row',
  'statement_read',
  'attempt_evidence',
  'bank_message',
  'posting',
  'posting_seal',
  'reconciliation',
  'alarm',
  'audit',
];
const CHANGEABLE = [
  'seller',
  'payout_account',
  'shop_order',
  'collect_cursor',
  'deposit',
  'withdrawal',
  'allocation',
  'classification_rule',
  'transfer',
  'transfer_item',
  'transfer_attempt',
  'account_balance',
  'cycle',
];
const UPDATE_ONLY = ['payout_stop', 'lease', 'installation', 'seal_progress'];

/**
 * Rights: the application reads everything of its own, adds to journals and never changes them, deletes nothing at all. The time limits keep a
 * function that was frozen in mid-transaction from holding anything for longer than half a minute.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const role = sql.id(APPLICATION_ROLE);
  await sql`
    do $$ begin
      if not exists (select from pg_roles where rolname = ${sql.lit(APPLICATION_ROLE)}) then
        create role ${role} nologin;
      end if;
    end $$`.execute(db);
  await sql`revoke all on schema public from public`.execute(db);
  await sql`grant usage on schema public to ${role}`.execute(db);
  for (const table of JOURNALS) await sql`grant select, insert on ${sql.table(table)} to ${role}`.execute(db);
  for (const table of CHANGEABLE)
    await sql`grant select, insert, update on ${sql.table(table)} to ${role}`.execute(db);
  for (const table of UPDATE_ONLY)
    await sql`grant select, update on ${sql.table(table)} to ${role}`.execute(db);
  await sql`grant usage on sequence bank_id_sequence to ${role}`.execute(db);
}
