import assert from 'node:assert/strict';
import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../../functions/migrations/index.ts';
import { migrate } from '../../../functions/migrations/migrate.ts';
import { isWhereItWas } from '../../../functions/transfers/stops.repository.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

/** Brings a database to the schema before identities told tables apart, remembering a cluster. */
async function oldDatabase(test: TestDatabase, cluster: string): Promise<void> {
  await sql`drop schema public cascade`.execute(test.owner);
  await sql`create schema public`.execute(test.owner);
  const migrator = new Migrator({
    db: test.owner,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
  });
  const { error } = await migrator.migrateTo('0008-people');
  assert.equal(error, undefined);
  await sql`
    insert into installation (database_identity, id_epoch, installed_at) values (${cluster}, 0, now())`.execute(
    test.owner,
  );
}

describe('a migration of a database that was installed before', () => {
  let test: TestDatabase;
  beforeEach(async () => (test = await createTestDatabase()));
  afterEach(() => test.close());

  const migrateAgain = (cluster?: string) => migrate(test.owner as unknown as Kysely<unknown>, cluster);

  it('takes it for the one that it was, in the cluster that it remembers', async () => {
    const { rows } = await sql<{ id: string }>`
      select system_identifier::text as id from pg_control_system()`.execute(test.owner);
    await oldDatabase(test, rows[0]!.id);
    await migrateAgain();
    assert.equal(await isWhereItWas(test.db, undefined), true);
  });

  it('does not swallow that it was restored, however often it runs', async () => {
    await oldDatabase(test, '7000000000000000001');
    await migrateAgain();
    await migrateAgain();
    await migrateAgain('cluster-A');
    assert.equal(await isWhereItWas(test.db, undefined), false);
    assert.equal(await isWhereItWas(test.db, 'cluster-A'), false);
  });

  it('remembers a new one by the name that the deployment gives its cluster', async () => {
    await test.owner.deleteFrom('installation').execute();
    await migrateAgain('cluster-A');
    assert.equal(await isWhereItWas(test.db, 'cluster-A'), true);
    assert.equal(await isWhereItWas(test.db, undefined), false);
  });
});
