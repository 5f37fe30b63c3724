import assert from 'node:assert/strict';
import { book } from '../../../functions/deposits/book.step.ts';
import type { Claim } from '../../../functions/transfers/claim.step.ts';
import { findDifferences } from '../../../functions/ledger/compare.step.ts';
import { handBackUnsent, recordProvenEnd } from '../../../functions/transfers/outcome.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addOrders,
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

describe('a deposit that the bank takes back', () => {
  let test: TestDatabase;
  let statement: Statement;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
    sellerId = await addSeller(test.db, { feeBp: 100 });
  });
  afterEach(async () => {
    assert.deepEqual((await findDifferences(test.db))?.differences, []);
    await test.close();
  });

  const noPageFails = {
    info: () => undefined,
    warn: (message: string) => assert.fail(message),
    error: (message: string) => assert.fail(message),
  };
  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    return await book(await cycleAt(test, at(time), { log: noPageFails }), ACCOUNT);
  };
  const transfers = async () =>
    (await test.db.selectFrom('transfer').selectAll().orderBy('transfer_id').execute()).map(
      ({ amount, state, held_reason }) => `${amount} ${held_reason ?? state}`,
    );
  const orderStates = async () =>
    await test.db.selectFrom('shop_order').select(['state', 'outstanding']).orderBy('order_id').execute();
  const balances = async () => {
    const found = await replayedBalances(test.db);
    assert.equal(imbalance(found), 0n);
    assert.equal(found[`bank:${ACCOUNT}`], statement.rows.at(-1)?.balanceAfter);
    return {
      seller: found[`seller:${sellerId}`] ?? 0n,
      unallocated: found['unallocated'],
      fees: found['fees'] ?? 0n,
    };
  };
  const depositStates = async () =>
    (await test.db.selectFrom('deposit').select(['state', 'remaining']).orderBy('row_id').execute()).map(
      ({ state, remaining }) => `${state} ${remaining}`,
    );

  it('is reversed while it is in review, and nothing of it is left', async () => {
    statement.in(5_000n, '모르는사람', at('10:00:00'));
    await bookAt('10:05:00');
    statement.out(5_000n, '모르는사람', at('10:06:00'), '입금취소');
    assert.equal((await bookAt('10:10:00')).reversed, 1);
    assert.deepEqual(await depositStates(), ['reversed 0']);
    assert.deepEqual(await balances(), { seller: 0n, unallocated: 0n, fees: 0n });
    const alarms = await test.db.selectFrom('alarm').select('name').execute();
    assert.deepEqual(alarms, [{ name: 'deposit_reversed' }]);
  });

  it('is reversed, too, when it came and went between two reads', async () => {
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    statement.out(10_000n, '홍길동0420', at('10:02:00'), '입금취소');
    statement.in(10_000n, '홍길동0420', at('10:03:00'));
    const booked = await bookAt('10:05:00');
    assert.deepEqual([booked.reversed, booked.unexplained], [1, 0]);
    assert.deepEqual(await depositStates(), ['reversed 0', 'matched 0']);
    assert.deepEqual(await orderStates(), [{ state: 'paid', outstanding: 0n }]);
    assert.deepEqual(await transfers(), ['9900 cancelled', '9900 planned']);
  });

  it('makes its order unpaid while the payout is planned, and plans the rest of the payout anew', async () => {
    await addOrders(test.db, [
      { sellerId, name: '가나다1111', amount: 10_000n },
      { sellerId, name: '가나다2222', amount: 20_000n },
      { sellerId, name: '가나다3333', amount: 30_000n },
    ]);
    statement.in(10_000n, '가나다1111', at('10:00:00'));
    statement.in(20_000n, '가나다2222', at('10:00:01'));
    statement.in(30_000n, '가나다3333', at('10:00:02'));
    await bookAt('10:05:00');
    statement.out(20_000n, '가나다2222', at('10:06:00'), '취소');
    await bookAt('10:10:00');
    assert.deepEqual(await orderStates(), [
      { state: 'paid', outstanding: 0n },
      { state: 'awaiting_deposit', outstanding: 20_000n },
      { state: 'paid', outstanding: 0n },
    ]);
    assert.deepEqual(await transfers(), ['59400 cancelled', '39600 planned']);
    assert.deepEqual(await balances(), { seller: 39_600n, unallocated: 0n, fees: 400n });
    const live = await test.db
      .selectFrom('transfer_item')
      .select(['amount', 'fee'])
      .where('live', '=', true)
      .orderBy('order_id')
      .execute();
    assert.deepEqual(live, [
      { amount: 10_000n, fee: 100n },
      { amount: 30_000n, fee: 300n },
    ]);
    statement.in(20_000n, '가나다2222', at('10:11:00'));
    assert.equal((await bookAt('10:15:00')).matched, 1);
    assert.deepEqual(await balances(), { seller: 59_400n, unallocated: 0n, fees: 600n });
  });

  it('leaves no payout when its order was all that the payout was for', async () => {
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await bookAt('10:05:00');
    statement.out(10_000n, '홍길동0420', at('10:06:00'), '입금취소');
    await bookAt('10:10:00');
    assert.deepEqual(await transfers(), ['9900 cancelled']);
    const undone = await test.db
      .selectFrom('posting')
      .select(['debit', 'amount'])
      .where('kind', '=', 'reversal')
      .orderBy('posting_id')
      .execute();
    assert.deepEqual(undone, [
      { debit: `seller:${sellerId}`, amount: 9_900n },
      { debit: 'fees', amount: 100n },
      { debit: 'unallocated', amount: 10_000n },
    ]);
    assert.deepEqual(await balances(), { seller: 0n, unallocated: 0n, fees: 0n });
  });

  it('keeps, of a retry, that it follows the transfer that failed', async () => {
    await addOrders(test.db, [
      { sellerId, name: '가나다1111', amount: 10_000n },
      { sellerId, name: '가나다2222', amount: 20_000n },
    ]);
    statement.in(10_000n, '가나다1111', at('10:00:00'));
    statement.in(20_000n, '가나다2222', at('10:00:01'));
    await bookAt('10:05:00');
    const [first] = await test.db.selectFrom('transfer').selectAll().execute();
    await test.db.updateTable('transfer_item').set({ live: false }).execute();
    await test.owner.updateTable('transfer').set({ state: 'queued' }).execute();
    await test.owner
      .updateTable('transfer')
      .set({ state: 'sending', lease_ends_at: at('10:07:00') })
      .execute();
    await test.owner.updateTable('transfer').set({ state: 'unknown', lease_ends_at: null }).execute();
    await test.owner.updateTable('transfer').set({ state: 'failed', failed_reason: 'maintenance' }).execute();
    await release(await cycleAt(test, at('10:30:00')), true);
    assert.deepEqual(await transfers(), ['29700 failed', '29700 planned']);
    statement.out(10_000n, '가나다1111', at('10:31:00'), '입금취소');
    await bookAt('10:35:00');
    assert.deepEqual(await transfers(), ['29700 failed', '29700 cancelled', '19800 planned']);
    const rest = await test.db
      .selectFrom('transfer')
      .select('retry_of')
      .where('state', '=', 'planned')
      .execute();
    assert.deepEqual(rest, [{ retry_of: first!.transfer_id }]);
  });

  it('debits the seller below zero when the payout was sent, and further payouts wait until it is made up', async () => {
    await addOrders(test.db, [
      { sellerId, name: '가나다1111', amount: 10_000n },
      { sellerId, name: '가나다2222', amount: 4_000n },
      { sellerId, name: '가나다3333', amount: 30_000n },
    ]);
    statement.in(10_000n, '가나다1111', at('10:00:00'));
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await succeed(test, claim!, at('10:06:01'));
    const reference = await test.db
      .selectFrom('transfer_attempt')
      .select('reference')
      .executeTakeFirstOrThrow();
    statement.out(9_900n, reference.reference, at('10:06:01'));
    statement.in(4_000n, '가나다2222', at('10:07:00'));
    await bookAt('10:08:00');
    statement.out(10_000n, '가나다1111', at('10:09:00'), '입금취소');
    await bookAt('10:10:00');
    assert.deepEqual(await transfers(), ['9900 succeeded', '3960 seller_debt']);
    assert.deepEqual(await balances(), { seller: 3_960n - 9_900n, unallocated: 0n, fees: 40n });
    const { may_owe } = await test.db.selectFrom('seller').select('may_owe').executeTakeFirstOrThrow();
    assert.equal(may_owe, true);
    assert.equal((await release(await cycleAt(test, at('10:10:00')), true)).released, 0);

    statement.in(30_000n, '가나다3333', at('10:12:00'));
    await bookAt('10:15:00');
    assert.equal((await transfers()).at(-1), '29700 seller_debt');
  });

  it('debits the seller, too, while the outcome of the payout is unknown', async () => {
    await addOrder(test.db, { sellerId, name: '가나다1111', amount: 10_000n });
    statement.in(10_000n, '가나다1111', at('10:00:00'));
    await bookAt('10:05:00');
    await claimPlanned(test, at('10:06:00'));
    statement.out(10_000n, '가나다1111', at('10:07:00'), '입금취소');
    await bookAt('10:10:00');
    assert.deepEqual(await transfers(), ['9900 sending']);
    assert.deepEqual(await balances(), { seller: -9_900n, unallocated: 0n, fees: 0n });
  });

  /** An order's payout is claimed, and then the bank takes the order's deposit back. */
  async function reversedInFlight(): Promise<Claim> {
    await addOrder(test.db, { sellerId, name: '가나다1111', amount: 10_000n });
    statement.in(10_000n, '가나다1111', at('10:00:00'));
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    statement.out(10_000n, '가나다1111', at('10:07:00'), '입금취소');
    await bookAt('10:10:00');
    return claim!;
  }

  async function paidAgain(): Promise<void> {
    statement.in(10_000n, '가나다1111', at('10:12:00'));
    assert.equal((await bookAt('10:15:00')).matched, 1);
    assert.deepEqual(await orderStates(), [{ state: 'paid', outstanding: 0n }]);
  }

  const handBack = async ({ posted, token }: Claim) =>
    await test.db
      .transaction()
      .execute(async (trx) => await handBackUnsent(trx, posted, token, at('10:11:00')));

  const prove = async (claim: Claim, end: 'failed' | 'absent') => {
    await leaveInDoubt(test, claim);
    const proven =
      end === 'failed' ? ({ end, cause: 'maintenance' } as const) : ({ end, thenHold: false } as const);
    await test.db
      .transaction()
      .execute(async (trx) => await recordProvenEnd(trx, claim.posted, claim.token, proven, at('10:30:00')));
  };

  describe('whose order was paid out, or is being paid out, and is paid again', () => {
    it('makes up the debt of a seller who has the money, and is paid out no second time', async () => {
      const claim = await reversedInFlight();
      await succeed(test, claim, at('10:11:00'));
      statement.out(9_900n, await referenceOf(test, claim), at('10:11:00'));
      await paidAgain();
      assert.deepEqual(await transfers(), ['9900 succeeded']);
      assert.deepEqual(await balances(), { seller: 0n, unallocated: 0n, fees: 100n });
      await release(await cycleAt(test, at('10:20:00')), true);
      assert.deepEqual(await transfers(), ['9900 succeeded']);
    });

    it('is paid by a new transfer when the one in flight is proven failed', async () => {
      const claim = await reversedInFlight();
      await paidAgain();
      assert.deepEqual(await transfers(), ['9900 sending']);
      await prove(claim, 'failed');
      await release(await cycleAt(test, at('10:35:00')), true);
      assert.deepEqual(await transfers(), ['9900 failed', '9900 planned']);
      assert.deepEqual(await balances(), { seller: 9_900n, unallocated: 0n, fees: 100n });
    });

    it('is paid by the same transfer when that is proven absent', async () => {
      const claim = await reversedInFlight();
      await paidAgain();
      await prove(claim, 'absent');
      await release(await cycleAt(test, at('10:35:00')), true);
      assert.deepEqual(await transfers(), ['9900 planned']);
      assert.deepEqual(await balances(), { seller: 9_900n, unallocated: 0n, fees: 100n });
    });

    it('is planned with the orders of its page that nothing pays out yet, and without those in flight', async () => {
      await reversedInFlight();
      await addOrder(test.db, { sellerId, name: '가나다2222', amount: 20_000n });
      statement.in(20_000n, '가나다2222', at('10:12:00'));
      statement.in(10_000n, '가나다1111', at('10:12:01'));
      const booked = await bookAt('10:15:00');
      assert.deepEqual([booked.matched, booked.planned, booked.held], [2, 0, 1]);
      assert.deepEqual(await transfers(), ['9900 sending', '19800 seller_debt']);
    });
  });

  describe('whose payout in flight turns out not to have been sent', () => {
    for (const [name, end] of [
      ['is handed back', handBack],
      ['is proven absent', async (claim: Claim) => await prove(claim, 'absent')],
    ] as const) {
      it(`pays nobody: the transfer that ${name} waits at once, without a cycle between`, async () => {
        await end(await reversedInFlight());
        assert.deepEqual(await transfers(), ['9900 seller_debt']);
        assert.deepEqual(await balances(), { seller: 0n, unallocated: 0n, fees: 0n });
        await release(await cycleAt(test, at('10:35:00')), true);
        assert.deepEqual(await transfers(), ['9900 seller_debt']);
      });
    }

    it("takes nothing of the seller's other orders, which are paid out while it waits", async () => {
      await handBack(await reversedInFlight());
      await addOrder(test.db, { sellerId, name: '가나다2222', amount: 30_000n });
      statement.in(30_000n, '가나다2222', at('10:12:00'));
      await bookAt('10:15:00');
      await release(await cycleAt(test, at('10:15:00')), true);
      assert.deepEqual(await transfers(), ['9900 seller_debt', '29700 planned']);
    });

    it('waits, too, when the reversal commits in the middle of the hand-back', async () => {
      await addOrder(test.db, { sellerId, name: '가나다1111', amount: 10_000n });
      statement.in(10_000n, '가나다1111', at('10:00:00'));
      await bookAt('10:05:00');
      const [claim] = await claimPlanned(test, at('10:06:00'));
      let handedBack: Promise<boolean> | undefined;
      // What a reversal does of another transfer of the seller's: that one's row is not touched.
      await test.db.transaction().execute(async (trx) => {
        await trx.updateTable('seller').set({ may_owe: true }).where('seller_id', '=', sellerId).execute();
        handedBack = handBack(claim!);
        await new Promise((resolve) => setTimeout(resolve, 200));
      });
      assert.equal(await handedBack, true);
      assert.deepEqual(await transfers(), ['9900 seller_debt']);
    });
  });

  it('is unexplained when it was reversed before: one row undoes one deposit', async () => {
    statement.in(5_000n, '모르는사람', at('10:00:00'));
    statement.out(5_000n, '모르는사람', at('10:06:00'), '입금취소');
    statement.out(5_000n, '모르는사람', at('10:07:00'), '입금취소');
    const booked = await bookAt('10:10:00');
    assert.deepEqual([booked.reversed, booked.unexplained], [1, 1]);
  });

  it('is the latest of two equal ones', async () => {
    statement.in(5_000n, '모르는사람', at('10:00:00'));
    statement.in(5_000n, '모르는사람', at('10:03:00'));
    statement.out(5_000n, '모르는사람', at('10:06:00'), '입금취소');
    await bookAt('10:10:00');
    assert.deepEqual(await depositStates(), ['in_review 5000', 'reversed 0']);
  });
});
