import { ascending, bestOf } from './best-of.ts';
import { openedAround, type IndexedOrder, type OrderIndex } from './order-index.ts';
import { isLive } from './order-standing.ts';
import type { ReadDeposit } from './read-deposit.ts';
import { MOST_PARTS, MOST_PARTS_TRIED, smallestSubset } from './subset-sum.ts';

/** How many orders of one recipient, and of one depositor name, are looked at: those that opened around the order named. */
const MOST_RELATED = 200;

/**
 * One order paid in several transfers: the 1 to 4 deposits in review, fewest first, that make up the order's amount together with
 * this one. Only those that lie in the order's window count, and of them the nearest in time.
 */
export function otherTransfersFor(
  order: IndexedOrder,
  deposit: ReadDeposit,
  inReview: readonly ReadDeposit[],
): readonly ReadDeposit[] | undefined {
  const missing = order.amount - deposit.amount;
  const usable = inReview.filter((other) => other.amount <= missing && isLive(order, other.occurredAt));
  const distanceMs = (other: ReadDeposit) => apartMs(other.occurredAt, deposit.occurredAt);
  const nearest = bestOf(
    usable,
    MOST_PARTS_TRIED,
    (a, b) => ascending(distanceMs(a), distanceMs(b)) || ascending(a.rowId, b.rowId),
  );
  return smallestSubset(nearest, (other) => other.amount, missing, MOST_PARTS - 1);
}

/**
 * Several orders paid in one transfer: the 1 to 4 live orders of the same recipient or the same depositor name, fewest first, that
 * make up the deposit's amount together with this one. Of them those count that were opened nearest to it.
 */
export function otherOrdersOf(
  deposit: ReadDeposit,
  order: IndexedOrder,
  index: OrderIndex,
): readonly IndexedOrder[] | undefined {
  const missing = deposit.amount - order.amount;
  const related = [
    ...openedAround(index.byRecipient.get(order.recipient) ?? [], order.opensAt, MOST_RELATED),
    ...openedAround(index.byName.get(order.depositorName) ?? [], order.opensAt, MOST_RELATED),
  ];
  const usable = new Set(
    related.filter((other) => other.amount <= missing && isLive(other, deposit.occurredAt)),
  );
  usable.delete(order);
  const distanceMs = (other: IndexedOrder) => apartMs(other.opensAt, order.opensAt);
  const nearest = bestOf(
    usable,
    MOST_PARTS_TRIED,
    (a, b) => ascending(distanceMs(a), distanceMs(b)) || ascending(a.orderId, b.orderId),
  );
  return smallestSubset(nearest, (other) => other.amount, missing, MOST_PARTS - 1);
}

function apartMs(a: Date, b: Date): number {
  return Math.abs(a.getTime() - b.getTime());
}
