import assert from 'node:assert/strict';
import { book } from '../../../functions/deposits/book.step.ts';
import { listRules } from '../../../functions/deposits/rules.repository.ts';
import { addRule, removeRule, type NewRule } from '../../../functions/deposits/rules.step.ts';
import { actingAs } from '../../support/acting.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  imbalance,
  leaveInDoubt,
  referenceOf,
  replayedBalances,
  Statement,
  storeStatement,
  succeed,
} from '../../support/statement-scene.ts';

describe('rules for rows that are nobody’s order and nobody’s payout', () => {
  let test: TestDatabase;
  let statement: Statement;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
  });
  afterEach(async () => {
    assert.equal(imbalance(await replayedBalances(test.db)), 0n);
    await test.close();
  });

  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    return await book(await cycleAt(test, at(time)), ACCOUNT);
  };
  const add = (rule: Partial<NewRule>) =>
    addRule(test.db, actingAs('kim', at('12:00:00')), {
      account: ACCOUNT,
      direction: 'out',
      text: undefined,
      kind: undefined,
      to: 'bank_fees',
      apply: false,
      ...rule,
    });
  const refusalOf = async (adding: ReturnType<typeof add>) => {
    const outcome = await adding;
    assert.ok(outcome.outcome === 'refused', 'it was not refused');
    assert.deepEqual(await listRules(test.db, true), []);
    return outcome;
  };
  const added = async (adding: ReturnType<typeof add>) => {
    const outcome = await adding;
    if (outcome.outcome === 'refused') assert.fail(outcome.message);
    return outcome.result;
  };

  /** A payout that has left, by its row on the statement. */
  const payout = async (kind: string) => {
    const sellerId = await addSeller(test.db, { feeBp: 0 });
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'), '모바일');
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await succeed(test, claim!, at('10:06:01'));
    statement.out(10_000n, await referenceOf(test, claim!), at('10:06:01'), kind);
    await bookAt('10:10:00');
    return await referenceOf(test, claim!);
  };

  it('explain rows from then on, and those in suspense when they are told to', async () => {
    statement.out(500n, '이체수수료', at('10:00:00'));
    statement.out(500n, '이체수수료', at('10:01:00'));
    statement.out(700n, '다른 출금', at('10:02:00'));
    await bookAt('10:05:00');
    const { fitting, applied, ruleId } = await added(add({ text: '이체수수료', apply: true }));
    assert.deepEqual(fitting, [{ state: 'unexplained', rows: 2, won: 1000n }]);
    assert.equal(applied, 2);
    const states = await test.db
      .selectFrom('withdrawal')
      .select(['state', 'ledger_account'])
      .orderBy('row_id')
      .execute();
    assert.deepEqual(states, [
      { state: 'classified', ledger_account: 'bank_fees' },
      { state: 'classified', ledger_account: 'bank_fees' },
      { state: 'unexplained', ledger_account: 'suspense' },
    ]);
    statement.out(500n, '이체수수료', at('12:05:00'));
    await bookAt('12:06:00');
    const balances = await replayedBalances(test.db);
    assert.deepEqual([balances['bank_fees'], balances['suspense']], [-1500n, -700n]);
    const [trace] = await test.db.selectFrom('audit').select(['action', 'subject']).execute();
    assert.deepEqual(trace, { action: 'rules add', subject: `rule ${ruleId.toString()}` });
  });

  it('leave what is in suspense there unless they are told to explain it', async () => {
    statement.out(500n, '이체수수료', at('10:00:00'));
    await bookAt('10:05:00');
    assert.equal((await added(add({ text: '이체수수료' }))).applied, 0);
    assert.equal((await replayedBalances(test.db))['suspense'], -500n);
  });

  it('say which rows are meant: none fits every row of an account', async () => {
    await bookAt('10:05:00');
    statement.out(500n, 'x', at('10:00:00'));
    await bookAt('10:05:00');
    assert.equal((await refusalOf(add({}))).code, 'fits_everything');
    assert.equal((await refusalOf(add({ direction: 'in' }))).code, 'fits_everything');
    assert.equal((await refusalOf(add({ text: '' }))).code, 'fits_everything');
    assert.equal((await refusalOf(add({ account: 'elsewhere', text: 'x' }))).code, 'not_found');
  });

  it('may not fit our own payouts by their kind, which would explain away one with a mangled reference', async () => {
    await payout('이체');
    const refused = await refusalOf(add({ kind: '이체' }));
    assert.equal(refused.code, 'fits_ours');
    assert.match(refused.message, /1 rows of the last 30 days that are transfer/);
  });

  it('may name no reference of ours, and may not fit deposits that paid orders', async () => {
    const reference = await payout('이체');
    assert.equal((await refusalOf(add({ text: reference.toLowerCase() }))).code, 'fits_ours');
    assert.equal((await refusalOf(add({ direction: 'in', kind: '모바일', to: 'owner' }))).code, 'fits_ours');
  });

  it('explain no row in suspense on which a reference like ours stands', async () => {
    statement.out(500n, 'STZZ0000001', at('10:00:00'), '수수료');
    await bookAt('10:05:00');
    assert.equal((await added(add({ kind: '수수료', apply: true }))).applied, 0);
    assert.equal((await replayedBalances(test.db))['suspense'], -500n);
  });

  it('explain no row that may be a payout in doubt: two people say what it was, since one who errs would have it sent again', async () => {
    const sellerId = await addSeller(test.db, { feeBp: 0 });
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await leaveInDoubt(test, claim!);
    statement.out(10_000n, '이체 ST', at('10:06:01'), '이체');
    await bookAt('10:10:00');
    for (const apply of [true, false]) {
      const refused = await refusalOf(add({ text: '이체 ST', apply }));
      assert.equal(refused.code, 'may_be_a_payout');
      assert.match(refused.message, new RegExp(`may be transfer ${claim!.posted.transferId.toString()}`));
    }
    await succeed(test, claim!, at('10:11:00'));
    assert.equal((await added(add({ text: '이체 ST', apply: true }))).applied, 1);
  });

  it('are ended once, and fit nothing any more', async () => {
    statement.out(500n, 'x', at('10:00:00'));
    await bookAt('10:05:00');
    const { ruleId } = await added(add({ text: '이체수수료' }));
    const remove = () => removeRule(test.db, actingAs('lee', at('12:01:00')), ruleId);
    assert.equal((await remove()).outcome, 'done');
    assert.equal((await remove()).outcome, 'refused');
    statement.out(500n, '이체수수료', at('12:05:00'));
    assert.equal((await bookAt('12:06:00')).unexplained, 1);
    assert.deepEqual(await listRules(test.db, false), []);
    assert.equal((await listRules(test.db, true)).length, 1);
  });
});
