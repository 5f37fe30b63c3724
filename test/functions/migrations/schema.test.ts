import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

describe('the schema', () => {
  let test: TestDatabase;
  before(async () => {
    test = await createTestDatabase();
  });
  after(async () => {
    await test.close();
  });

  const journals = [
    'statement_row',
    'statement_read',
    'attempt_evidence',
    'bank_message',
    'posting',
    'posting_seal',
    'reconciliation',
    'alarm',
    'audit',
    'books_comparison',
    'daily_close',
    'daily_close_account',
  ];
  for (const journal of journals) {
    it(`lets the application neither change nor delete a row of ${journal}`, async () => {
      await assert.rejects(sql`delete from ${sql.table(journal)}`.execute(test.db), { code: '42501' });
      const { rows } = await sql<{ column_name: string }>`
        select column_name from information_schema.columns where table_name = ${journal}
        order by ordinal_position desc limit 1`.execute(test.owner);
      const column = sql.id(rows[0]!.column_name);
      await assert.rejects(sql`update ${sql.table(journal)} set ${column} = ${column}`.execute(test.db), {
        code: '42501',
      });
    });

    it(`refuses even its owner to empty ${journal}`, async () => {
      await assert.rejects(sql`truncate ${sql.table(journal)} cascade`.execute(test.owner), /append-only/);
    });
  }

  it('lets the application delete from no table at all', async () => {
    const { rows } = await sql<{ table_name: string }>`
      select table_name from information_schema.role_table_grants
      where grantee = 'smart_transfer_app' and privilege_type not in ('SELECT', 'INSERT', 'UPDATE')`.execute(
      test.owner,
    );
    assert.deepEqual(rows, []);
  });

  it('refuses the owner, too, to change a posting', async () => {
    await sql`insert into posting (debit, credit, amount, kind, at) values ('bank:a', 'unallocated', 1, 'deposit', now())`.execute(
      test.db,
    );
    await assert.rejects(
      sql`update posting set amount = 2`.execute(test.owner),
      /posting is append-only: update refused/,
    );
    await assert.rejects(
      sql`delete from posting`.execute(test.owner),
      /posting is append-only: delete refused/,
    );
  });

  it('refuses a posting of nothing, of less than nothing, to itself, or to an account that nobody knows', async () => {
    const post = (debit: string, credit: string, amount: bigint) =>
      sql`insert into posting (debit, credit, amount, kind, at) values (${debit}, ${credit}, ${amount}, 'correction', now())`.execute(
        test.db,
      );
    await assert.rejects(post('fees', 'owner', 0n), { constraint: 'posting_amount_check' });
    await assert.rejects(post('fees', 'owner', -5n), { constraint: 'posting_amount_check' });
    await assert.rejects(post('fees', 'fees', 5n), { constraint: 'posting_two_accounts' });
    await assert.rejects(post('fees', 'pocket', 5n), { constraint: 'posting_known_accounts' });
  });

  it('gives the application time limits, so that a frozen function holds nothing for long', async () => {
    const { rows } = await sql<{ name: string; setting: string }>`
      select name, setting from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout') order by name`.execute(
      test.db,
    );
    assert.deepEqual(rows, [
      { name: 'idle_in_transaction_session_timeout', setting: '30000' },
      { name: 'lock_timeout', setting: '10000' },
      { name: 'statement_timeout', setting: '30000' },
      { name: 'transaction_timeout', setting: '60000' },
    ]);
  });
});
