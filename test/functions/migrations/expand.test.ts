import assert from 'node:assert/strict';
import { sql, type Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../../functions/migrations/index.ts';
import { migrate, recordServing, refuseWhileOlderServes } from '../../../functions/migrations/migrate.ts';
import { LIVES_WITH, SCHEMA } from '../../../functions/migrations/schema.ts';
import { createEmptyDatabase } from '../../support/database.ts';
import { brokenFor, readSchema, type Schema } from './what-a-release-relies-on.ts';

/**
 * What later migrations demand of tables that the release before writes to, each with why its functions fulfil it without knowing: such as a check that was
 * replaced by a wider one.
 */
const FULFILLED: Readonly<Record<string, string>> = {};

/** Takes what the release before uses, or demands what it does not know of. */
const CONTRACTIONS: readonly (readonly [what: string, statement: string, breach: RegExp])[] = [
  ['a column that goes', 'alter table alarm drop column detail', /^gone: column alarm\.detail jsonb$/],
  [
    'a column of another name',
    'alter table seller rename column name to title',
    /^gone: column seller\.name text$/,
  ],
  ['a table that goes', 'drop table deposit_remitter', /^gone: column deposit_remitter\./],
  [
    'a column of another type',
    'alter table api_rate alter column requests type bigint',
    /^gone: column api_rate\.requests integer$/,
  ],
  [
    'a right that is taken',
    'revoke update on payout_limit from smart_transfer_app',
    /^gone: right to UPDATE payout_limit\./,
  ],
  [
    'a function that goes',
    'drop function own_seller_id(text, text) cascade',
    /^gone: function own_seller_id\(shop text, seller text\) text$/,
  ],
  [
    'a sequence that may not be used',
    'revoke all on sequence bank_id_sequence from smart_transfer_app',
    /^gone: sequence bank_id_sequence$/,
  ],
  [
    'a column that must be given',
    'alter table alarm add column region text not null',
    /^alarm demands a value for region$/,
  ],
  [
    'a default that goes',
    'alter table seller alter column may_owe drop default',
    /^seller demands a value for may_owe$/,
  ],
  [
    'a column that may be null no longer',
    'alter table cycle alter column summary set not null',
    /^cycle demands no null in summary$/,
  ],
  [
    'a check',
    'alter table seller add constraint short check (length(name) < 40)',
    /^seller demands CHECK \(\(length\(name\) < 40\)\)$/,
  ],
  [
    'another unique index',
    'create unique index on seller (name)',
    /^seller demands unique public\.seller USING btree \(name\)$/,
  ],
  ['a unique index that goes', 'alter table alarm drop constraint alarm_pkey cascade', /^gone: unique /],
  [
    'a trigger',
    'create trigger stop before insert on seller for each row execute function refuse_change()',
    /^seller demands CREATE TRIGGER stop /,
  ],
];

async function migrateTo(db: Kysely<unknown>, newest: string): Promise<void> {
  const provider = { getMigrations: () => Promise.resolve({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateTo(newest);
  assert.equal(error, undefined);
}

describe('migrations after the last release', function () {
  this.timeout(60_000);

  it('only add: its functions find all that they use, and owe nothing that they do not know', async () => {
    const { db, close } = await createEmptyDatabase();
    try {
      await migrateTo(db, LIVES_WITH);
      const before = await readSchema(db);
      await migrate(db);
      const broken = brokenFor(before, await readSchema(db)).filter((line) => !(line in FULFILLED));
      assert.deepEqual(
        broken,
        [],
        'functions of the last release serve while this one takes over: add beside, and take away in the release after (docs/rollout.md)',
      );
    } finally {
      await close();
    }
  });
});

describe('a migration that takes away', function () {
  this.timeout(60_000);
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  let released: Schema;
  before(async () => {
    database = await createEmptyDatabase();
    await migrate(database.db);
    released = await readSchema(database.db);
  });
  after(async () => {
    await database.close();
  });

  for (const [what, statement, breach] of CONTRACTIONS)
    it(`is seen: ${what}`, async () => {
      const seen: string[] = [];
      const taken = new Error('taken back');
      await assert.rejects(
        database.db.transaction().execute(async (trx) => {
          await sql.raw(statement).execute(trx);
          seen.push(...brokenFor(released, await readSchema(trx)));
          throw taken;
        }),
        taken,
      );
      assert.ok(
        seen.some((line) => breach.test(line)),
        seen.join('\n') || 'nothing was seen',
      );
    });

  it('is not seen where tables, columns and rights are added', async () => {
    await sql`create table later (id bigint primary key)`.execute(database.db);
    await sql`alter table seller add column note text`.execute(database.db);
    await sql`alter table alarm add column region text not null default 'here'`.execute(database.db);
    await sql`grant select on later to smart_transfer_app`.execute(database.db);
    assert.deepEqual(brokenFor(released, await readSchema(database.db)), []);
  });
});

describe('a schema that older functions could not live with', function () {
  this.timeout(60_000);
  let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
  before(async () => {
    database = await createEmptyDatabase();
  });
  after(async () => {
    await database.close();
  });

  it('is brought to a new database, and while the release before serves, but not while an older one does', async () => {
    const { db } = database;
    await refuseWhileOlderServes(db, '0090-released');
    await migrate(db);
    await refuseWhileOlderServes(db, '0090-released');
    await recordServing(db, '0089-older');
    await assert.rejects(
      refuseWhileOlderServes(db, '0090-released'),
      /functions of the release with 0089-older serve still.*deploy the release with 0090-released first/,
    );
    for (const serving of ['0090-released', '0091-newer']) {
      await recordServing(db, serving);
      await refuseWhileOlderServes(db, '0090-released');
    }
  });

  it('is never older than what it was written beside', () => {
    assert.ok(LIVES_WITH in migrations);
    assert.ok([SCHEMA, LIVES_WITH].sort()[0] === LIVES_WITH);
  });
});
