import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { putLogin } from '../logins/login.repository.ts';
import { APPLICATION_LOGINS } from '../logins/rotation.ts';
import { databaseIdentity } from '../shared/database-identity.ts';
import { migrations } from './index.ts';

/** Every migration waits at most this long for a lock, so that it cannot stop the running system, ms. */
const LOCK_TIMEOUT_MS = 5_000;

export interface MigrationOutcome {
  /** The names of the migrations that this run applied. */
  readonly applied: readonly string[];
}

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

/**
 * Notes that this release's functions serve, all of them: no alias names an older one.
 *
 * @param schema what they were written for.
 */
export async function recordServing(db: Kysely<unknown>, schema: string): Promise<void> {
  await sql`
    insert into serving_release (schema, since) values (${schema}, now())
    on conflict (one) do update set schema = excluded.schema, since = excluded.since`.execute(db);
}

/**
 * Functions of a release before the last may miss what the last one took away, and a deployment that was broken off leaves them in service.
 *
 * @param livesWith the `SCHEMA` of the oldest release that can live with what this one brings.
 * @throws while an older one serves.
 */
export async function refuseWhileOlderServes(db: Kysely<unknown>, livesWith: string): Promise<void> {
  const { rows: known } = await sql<{ is: boolean }>`
    select to_regclass('public.serving_release') is not null as is`.execute(db);
  if (known[0]?.is !== true) return;
  const { rows } = await sql<{ schema: string }>`select schema from serving_release`.execute(db);
  const serving = rows[0]?.schema;
  if (serving === undefined || serving >= livesWith) return;
  throw new Error(
    `functions of the release with ${serving} serve still, and could not live with this release's schema: deploy the release with ${livesWith} first, until every alias names it`,
  );
}

/** A new database remembers which one it is. One that remembers another is a copy: that is not for a migration to forgive. */
async function rememberIdentity(db: Kysely<unknown>, cluster: string | undefined): Promise<void> {
  await sql`
    insert into installation (database_identity, id_epoch, installed_at)
    select ${databaseIdentity(cluster)}, 0, now()
    on conflict do nothing`.execute(db);
}

/** Creates the application's logins, or gives them new passwords. */
export async function createLogins(
  db: Kysely<unknown>,
  passwords: { a: string; b: string },
): Promise<readonly [string, string]> {
  const [a, b] = APPLICATION_LOGINS;
  await putLogin(db, { username: a, password: passwords.a });
  await putLogin(db, { username: b, password: passwords.b });
  return [a, b];
}
