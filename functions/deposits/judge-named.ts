import { ascending, bestOf } from './best-of.ts';
import type { Knowledge, ReviewJudgement } from './judge.ts';
import { REVIEW_REASONS, type ReviewReason } from './matchable.ts';
import type { IndexedOrder } from './order-index.ts';
import { isLive, standingOf, type Standing } from './order-standing.ts';
import { otherOrdersOf, otherTransfersFor } from './payment-parts.ts';
import { amountGap, MOST_CANDIDATES, rankCandidates } from './rank-candidates.ts';
import type { ReadDeposit } from './read-deposit.ts';

/** How many orders of one name are tried for a split or a combination. Issued names are unique; only imported ones repeat. */
const MOST_ORDERS_TRIED = 5;

/**
 * Why a deposit that names orders, but fits none, goes to review. Where imported names repeat, the orders of its exact amount are
 * the ones it means, and their state is the reason; without any, it means those that could take it, and the amount is the reason;
 * without those too, the state of whatever it names is. So a cancelled order of last week does not hide that today's order of the
 * same name was paid short.
 */
export function judgeNamed(
  deposit: ReadDeposit,
  named: readonly IndexedOrder[],
  knowledge: Knowledge,
): ReviewJudgement {
  const exact = named.filter((order) => order.amount === deposit.amount && !lacksItsLastPart(order, deposit));
  if (exact.length > 0) return judgeStates(deposit, exact, named);
  const live = named.filter((order) => isLive(order, deposit.occurredAt));
  if (live.length > 0) return judgeAmounts(deposit, live, named, knowledge);
  return judgeStates(deposit, named, named);
}

/** A part of the order was allocated by a person, and the deposit would make it whole. */
function lacksItsLastPart(order: IndexedOrder, deposit: ReadDeposit): boolean {
  return order.partlyPaid === true && order.amount === deposit.amount && isLive(order, deposit.occurredAt);
}

/** Ranks orders that a deposit names. */
export function rankNamed(deposit: ReadDeposit, named: readonly IndexedOrder[]): readonly IndexedOrder[] {
  return rankCandidates(deposit, new Map(named.map((order) => [order, 'named'])));
}

function judgeStates(
  deposit: ReadDeposit,
  meant: readonly IndexedOrder[],
  named: readonly IndexedOrder[],
): ReviewJudgement {
  const reasons = new Set(meant.map((order) => reasonOf(standingOf(order, deposit.occurredAt))));
  const reason = REVIEW_REASONS.find((one) => reasons.has(one));
  if (reason === undefined) {
    throw new Error(`Deposit row ${deposit.rowId} was judged by the state of live orders`);
  }
  return { outcome: 'in_review', reason, candidates: rankNamed(deposit, named) };
}

function reasonOf(standing: Standing): ReviewReason | undefined {
  switch (standing) {
    case 'paid':
      return 'duplicate_payment';
    case 'cancelled':
      return 'order_cancelled';
    case 'expired':
      return 'order_expired';
    case 'not_open_yet':
      return 'paid_before_order';
    case 'live':
      return undefined;
    default:
      return standing satisfies never;
  }
}

function judgeAmounts(
  deposit: ReadDeposit,
  live: readonly IndexedOrder[],
  named: readonly IndexedOrder[],
  { index, partsByText }: Knowledge,
): ReviewJudgement {
  const nearest = nearestInAmount(deposit, live);

  const [last] = nearest.filter((one) => lacksItsLastPart(one, deposit));
  if (last !== undefined)
    return { outcome: 'in_review', reason: 'split', candidates: withFirst(last, rankNamed(deposit, named)) };
  for (const order of nearest.filter((one) => one.amount > deposit.amount)) {
    const otherParts = otherTransfersFor(order, deposit, partsByText.get(order.depositorName) ?? []);
    if (otherParts === undefined) continue;
    const candidates = withFirst(order, rankNamed(deposit, named));
    return { outcome: 'in_review', reason: 'split', candidates, otherParts };
  }
  for (const order of nearest.filter((one) => one.amount < deposit.amount)) {
    const otherOrders = otherOrdersOf(deposit, order, index);
    if (otherOrders === undefined) continue;
    return { outcome: 'in_review', reason: 'combined', candidates: [order, ...otherOrders] };
  }
  return underOrOver(deposit, nearest, rankNamed(deposit, named));
}

/** Too little or too much for the nearest live named order, which therefore comes first. */
function underOrOver(
  deposit: ReadDeposit,
  [nearest]: readonly IndexedOrder[],
  ranked: readonly IndexedOrder[],
): ReviewJudgement {
  if (nearest === undefined) {
    throw new Error(`Deposit row ${deposit.rowId} was judged by the amounts of no order`);
  }
  const reason = deposit.amount < nearest.amount ? 'amount_under' : 'amount_over';
  return { outcome: 'in_review', reason, candidates: withFirst(nearest, ranked) };
}

/** Of two orders equally far away the larger one comes first, as `amount_under` comes before `amount_over`. */
function nearestInAmount(deposit: ReadDeposit, live: readonly IndexedOrder[]): readonly IndexedOrder[] {
  return bestOf(
    live,
    MOST_ORDERS_TRIED,
    (a, b) =>
      ascending(amountGap(a, deposit), amountGap(b, deposit)) ||
      ascending(b.amount, a.amount) ||
      ascending(a.orderId, b.orderId),
  );
}

function withFirst(first: IndexedOrder, ranked: readonly IndexedOrder[]): readonly IndexedOrder[] {
  return [...new Set([first, ...ranked])].slice(0, MOST_CANDIDATES);
}
