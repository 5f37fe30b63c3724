import type { Database } from '../database.ts';
import { allocationPostings, type NewPosting, type PaidInFull } from '../ledger/postings.ts';
import { sumWon, type BasisPoints } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { insertTransfers, readOrdersPaidOut, readSellers } from '../transfers/plan.repository.ts';
import { planTransfers } from '../transfers/plan.ts';

/** An order that was just marked paid, and what has paid it. */
export interface NewlyPaid extends PaidInFull {
  /** The bank's time of its first deposit. */
  readonly depositedAt: Date;
}

export interface PaidOut {
  /** What is to be posted for the orders, in the same transaction. */
  readonly postings: readonly NewPosting[];
  readonly planned: number;
  readonly held: number;
}

/**
 * Plans the payouts of orders that were just paid, and answers their postings. Matching and people's decisions pay orders in this one way. The caller holds the
 * orders' locks.
 */
export async function payOrdersOut(
  trx: Trx<Database>,
  paid: readonly NewlyPaid[],
  now: Date,
): Promise<PaidOut> {
  const sellers = await readSellers(trx, [...new Set(paid.map((order) => order.sellerId))], now);
  // An order whose first deposit was taken back after its payout was sent is paid out already, or may be.
  const paidOut = await readOrdersPaidOut(
    trx,
    paid.map((order) => order.orderId),
  );
  const planned = planTransfers(
    paid
      .filter((order) => !paidOut.has(order.orderId))
      .map((order) => ({
        orderId: order.orderId,
        sellerId: order.sellerId,
        amount: sumWon(order.parts.map((part) => part.amount)),
        depositedAt: order.depositedAt,
      })),
    sellers,
  );
  await insertTransfers(trx, planned, now);
  const held = planned.filter((transfer) => transfer.held !== undefined).length;
  return {
    postings: paid.flatMap((order) =>
      allocationPostings(order, sellers.get(order.sellerId)?.feeRate ?? (0 as BasisPoints)),
    ),
    planned: planned.length - held,
    held,
  };
}
