import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { databaseIdentity } from '../shared/database-identity.ts';
import { migrations } from './index.ts';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** Every migration waits at most this long for a lock, so that it cannot stop the running system, ms. */
const LOCK_TIMEOUT_MS = 5_000;

export interface MigrationOutcome {
  /** The names of the migrations that this run applied. */
  readonly applied: readonly string[];
}

/** The application's logins, between which a rotation alternates. */
export const APPLICATION_LOGINS = ['smart_transfer_app_a', 'smart_transfer_app_b'] as const;

/**
 * Applies the migrations that are missing, each in a transaction. Two runs at once wait for one another (Kysely's migrator takes an
 * advisory lock).
 *
 * @param cluster how the deployment names the database's cluster, where it does.
 * @throws the failed migration's error, with its name.
 */
export async function migrate(db: Kysely<unknown>, cluster?: string): Promise<MigrationOutcome> {
  await sql`select set_config('lock_timeout', ${LOCK_TIMEOUT_MS.toString()}, false)`.execute(db);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
  });
  const { error, results } = await migrator.migrateToLatest();
  const failed = results?.find((result) => result.status === 'Error');
  if (error !== undefined) {
    throw new Error(
      `migration ${failed?.migrationName ?? '(before the first)'} failed: ${error instanceof Error ? error.message : JSON.stringify(error)}`,
      {
        cause: error,
      },
    );
  }
  const applied =
    results?.filter((result) => result.status === 'Success').map((result) => result.migrationName) ?? [];
  await rememberIdentity(db, cluster);
  return { applied };
}

/** A new database remembers which one it is. One that remembers another is a copy: that is not for a migration to forgive. */
async function rememberIdentity(db: Kysely<unknown>, cluster: string | undefined): Promise<void> {
  await sql`
    insert into installation (database_identity, id_epoch, installed_at)
    select ${databaseIdentity(cluster)}, 0, now()
    on conflict do nothing`.execute(db);
}

/**
 * Creates the application's logins, or gives them new passwords. Their time limits keep a function that was frozen in mid-transaction from holding
 * anything for more than half a minute.
 */
export async function createLogins(
  db: Kysely<unknown>,
  passwords: { a: string; b: string },
): Promise<readonly [string, string]> {
  const [a, b] = APPLICATION_LOGINS;
  for (const [login, password] of [
    [a, passwords.a],
    [b, passwords.b],
  ] as const) {
    const { rows } = await sql`select from pg_roles where rolname = ${login}`.execute(db);
    if (rows.length === 0)
      await sql`create role ${sql.id(login)} login in role ${sql.id(APPLICATION_ROLE)}`.execute(db);
    await sql`alter role ${sql.id(login)} login password ${sql.lit(password)}`.execute(db);
    for (const [setting, value] of [
      ['statement_timeout', '30s'],
      ['lock_timeout', '10s'],
      ['idle_in_transaction_session_timeout', '30s'],
      ['transaction_timeout', '60s'],
      ['tcp_keepalives_idle', '30'],
    ] as const) {
      await sql`alter role ${sql.id(login)} set ${sql.id(setting)} = ${sql.lit(value)}`.execute(db);
    }
  }
  return [a, b];
}
