import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql, type Kysely } from 'kysely';
import type { DryRunAnswer } from '../../functions/shared/dry-run.ts';
import { won } from '../../functions/shared/money.ts';
import { COLLECTION_ACCOUNT, DATABASE } from '../../local/system.ts';
import { openDatabaseAs } from '../../functions/shared/postgres.ts';
import { SCHEMA } from '../../functions/migrations/schema.ts';
import { migrations } from '../../functions/migrations/index.ts';
import { dumpDatabase } from '../support/logical-dump.ts';
import { startShopSystem, type ShopSystem } from './shop-system.ts';

describe('the dry run of a version', function () {
  this.timeout(120_000);
  let folder: string;
  let world: ShopSystem;
  let owner: Kysely<{ kysely_migration: { name: string } }>;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-dry-run-'));
    world = await startShopSystem(folder, { webhooks: true });
    const { postgres } = world.system;
    owner = openDatabaseAs<{ kysely_migration: { name: string } }>(
      { host: postgres.host, port: postgres.port, database: DATABASE, tls: 'off' },
      { username: postgres.superuser, password: postgres.password },
    );
    await world.addShop('shop');
    await world.cycle();
    // What the next cycle would book.
    world.system.bank.deposit({ account: COLLECTION_ACCOUNT, amount: won(12_000n), text: '모르는이름' });
  });
  after(async () => {
    await owner.destroy();
    await world.system.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Everything that money hangs on: all rows of all tables, and the bank's rows and transfers. */
  async function everything(): Promise<unknown> {
    const { bank } = world.system;
    const { tables } = await dumpDatabase(owner);
    return { tables, rows: bank.rows(COLLECTION_ACCOUNT), transfers: bank.transfers() };
  }
  const ask = async (name: string, stage: 'before' | 'after' = 'before') => {
    const asked = world.system.functions.find((one) => one.name === name);
    assert.ok(asked !== undefined, `there is no function ${name}`);
    return await asked.invoke({ dry_run: true, stage });
  };

  const LOOKED_AT: Record<string, RegExp> = {
    matcher:
      /database, the secret .*keys, the secret .*, the database and its schema, the bank, a cycle that was rolled back \(1 rows booked\)$/,
    settlement: /the secret .*payout.*, the database and its schema, the bank$/,
    verification: /the database and its schema$/,
    api: /the secret .*webhook.*, the database and its schema$/,
    operators: /the database and its schema$/,
    migration: /the secret .*, the database as the schema's owner$/,
    rotation: /the secret .*, the secret .*, the database as the schema's owner$/,
    'webhook-fan-out': /the database and its schema$/,
    'webhook-record': /the database and its schema$/,
    'webhook-delivery-fast': /^the secret .*webhook/,
    'webhook-delivery-slow': /^the secret .*webhook/,
  };

  it('is answered by every function, and changes nothing in the database or at the bank', async () => {
    const names = world.system.functions.map(({ name }) => name);
    assert.deepEqual(names.toSorted(), Object.keys(LOOKED_AT).toSorted());
    const was = await everything();
    for (const stage of ['before', 'after'] as const)
      for (const name of names) {
        const answer = await ask(name, stage);
        assert.equal(answer.outcome, 'returned', `${name}: ${JSON.stringify(answer)}`);
        const { ok, checked } = (answer as { payload: unknown }).payload as DryRunAnswer;
        assert.equal(ok, true);
        assert.match(checked.join(', '), LOOKED_AT[name]!, name);
      }
    assert.deepEqual(await everything(), was);
  });

  it('leaves what it rehearsed to the next real cycle', async () => {
    await world.cycle();
    const { deposits } = await world.system.db
      .selectFrom('deposit')
      .select((eb) => eb.fn.countAll<bigint>().as('deposits'))
      .executeTakeFirstOrThrow();
    assert.equal(deposits, 1n);
  });

  it('does not stand in the way of a real cycle, nor fail beside one', async () => {
    const { matcher } = world.system;
    const [dry, real] = await Promise.all([
      matcher.invoke({ dry_run: true }),
      matcher.invoke({}, { queueMsMax: 60_000 }),
    ]);
    assert.equal(dry.outcome, 'returned', JSON.stringify(dry));
    assert.equal(real.outcome, 'returned', JSON.stringify(real));
    assert.ok('began_at' in ((real as { payload: unknown }).payload as object), JSON.stringify(real));
  });

  it('fails with a sentence when the schema is older than the code, and when the bank is away', async () => {
    const saying = async (name: string, pattern: RegExp): Promise<void> => {
      const answer = await ask(name);
      assert.notEqual(answer.outcome, 'returned', JSON.stringify(answer));
      assert.match(JSON.stringify(answer), pattern);
    };
    const rename = async (from: string, to: string): Promise<void> => {
      await owner.updateTable('kysely_migration').set({ name: to }).where('name', '=', from).execute();
    };
    await rename(SCHEMA, '0000-away');
    try {
      for (const name of ['matcher', 'settlement', 'api', 'webhook-record'])
        await saying(name, new RegExp(`the database and its schema: it lacks the migration ${SCHEMA}`));
    } finally {
      await rename('0000-away', SCHEMA);
    }
    await world.system.bank.stop();
    await saying('matcher', /the bank: it did not show its statement: unavailable/);
    await saying('settlement', /the bank: it did not answer an inquiry: unavailable/);
  });

  it('is beside the point for a migration, which refuses to begin while an older release serves, unless nobody does', async () => {
    const migration = world.system.functions.find(({ name }) => name === 'migration');
    assert.ok(migration !== undefined);
    assert.equal((await migration.invoke({ step: 'serving' })).outcome, 'returned');
    assert.equal((await migration.invoke({})).outcome, 'returned');
    await sql`update serving_release set schema = '0001-sellers'`.execute(owner);
    const refused = JSON.stringify(await migration.invoke({}));
    assert.match(refused, /functions of the release with 0001-sellers serve still/);
    assert.equal((await migration.invoke({ nobody_serves: true })).outcome, 'returned');
    assert.notEqual((await migration.invoke({ step: 'serve' })).outcome, 'returned');
  });
});

describe('the schema that functions look for', () => {
  it('is the newest migration, and migrations are in the order of their names', () => {
    const names = Object.keys(migrations);
    assert.deepEqual(names, names.toSorted());
    assert.equal(SCHEMA, names.at(-1));
  });
});
