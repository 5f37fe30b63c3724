import { randomBytes } from 'node:crypto';
import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql, type Kysely } from 'kysely';
import { createLogins, migrate } from '../../functions/migrations/migrate.ts';
import { databaseIdentity } from '../../functions/shared/database-identity.ts';
import { openDatabaseAs, type Login, type PostgresAddress } from '../../functions/shared/postgres.ts';
import { startPostgres, type LocalPostgres } from '../postgres.ts';

const TEMPLATE = 'world_template';

/** Nothing of a simulated world need outlive its process, and nothing may happen in the database by itself. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
  checkpoint_timeout: '1h',
  max_wal_size: '256MB',
  jit: 'off',
  // Each statement is planned once a connection: worlds are small, and planning would take most of their time.
  plan_cache_mode: 'force_generic_plan',
  // Tables are empty when their statements are planned; a scan of the whole is never what a world's later hours want.
  enable_seqscan: 'off',
  // Small, so that the one who closes a circle of locks is the one who is told.
  deadlock_timeout: '1ms',
  scram_iterations: 1,
  max_connections: 60,
} as const;

/** A PostgreSQL of this process's own, with a database a world. */
export interface Cluster {
  readonly application: Login;
  readonly superuser: Login;
  /** Makes a migrated, empty database. */
  createWorld(): Promise<PostgresAddress>;
  dropWorld(address: PostgresAddress): Promise<void>;
  addressOf(database: string): PostgresAddress;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(await fastFolder(), 'smart-transfer-simulation-'));
  // PostgreSQL may run as another user, who makes its socket here: cheaper a statement than TCP.
  await chmod(folder, 0o777);
  const postgres = await startPostgres({
    folder: join(folder, 'data'),
    settings: { ...SETTINGS, unix_socket_directories: folder },
  });
  try {
    return await prepare(postgres, folder);
  } catch (error) {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Making a database is mostly making files: in memory it takes an eighth of the time. */
async function fastFolder(): Promise<string> {
  const inMemory = '/dev/shm';
  return await access(inMemory).then(
    () => inMemory,
    () => tmpdir(),
  );
}

async function prepare(postgres: LocalPostgres, folder: string): Promise<Cluster> {
  const superuser = { username: postgres.superuser, password: postgres.password };
  const addressOf = (database: string): PostgresAddress => ({
    host: folder,
    port: postgres.port,
    database,
    tls: 'off',
  });
  const maintenance: Kysely<unknown> = openDatabaseAs(addressOf('postgres'), superuser, 1);
  await sql`create database ${sql.id(TEMPLATE)}`.execute(maintenance);
  const application = await fillTemplate(addressOf(TEMPLATE), superuser);
  let worlds = 0;
  return {
    application,
    superuser,
    addressOf,
    async createWorld() {
      worlds += 1;
      const database = `world_${worlds}`;
      await sql`create database ${sql.id(database)} template ${sql.id(TEMPLATE)} strategy file_copy`.execute(
        maintenance,
      );
      await rememberPlace(addressOf(database), superuser);
      return addressOf(database);
    },
    async dropWorld({ database }) {
      await sql`drop database ${sql.id(database)} with (force)`.execute(maintenance);
    },
    async stop() {
      await maintenance.destroy();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A copy of the template would take itself for a clone, and pay nobody. */
async function rememberPlace(address: PostgresAddress, superuser: Login): Promise<void> {
  const owner: Kysely<unknown> = openDatabaseAs(address, superuser, 1);
  await sql`update installation set database_identity = ${databaseIdentity(undefined)}`.execute(owner);
  await owner.destroy();
}

/**
 * Migrates the template. Time in a world is simulated, so the logins' limits, which are of real time, are off; `connections.ts` keeps them by the
 * simulated clock.
 */
async function fillTemplate(address: PostgresAddress, superuser: Login): Promise<Login> {
  const template: Kysely<unknown> = openDatabaseAs(address, superuser, 2);
  await migrate(template);
  const password = randomBytes(12).toString('hex');
  const [username, other] = await createLogins(template, {
    a: password,
    b: randomBytes(12).toString('hex'),
  });
  for (const login of [username, other]) {
    for (const setting of [
      'statement_timeout',
      'lock_timeout',
      'idle_in_transaction_session_timeout',
      'transaction_timeout',
    ]) {
      await sql`alter role ${sql.id(login)} set ${sql.id(setting)} = 0`.execute(template);
    }
  }
  await sql`vacuum analyze`.execute(template);
  await template.destroy();
  return { username, password };
}
