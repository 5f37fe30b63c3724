import assert from 'node:assert/strict';
import fc from 'fast-check';
import { feeOf, sumWon, won, WON_MAX, type BasisPoints, type Won } from '../../../functions/shared/money.ts';
import {
  planTransfers,
  type AllSellers,
  type PaidOrder,
  type PayableSeller,
  type PlannedTransfer,
} from '../../../functions/transfers/plan.ts';

const AT = new Date('2026-03-02T10:00:00+09:00');

const NO_LIMITS: AllSellers = { transferLimit: undefined, dailyLimit: undefined, goingOutToday: won(0n) };

function seller(sellerId: string, options: Partial<PayableSeller> = {}): PayableSeller {
  return {
    sellerId,
    feeRate: 0 as BasisPoints,
    grouping: 'page',
    transferLimit: undefined,
    dailyLimit: undefined,
    hasApprovedAccount: true,
    goingOutToday: won(0n),
    mayOwe: false,
    allSellers: NO_LIMITS,
    ...options,
  };
}

function order(orderId: bigint, sellerId: string, amount: bigint, depositedAt = AT): PaidOrder {
  return { orderId, sellerId, amount: won(amount), depositedAt };
}

function planFor(options: Partial<PayableSeller>, ...amounts: bigint[]): PlannedTransfer[] {
  const orders = amounts.map((amount, index) => order(BigInt(index + 1), 's', amount));
  return planTransfers(orders, new Map([['s', seller('s', options)]]));
}

const sellersAndOrders = fc
  .array(
    fc.record({
      feeRate: fc.integer({ min: 0, max: 10_000 }).map((rate) => rate as BasisPoints),
      grouping: fc.constantFrom('page' as const, 'order' as const),
      amounts: fc.array(
        fc.oneof(fc.bigInt({ min: 1n, max: 1_000_000n }), fc.bigInt({ min: 1n, max: WON_MAX })),
        { maxLength: 12 },
      ),
    }),
    { maxLength: 5 },
  )
  .map((shops) => {
    const sellers = new Map(
      shops.map(({ feeRate, grouping }, index) => [`s${index}`, seller(`s${index}`, { feeRate, grouping })]),
    );
    let orderId = 0n;
    const orders = shops.flatMap(({ amounts }, index) =>
      amounts.map((amount) => order((orderId += 1n), `s${index}`, amount)),
    );
    return { sellers, orders };
  });

const total = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);

