import assert from 'node:assert/strict';
import type { Kysely } from 'kysely';
import type { Database } from '../../../functions/database.ts';
import { cancelOrder, placeOrders, type OrderToPlace } from '../../../functions/orders/order.repository.ts';
import { issueName } from '../../../functions/orders/depositor-name.ts';
import { won } from '../../../functions/shared/money.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { race, RACERS, tally } from '../../support/racers.ts';
import { addSeller, at } from '../../support/statement-scene.ts';

const DAY_MS = 86_400_000;

describe('placing orders', () => {
  let test: TestDatabase;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    sellerId = await addSeller(test.db);
  });
  afterEach(async () => {
    await test.close();
  });

  const now = at('10:00:00');
  const orderOf = (shopOrderId: string, more: Partial<OrderToPlace> = {}): OrderToPlace => ({
    shopId: 'shop',
    shopOrderId,
    sellerId,
    recipientName: '홍길동',
    amount: won(10_000n),
    opensAt: now,
    expiresAt: undefined,
    ...more,
  });
  const place = async (
    orders: readonly OrderToPlace[],
    options: { db?: Kysely<Database>; at?: Date; chance?: () => number } = {},
  ) => {
    const { db = test.db, at: placedAt = now, chance = () => 0.42 } = options;
    return await db.transaction().execute(async (trx) => await placeOrders(trx, orders, placedAt, chance));
  };
  const cancel = async (db: Kysely<Database>, shopOrderId: string) =>
    await db.transaction().execute(async (trx) => await cancelOrder(trx, 'shop', shopOrderId, now));
  const firstChoice = issueName('홍길동', new Set(), () => 0.42);

  it('gives one name to exactly one of 100 shops that draw it at once, and each other shop another name', async () => {
    const draws = Array.from({ length: RACERS }, () => 0);
    const outcomes = await race(test, async (db, n) => {
      // Everybody draws the same number first, and then one of its own.
      const chance = () => ((draws[n] = (draws[n] ?? 0) + 1) === 1 ? 0.42 : n / RACERS + 0.005);
      const [placed] = await place([orderOf('order', { shopId: `shop ${n}` })], { db, chance });
      return placed?.depositorName ?? 'none';
    });
    assert.ok(firstChoice.outcome === 'issued');
    const names = tally(outcomes, (name) => name);
    assert.equal(Object.keys(names).length, RACERS);
    assert.equal(names[firstChoice.name], 1);
    assert.equal(draws.filter((count) => count > 1).length, 99, 'the name was refused to 99');
    const { length } = await test.db.selectFrom('shop_order').select('order_id').execute();
    assert.equal(length, RACERS);
  });

  it('places an order of a shop once, however often it is sent at once', async () => {
    const outcomes = await race(test, async (db, n) => {
      await place([orderOf('order', { recipientName: '김안규' })], { db, chance: () => n / RACERS });
    });
    assert.deepEqual(
      tally(outcomes, () => 'placed'),
      { placed: 1, shop_order_once: 99 },
    );
  });

  it('lets one of 100 cancellations of an order cancel it, and tells the others that it is cancelled', async () => {
    await place([orderOf('order')]);
    const outcomes = await race(test, async (db) => await cancel(db, 'order'));
    assert.deepEqual(
      tally(outcomes, (outcome) => outcome),
      { cancelled: 1, already_cancelled: 99 },
    );
  });

  describe('a name that was issued', () => {
    const nameAgain = async (closedAt: Date, amount: bigint) => {
      const [first] = await place([orderOf('first')]);
      await test.db.updateTable('shop_order').set({ state: 'cancelled', closed_at: closedAt }).execute();
      const [second] = await place([orderOf('second', { amount: won(amount) })], {
        at: new Date(closedAt.getTime() + 90 * DAY_MS),
      });
      return second?.depositorName === first?.depositorName;
    };

    it('rests for 90 days after its order is closed', async () => {
      assert.equal(await nameAgain(now, 20_000n), true);
    });

    it('is given again a moment before that to nobody', async () => {
      const [first] = await place([orderOf('first')]);
      await test.db.updateTable('shop_order').set({ state: 'cancelled', closed_at: now }).execute();
      const [second] = await place([orderOf('second', { amount: won(20_000n) })], {
        at: new Date(now.getTime() + 90 * DAY_MS - 1000),
        chance: drawsThen(0.42, 0.43),
      });
      assert.notEqual(second?.depositorName, first?.depositorName);
    });

    for (const [days, same] of [
      [364, false],
      [365, true],
    ] as const) {
      it(`is ${same ? '' : 'not '}given again with the same amount after ${days} days`, async () => {
        const [first] = await place([orderOf('first')]);
        await test.db.updateTable('shop_order').set({ state: 'cancelled', closed_at: now }).execute();
        const [second] = await place([orderOf('second')], {
          at: new Date(now.getTime() + days * DAY_MS),
          chance: drawsThen(0.42, 0.43),
        });
        assert.equal(second?.depositorName === first?.depositorName, same);
      });
    }
  });

  /** The first number once, and then the other. */
  function drawsThen(first: number, then: number): () => number {
    let drawn = false;
    return () => {
      if (drawn) return then;
      drawn = true;
      return first;
    };
  }
});
