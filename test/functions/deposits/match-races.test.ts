import assert from 'node:assert/strict';
import { sql, type Kysely } from 'kysely';
import { LeaseLost, takeLease } from '../../../functions/cycle/lease.ts';
import type { Database } from '../../../functions/database.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import type { UnbookedRow } from '../../../functions/deposits/classify.ts';
import { insertMatches, lockNamedOrders } from '../../../functions/deposits/match.repository.ts';
import { won } from '../../../functions/shared/money.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { lockWaiters } from '../../support/payout-world.ts';
import { race, RACERS, tally } from '../../support/racers.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  cancelOrder,
  cycleAt,
  minutes,
  namesOf,
  Statement,
  storeStatement,
} from '../../support/statement-scene.ts';
import { until } from '../../support/until.ts';

const GATE = 42;

describe('matching at the same time as others', () => {
  let test: TestDatabase;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    sellerId = await addSeller(test.db);
  });
  afterEach(async () => {
    await test.close();
  });

  const now = at('11:00:00');
  const deposit = () => test.db.selectFrom('deposit').select(['state', 'reason']).executeTakeFirst();

  /** Waits until so many sessions of this database wait for a lock. */
  const untilWaiting = async (sessions: number): Promise<void> => {
    await until(
      `${sessions} sessions wait for a lock`,
      async () => (await lockWaiters({ test })) === BigInt(sessions),
    );
  };

  /** A gate right before a page stores its deposits, when its orders are locked. `open` lets the page pass. */
  const gateBeforeDeposits = async (): Promise<{ open: () => Promise<void> }> => {
    await sql`
      create function wait_at_gate() returns trigger language plpgsql as $$
      begin perform pg_advisory_xact_lock(${sql.lit(GATE)}); return null; end $$`.execute(test.owner);
    await sql`create trigger wait_at_gate before insert on deposit for each statement execute function wait_at_gate()`.execute(
      test.owner,
    );
    const closed = await test.db.startTransaction().execute();
    await sql`select pg_advisory_xact_lock(${sql.lit(GATE)})`.execute(closed);
    return {
      open: async () => {
        await closed.commit().execute();
      },
    };
  };

  const oneMatch = async () => {
    const orderId = await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    const statement = new Statement();
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await storeStatement(test.db, statement.rows);
    return orderId;
  };

  it('finds an order cancelled that was cancelled before', async () => {
    const orderId = await oneMatch();
    await cancelOrder(test.db, orderId);
    await book(await cycleAt(test, now), ACCOUNT);
    assert.deepEqual(await deposit(), { state: 'in_review', reason: 'order_cancelled' });
  });

  it('waits for a cancellation under way, and then finds the order cancelled', async () => {
    const orderId = await oneMatch();
    const cancelling = await test.db.startTransaction().execute();
    await cancelOrder(cancelling, orderId);
    const booking = book(await cycleAt(test, now), ACCOUNT);
    await untilWaiting(1);
    await cancelling.commit().execute();
    assert.equal((await booking).matched, 0);
    assert.deepEqual(await deposit(), { state: 'in_review', reason: 'order_cancelled' });
  });

  it('makes a cancellation wait, which then finds the order paid and changes nothing', async () => {
    const orderId = await oneMatch();
    const gate = await gateBeforeDeposits();
    const booking = book(await cycleAt(test, now), ACCOUNT);
    await untilWaiting(1);
    const cancelling = cancelOrder(test.db, orderId);
    await untilWaiting(2);
    await gate.open();
    assert.equal((await booking).matched, 1);
    assert.equal((await cancelling).numUpdatedRows, 0n);
    assert.deepEqual(await deposit(), { state: 'matched', reason: null });
  });

  it('keeps the lease while a page is written, and loses it after that', async () => {
    await oneMatch();
    const gate = await gateBeforeDeposits();
    const context = await cycleAt(test, now);
    const booking = book(context, ACCOUNT);
    await untilWaiting(1);
    const taking = takeLease(test.db, 'another', new Date(now.getTime() + minutes(30)), minutes(5));
    await untilWaiting(2);
    await gate.open();
    assert.equal(await taking, context.token + 1n);
    // The look for a next page may come before the lease is taken, or after it.
    await booking.catch((error: unknown) => assert.ok(error instanceof LeaseLost));
    await assert.rejects(book(context, ACCOUNT), LeaseLost);
    assert.deepEqual(await deposit(), { state: 'matched', reason: null });
    assert.equal((await test.db.selectFrom('posting').select('posting_id').execute()).length, 4);
  });

  describe('a hundred times at once', () => {
    const allocate = async (db: Kysely<Database>, depositRowId: bigint, orderId: bigint) => {
      await db
        .insertInto('allocation')
        .values({
          deposit_row_id: depositRowId,
          order_id: orderId,
          amount: 1n,
          kind: 'automatic',
          made_by: null,
          made_at: now,
          undone_at: null,
        })
        .execute();
    };

    it('allocates one deposit once', async () => {
      const outcomes = await race(test, async (db, n) => await allocate(db, 1n, BigInt(n)));
      assert.deepEqual(
        tally(outcomes, () => 'allocated'),
        { allocated: 1, allocation_one_automatic_a_deposit: 99 },
      );
    });

    it('allocates one order once', async () => {
      const outcomes = await race(test, async (db, n) => await allocate(db, BigInt(n), 1n));
      assert.deepEqual(
        tally(outcomes, () => 'allocated'),
        { allocated: 1, allocation_one_automatic_an_order: 99 },
      );
    });

    it('pays one order with one deposit, and keeps nothing of the other pages', async () => {
      await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
      const [order] = await test.db
        .transaction()
        .execute(async (trx) => await lockNamedOrders(trx, ['홍길동0420']));
      const row = (n: number): UnbookedRow => ({
        rowId: BigInt(n + 1),
        account: ACCOUNT,
        occurredAt: at('10:00:00'),
        direction: 'in',
        amount: won(10_000n),
        balanceAfter: 0n,
        text: '홍길동0420',
        kind: '',
        possibleDuplicate: false,
      });
      const outcomes = await race(test, async (db, n) => {
        await db
          .transaction()
          .execute(
            async (trx) =>
              await insertMatches(trx, [{ row: row(n), names: namesOf('홍길동0420'), order: order! }], now),
          );
      });
      const counts = tally(outcomes, () => 'paid');
      assert.equal(counts['paid'], 1);
      assert.equal(outcomes.filter((outcome) => outcome.status === 'rejected').length, 99);
      assert.equal((await test.db.selectFrom('deposit').select('row_id').execute()).length, 1);
      assert.equal((await test.db.selectFrom('allocation').select('order_id').execute()).length, 1);
    });

    it('books one page of one cycle once, whoever else works under its token', async () => {
      await oneMatch();
      const context = await cycleAt(test, now);
      const outcomes = await race(test, async (db) => await book({ ...context, db }, ACCOUNT));
      assert.equal(tally(outcomes, (booked) => `matched ${booked.matched}`)['matched 1'], 1);
      assert.deepEqual(await deposit(), { state: 'matched', reason: null });
      assert.equal((await test.db.selectFrom('allocation').select('order_id').execute()).length, 1);
      assert.equal((await test.db.selectFrom('posting').select('posting_id').execute()).length, 4);
      assert.equal((await test.db.selectFrom('transfer').select('transfer_id').execute()).length, 1);
    });

    it('lets one of 100 cancellations win, or the match, and never both', async () => {
      await oneMatch();
      const context = await cycleAt(test, now);
      const booking = Promise.withResolvers<number>();
      const cancelling = await race(test, async (db, n) => {
        if (n === RACERS / 2) booking.resolve(book(context, ACCOUNT).then(({ matched }) => matched));
        const { numUpdatedRows } = await db
          .updateTable('shop_order')
          .set({ state: 'cancelled', closed_at: now })
          .where('state', '=', 'awaiting_deposit')
          .executeTakeFirst();
        return numUpdatedRows === 1n ? 'cancelled' : 'refused';
      });
      const { cancelled = 0, refused } = tally(cancelling, (name) => name);
      const matched = await booking.promise;
      assert.equal(cancelled + matched, 1);
      assert.equal(refused, RACERS - cancelled);
      const order = await test.db.selectFrom('shop_order').select('state').executeTakeFirstOrThrow();
      assert.equal(order.state, matched === 1 ? 'paid' : 'cancelled');
      const reviewed = { state: 'in_review', reason: 'order_cancelled' };
      assert.deepEqual(await deposit(), matched === 1 ? { state: 'matched', reason: null } : reviewed);
    });
  });

  for (const [what, change] of [
    ['is closed by now', { state: 'cancelled' as const, closed_at: now }],
    ['has been paid in part', { outstanding: 9_999n }],
  ] as const) {
    it(`refuses to pay an order that ${what}`, async () => {
      const orderId = await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
      const [order] = await test.db
        .transaction()
        .execute(async (trx) => await lockNamedOrders(trx, ['홍길동0420']));
      await test.db.updateTable('shop_order').set(change).where('order_id', '=', orderId).execute();
      const row: UnbookedRow = {
        rowId: 1n,
        account: ACCOUNT,
        occurredAt: at('10:00:00'),
        direction: 'in',
        amount: won(10_000n),
        balanceAfter: 0n,
        text: '홍길동0420',
        kind: '',
        possibleDuplicate: false,
      };
      const paying = test.db
        .transaction()
        .execute(async (trx) => await insertMatches(trx, [{ row, names: [], order: order! }], now));
      await assert.rejects(paying, /orders marked paid: 0 rows instead of 1/);
      assert.equal(await deposit(), undefined);
    });
  }
});
