import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { databaseIdentity } from '../../functions/shared/database-identity.ts';
import { createLogins, migrate } from '../../functions/migrations/migrate.ts';
import { openDatabaseAs, type Login, type PostgresAddress } from '../../functions/shared/postgres.ts';
import { startPostgres, type LocalPostgres } from '../../local/postgres.ts';
import { loadDump, type LogicalDump } from './logical-dump.ts';

const TEMPLATE = 'smart_transfer_template';

interface Cluster {
  readonly postgres: LocalPostgres;
  readonly folder: string;
  readonly application: Login;
}

let cluster: Promise<Cluster> | undefined;
let databases = 0;
let dropsOnClose = false;

/** For a run of very many tests: each database goes when its test closes it, not with the cluster. */
export function dropDatabasesOnClose(): void {
  dropsOnClose = true;
}

/** A database of one test's own, in the test run's own cluster: migrated, empty, and opened with the application's rights. */
export interface TestDatabase {
  readonly db: Kysely<Database>;
  /** The same database with all rights, to look and to break things. */
  readonly owner: Kysely<Database>;
  readonly address: PostgresAddress;
  readonly application: Login;
  close(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  cluster ??= startCluster();
  const created = await databaseIn(await cluster);
  // A copy of the template would take itself for a clone.
  await sql`update installation set database_identity = ${databaseIdentity(undefined)}`.execute(
    created.owner,
  );
  return created;
}

/** An empty database, for what makes schemas: opened with all rights, and dropped when it is closed. */
export async function createEmptyDatabase(): Promise<{ db: Kysely<unknown>; close: () => Promise<void> }> {
  cluster ??= startCluster();
  const { postgres } = await cluster;
  databases += 1;
  const database = `test_${process.pid}_${databases}`;
  await asMaintenance(postgres, sql`create database ${sql.id(database)}`);
  const db = openDatabaseAs<unknown>(addressOf(postgres, database), superuser(postgres), 2);
  return {
    db,
    async close() {
      await db.destroy();
      await asMaintenance(postgres, sql`drop database ${sql.id(database)} with (force)`);
    },
  };
}

/** A database in another cluster, with another system identifier, made from a dump: all that it remembers is what the dumped one was. */
export async function restoreIntoAnotherCluster(dump: LogicalDump): Promise<TestDatabase> {
  const other = await startCluster();
  const restored = await databaseIn(other);
  await loadDump(restored.owner, dump);
  return {
    ...restored,
    async close() {
      await restored.close();
      await endCluster(other);
    },
  };
}

async function databaseIn({ postgres, application }: Cluster): Promise<TestDatabase> {
  databases += 1;
  const database = `test_${process.pid}_${databases}`;
  await asMaintenance(postgres, sql`create database ${sql.id(database)} template ${sql.id(TEMPLATE)}`);
  const address = addressOf(postgres, database);
  const db = openDatabaseAs<Database>(address, application, 10);
  const owner = openDatabaseAs<Database>(address, superuser(postgres), 2);
  return {
    db,
    owner,
    address,
    application,
    async close() {
      await Promise.all([db.destroy(), owner.destroy()]);
      if (dropsOnClose) await asMaintenance(postgres, sql`drop database ${sql.id(database)} with (force)`);
    },
  };
}

/** Ends the cluster of this test run; called once, after all tests. */
export async function stopCluster(): Promise<void> {
  if (cluster !== undefined) await endCluster(await cluster);
}

async function endCluster({ postgres, folder }: Cluster): Promise<void> {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-test-'));
  const postgres = await startPostgres({
    folder: join(folder, 'data'),
    settings: { max_connections: 200, fsync: 'off' },
  });
  await asMaintenance(postgres, sql`create database ${sql.id(TEMPLATE)}`);
  const template = openDatabaseAs<unknown>(addressOf(postgres, TEMPLATE), superuser(postgres), 2);
  await migrate(template);
  const password = randomBytes(12).toString('hex');
  const [username] = await createLogins(template, { a: password, b: randomBytes(12).toString('hex') });
  await template.destroy();
  return { postgres, folder, application: { username, password } };
}

async function asMaintenance(postgres: LocalPostgres, statement: RawBuilder<unknown>): Promise<void> {
  const maintenance = openDatabaseAs<unknown>(addressOf(postgres, 'postgres'), superuser(postgres), 1);
  await statement.execute(maintenance);
  await maintenance.destroy();
}

function addressOf(postgres: LocalPostgres, database: string): PostgresAddress {
  return { host: postgres.host, port: postgres.port, database, tls: 'off' };
}

function superuser(postgres: LocalPostgres): Login {
  return { username: postgres.superuser, password: postgres.password };
}