describe('planning transfers', () => {
  it('pays out, with fees, what the orders brought in: no won more, no won less', () => {
    fc.assert(
      fc.property(sellersAndOrders, ({ sellers, orders }) => {
        const planned = planTransfers(orders, sellers);
        const ids = new Set(planned.flatMap((transfer) => transfer.items.map((item) => item.orderId)));
        const paid = orders.filter((one) => ids.has(one.orderId));
        assert.equal(
          total(planned.map((transfer) => transfer.amount + transfer.fee)),
          total(paid.map((one) => one.amount)),
        );
        for (const transfer of planned) {
          assert.equal(transfer.fee, sumWon(transfer.items.map((item) => item.fee)));
          assert.equal(transfer.amount, sumWon(transfer.items.map((item) => item.amount)) - transfer.fee);
        }
      }),
    );
  });

  it('puts each order into exactly one transfer, of its own seller, unless nothing of it is left to pay', () => {
    fc.assert(
      fc.property(sellersAndOrders, ({ sellers, orders }) => {
        const planned = planTransfers(orders, sellers);
        for (const one of orders) {
          const payers = planned.filter((transfer) =>
            transfer.items.some((item) => item.orderId === one.orderId),
          );
          const rate = sellers.get(one.sellerId)!.feeRate;
          assert.equal(payers.length, feeOf(one.amount, rate) === one.amount ? 0 : 1);
          assert.ok(payers.every((transfer) => transfer.sellerId === one.sellerId));
          const item = payers[0]?.items.filter((candidate) => candidate.orderId === one.orderId);
          if (item !== undefined)
            assert.deepEqual(item, [
              { orderId: one.orderId, amount: one.amount, fee: feeOf(one.amount, rate) },
            ]);
        }
      }),
    );
  });

  it('plans no transfer of nothing, and none that one bank message cannot carry', () => {
    fc.assert(
      fc.property(sellersAndOrders, ({ sellers, orders }) => {
        for (const { amount } of planTransfers(orders, sellers))
          assert.ok(amount > 0n && amount <= WON_MAX, amount.toString());
      }),
    );
  });

  it('makes one transfer a seller of a page, with the earliest deposit time', () => {
    const early = new Date(AT.getTime() - 60_000);
    const [planned, ...more] = planTransfers(
      [order(1n, 's', 700n), order(2n, 's', 300n, early), order(3n, 's', 5n)],
      new Map([['s', seller('s')]]),
    );
    assert.deepEqual(more, []);
    assert.equal(planned?.amount, 1005n);
    assert.deepEqual(planned.depositedAt, early);
  });

  it('makes one transfer an order for a seller who wants it so', () => {
    const amounts = planFor({ grouping: 'order' }, 700n, 300n).map((transfer) => transfer.amount);
    assert.deepEqual(amounts, [700n, 300n]);
  });

  it('fills a transfer to the last won that a message carries, and begins another for the next', () => {
    const full = planFor({}, WON_MAX - 1n, 1n);
    assert.deepEqual(
      full.map((transfer) => transfer.amount),
      [WON_MAX],
    );
    const over = planFor({}, WON_MAX - 1n, 2n);
    assert.deepEqual(
      over.map((transfer) => transfer.amount),
      [WON_MAX - 1n, 2n],
    );
  });

  it('plans nothing where the fee is the whole', () => {
    assert.deepEqual(planFor({ feeRate: 10_000 as BasisPoints }, 700n, 300n), []);
    assert.deepEqual(planFor({ feeRate: 10_000 as BasisPoints, grouping: 'order' }, 700n), []);
  });

  it("rounds each order's fee down, not the sum's", () => {
    const [planned] = planFor({ feeRate: 100 as BasisPoints }, 150n, 150n);
    assert.equal(planned?.fee, 2n);
    assert.equal(planned.amount, 298n);
  });

  it('refuses an order whose seller is not given', () => {
    assert.throws(() => planTransfers([order(1n, 'nobody', 5n)], new Map()), /no seller nobody/);
  });
});

describe('holding a planned transfer', () => {
  const heldOf = (options: Partial<PayableSeller>, ...amounts: bigint[]) =>
    planFor(options, ...amounts).map((transfer) => transfer.held);

  it('holds nothing of a seller without limits or debts', () => {
    assert.deepEqual(heldOf({}, WON_MAX), [undefined]);
  });

  it('lets a transfer of exactly the limit pass and holds one of a won more', () => {
    assert.deepEqual(heldOf({ transferLimit: 1000n as Won }, 1000n), [undefined]);
    assert.deepEqual(heldOf({ transferLimit: 1000n as Won }, 1001n), ['limit']);
  });

  it("counts the day's transfers up to exactly the daily limit", () => {
    const day = { dailyLimit: 1000n as Won, goingOutToday: 400n as Won, grouping: 'order' } as const;
    assert.deepEqual(heldOf(day, 600n), [undefined]);
    assert.deepEqual(heldOf(day, 601n), ['limit']);
    assert.deepEqual(heldOf(day, 300n, 300n, 1n), [undefined, undefined, 'limit']);
  });

  it('holds all of a seller who may owe, until the balance is looked at', () => {
    assert.deepEqual(heldOf({ mayOwe: true }, 5n), ['seller_debt']);
  });

  it('names the missing account first, then the debt, then the limit', () => {
    const all = { hasApprovedAccount: false, mayOwe: true, transferLimit: 1n as Won };
    assert.deepEqual(heldOf(all, 5n), ['approval']);
    assert.deepEqual(heldOf({ ...all, hasApprovedAccount: true }, 5n), ['seller_debt']);
    assert.deepEqual(heldOf({ ...all, hasApprovedAccount: true, mayOwe: false }, 5n), ['limit']);
  });
});
