import assert from 'node:assert/strict';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { updateReviews } from '../../../functions/deposits/match.repository.ts';
import { reconsiderReviews } from '../../../functions/deposits/reconsider.step.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  cycleAt,
  Statement,
  storeStatement,
} from '../../support/statement-scene.ts';

describe('reconsidering reviews', () => {
  let test: TestDatabase;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    sellerId = await addSeller(test.db);
    const statement = new Statement();
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
  });
  afterEach(async () => {
    await test.close();
  });

  const deposit = () =>
    test.db.selectFrom('deposit').select(['state', 'reason', 'candidates']).executeTakeFirstOrThrow();
  const orderPlaced = (opensAt: string, name = '홍길동0420') =>
    addOrder(test.db, { sellerId, name, amount: 10_000n, opensAt: at(opensAt), createdAt: at('10:20:00') });

  it('turns an unknown name into a payment before the order, when the order is placed later', async () => {
    assert.equal((await deposit()).reason, 'name_unknown');
    const orderId = await orderPlaced('10:20:00');
    assert.equal(await reconsiderReviews(await cycleAt(test, at('10:25:00'))), 1);
    const { state, reason, candidates } = await deposit();
    assert.deepEqual([state, reason, candidates.map(BigInt)], ['in_review', 'paid_before_order', [orderId]]);
  });

  it('never matches, not even what would fit by now', async () => {
    const orderId = await orderPlaced('09:59:00');
    await reconsiderReviews(await cycleAt(test, at('10:25:00')));
    const { state, candidates } = await deposit();
    assert.deepEqual([state, candidates.map(BigInt)], ['in_review', [orderId]]);
    const order = await test.db.selectFrom('shop_order').select('state').executeTakeFirstOrThrow();
    assert.equal(order.state, 'awaiting_deposit');
    assert.deepEqual(await test.db.selectFrom('allocation').selectAll().execute(), []);
  });

  it('leaves reviews alone that no later order names', async () => {
    await orderPlaced('10:20:00', '김철수1111');
    assert.equal(await reconsiderReviews(await cycleAt(test, at('10:25:00'))), 0);
  });

  it('judges a review again only for orders that are newer than its last judgement', async () => {
    await orderPlaced('10:20:00');
    assert.equal(await reconsiderReviews(await cycleAt(test, at('10:25:00'))), 1);
    assert.equal(await reconsiderReviews(await cycleAt(test, at('10:30:00'))), 0);
  });

  it('leaves a deposit alone that a person has decided on', async () => {
    await test.db.updateTable('deposit').set({ state: 'ignored', remaining: 0n }).execute();
    await orderPlaced('10:20:00');
    assert.equal(await reconsiderReviews(await cycleAt(test, at('10:25:00'))), 0);
    assert.equal((await deposit()).state, 'ignored');
    // Decided on while it was being judged: the judgement comes too late.
    const { row_id } = await test.db.selectFrom('deposit').select('row_id').executeTakeFirstOrThrow();
    await test.db
      .transaction()
      .execute(
        async (trx) =>
          await updateReviews(trx, [{ rowId: row_id, reason: 'combined', candidates: [] }], at('10:26:00')),
      );
    assert.equal((await deposit()).reason, 'name_unknown');
  });

  it('writes nothing once its lease has gone to another cycle', async () => {
    await orderPlaced('10:20:00');
    const late = await cycleAt(test, at('10:25:00'));
    await cycleAt(test, at('10:25:00'));
    await assert.rejects(reconsiderReviews(late), LeaseLost);
    assert.equal((await deposit()).reason, 'name_unknown');
  });
});
