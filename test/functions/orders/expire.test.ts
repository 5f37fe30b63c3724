import assert from 'node:assert/strict';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { expire } from '../../../functions/orders/expire.step.ts';
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

describe('expiring orders', () => {
  let test: TestDatabase;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    sellerId = await addSeller(test.db);
  });
  afterEach(async () => {
    await test.close();
  });

  const now = at('15:00:00');
  const expireNow = async () => await expire(await cycleAt(test, now));
  const order = (expiresAt: Date | null = at('12:00:00')) =>
    addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n, expiresAt });
  const states = async () =>
    (await test.db.selectFrom('shop_order').select('state').orderBy('order_id').execute()).map(
      (one) => one.state,
    );
  const readThrough = (time: string, rows = new Statement().rows) =>
    storeStatement(test.db, rows, ACCOUNT, at(time));

  it('closes an order once the account is read to ten minutes beyond its deadline', async () => {
    await order();
    await readThrough('12:09:59');
    assert.equal(await expireNow(), 0);
    assert.deepEqual(await states(), ['awaiting_deposit']);
    await readThrough('12:10:00');
    assert.equal(await expireNow(), 1);
    assert.deepEqual(await states(), ['expired']);
    assert.equal(await expireNow(), 0);
  });

  it('closes no order before the account was ever read', async () => {
    await order();
    assert.equal(await expireNow(), 0);
  });

  it('leaves an order open that has no deadline', async () => {
    await order(null);
    await readThrough('14:59:59');
    assert.equal(await expireNow(), 0);
  });

  it('leaves an order alone that is paid or cancelled', async () => {
    const orderId = await order();
    await test.db
      .updateTable('shop_order')
      .set({ state: 'cancelled', closed_at: now })
      .where('order_id', '=', orderId)
      .execute();
    await readThrough('14:59:59');
    assert.equal(await expireNow(), 0);
    assert.deepEqual(await states(), ['cancelled']);
  });

  it('waits until every row is booked, and so expires nobody who paid in time, however late the cycle', async () => {
    await order();
    const statement = new Statement();
    statement.in(10_000n, '홍길동0420', at('11:59:59'));
    await readThrough('14:59:59', statement.rows);
    assert.equal(await expireNow(), 0);
    await book(await cycleAt(test, now), ACCOUNT);
    assert.equal(await expireNow(), 0);
    assert.deepEqual(await states(), ['paid']);
  });

  it("goes by the collection account's reading, not by another account's", async () => {
    await order();
    await storeStatement(test.db, [], 'another', at('14:59:59'));
    assert.equal(await expireNow(), 0);
  });

  it('closes nothing once its lease has gone to another cycle', async () => {
    await order();
    await readThrough('14:59:59');
    const late = await cycleAt(test, now);
    await cycleAt(test, now);
    await assert.rejects(expire(late), LeaseLost);
    assert.deepEqual(await states(), ['awaiting_deposit']);
  });
});
