import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { BankRefusal, RemitterPage, RemitterRow, StatementRow } from '../../../functions/bank/bank.ts';
import { askForSenders } from '../../../functions/deposits/senders.step.ts';
import { readSender, readSendersAccount } from '../../../functions/deposits/sender.repository.ts';
import { openReviewScene, type ReviewScene } from '../../support/review-scene.ts';
import { at, cycleAt, exchangeOf, refusal, ScriptedBank, vault } from '../../support/statement-scene.ts';

const ACCOUNT = { bankCode: '004', accountNumber: '100000000001' };
const SENDER = { bankCode: '088', accountNumber: '110222333444', name: '홍길동' };

describe('asking the bank who sent what waits for a person', () => {
  let scene: ReviewScene;
  let bank: ScriptedBank;
  beforeEach(async () => {
    scene = await openReviewScene();
    bank = new ScriptedBank();
  });
  afterEach(async () => {
    await scene.close();
  });

  const page = (rows: readonly RemitterRow[], nextPage?: string): RemitterPage => ({
    outcome: 'page',
    rows,
    exchange: exchangeOf('remitter_list', { request: 'account', answer: 'account' }),
    ...(nextPage === undefined ? {} : { nextPage }),
  });
  const sentBy = (
    { occurredAt, amount, balanceAfter }: StatementRow,
    changes: Partial<RemitterRow> = {},
  ) => ({
    occurredAt,
    amount,
    balanceAfter,
    ...SENDER,
    ...changes,
  });
  const rowOf = (index: number) => scene.statement.rows[index]!;
  const ask = async (time: string, settings: object = { sendersOf: ACCOUNT }) => {
    const warned: string[] = [];
    const log = {
      info: () => undefined,
      warn: (message: string) => void warned.push(message),
      error: (message: string) => assert.fail(message),
    };
    const context = await cycleAt(scene.test, at(time), { bank, settings, log });
    return { known: await askForSenders(context), warned };
  };

  it('keeps the account, its number encrypted, and asks no more', async () => {
    const rowId = await scene.unknown(10_000n, '10:00:00');
    bank.answerSenders = () => page([sentBy(rowOf(0))]);
    assert.equal((await ask('10:05:00')).known, 1);
    assert.deepEqual(bank.senderRequests, [{ account: ACCOUNT, at: at('10:00:00') }]);
    assert.deepEqual(await readSender(scene.test.db, rowId), {
      bankCode: '088',
      masked: '********3444',
      holder: '홍길동',
    });
    assert.equal((await readSendersAccount(scene.test.db, vault, rowId))?.accountNumber, '110222333444');
    const { rows: stored } = await sql<{ text: string }>`
      select deposit_remitter::text as text from deposit_remitter`.execute(scene.test.db);
    assert.doesNotMatch(stored[0]?.text ?? '', /110222333444/);
    await ask('10:10:00');
    assert.equal(bank.senderRequests.length, 1);
  });

  it('keeps the exchange, encrypted', async () => {
    await scene.unknown(10_000n, '10:00:00');
    bank.answerSenders = () => page([]);
    await ask('10:05:00');
    const kept = await scene.test.db.selectFrom('bank_message').select('operation').execute();
    assert.deepEqual(kept, [{ operation: 'remitter_list' }]);
  });

  it('asks once of one second, and tells its deposits apart by amount and balance', async () => {
    scene.statement.in(5000n, '모르는사람', at('10:00:00'));
    scene.statement.in(5000n, '모르는사람', at('10:00:00'));
    await scene.bookAt('10:01:00');
    bank.answerSenders = () => page([sentBy(rowOf(1), { name: '둘째' }), sentBy(rowOf(0), { name: '첫째' })]);
    assert.equal((await ask('10:05:00')).known, 2);
    assert.equal(bank.senderRequests.length, 1);
    const told = await scene.test.db
      .selectFrom('deposit_remitter')
      .select('holder')
      .orderBy('row_id')
      .execute();
    assert.deepEqual(told, [{ holder: '첫째' }, { holder: '둘째' }]);
  });

  it('reads the pages of a second to the last', async () => {
    const rowId = await scene.unknown(10_000n, '10:00:00');
    bank.answerSenders = ({ page: asked }) =>
      asked === undefined ? page([], 'R1') : page([sentBy(rowOf(0))]);
    await ask('10:05:00');
    assert.equal((await readSender(scene.test.db, rowId))?.holder, '홍길동');
  });

  for (const [what, rows] of [
    ['a row without an account', (row: StatementRow) => [sentBy(row, { accountNumber: '' })]],
    ['two rows that nothing tells apart', (row: StatementRow) => [sentBy(row), sentBy(row)]],
  ] as const) {
    it(`proposes nobody by ${what}, and asks no more`, async () => {
      const rowId = await scene.unknown(10_000n, '10:00:00');
      bank.answerSenders = () => page(rows(rowOf(0)));
      assert.equal((await ask('10:05:00')).known, 0);
      assert.equal(await readSender(scene.test.db, rowId), undefined);
      await ask('10:10:00');
      assert.equal(bank.senderRequests.length, 1);
    });
  }

  it('asks again for a day of a row that the bank does not list yet', async () => {
    await scene.unknown(10_000n, '10:00:00');
    bank.answerSenders = () => page([]);
    await ask('10:05:00');
    await ask('23:59:00');
    assert.equal(bank.senderRequests.length, 2);
    const tomorrow = await cycleAt(scene.test, at('10:01:00', '2026-03-11'), {
      bank,
      settings: { sendersOf: ACCOUNT },
    });
    await askForSenders(tomorrow);
    await askForSenders(tomorrow);
    assert.equal(bank.senderRequests.length, 3);
  });

  it('warns when the bank does not answer, asks of no other deposit, and has not failed', async () => {
    await scene.unknown(10_000n, '10:00:00');
    await scene.unknown(20_000n, '10:00:30');
    const answers: BankRefusal[] = [refusal('remitter_list')];
    bank.answerSenders = () => answers[0]!;
    const { known, warned } = await ask('10:05:00');
    assert.equal(known, 0);
    assert.equal(warned.length, 1);
    assert.equal(bank.senderRequests.length, 1);
  });

  it('asks nobody where the collection account’s number is not set', async () => {
    await scene.unknown(10_000n, '10:00:00');
    await ask('10:05:00', {});
    assert.deepEqual(bank.senderRequests, []);
  });
});
