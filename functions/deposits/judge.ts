import { judgeNamed, rankNamed } from './judge-named.ts';
import { judgeUnnamed } from './judge-unnamed.ts';
import type { ReviewReason } from './matchable.ts';
import type { IndexedOrder, OrderIndex } from './order-index.ts';
import { isLive } from './order-standing.ts';
import { ordersNamedBy, type ReadDeposit } from './read-deposit.ts';

/** What is known when a deposit is judged. */
export interface Knowledge {
  readonly index: OrderIndex;
  /** Deposits that are in review as `amount_under` or `split`, under the text of each of their readings. */
  readonly partsByText: ReadonlyMap<string, readonly ReadDeposit[]>;
}

/** Why a deposit goes to review, and the orders that it may be for, best first. */
export interface ReviewJudgement {
  readonly outcome: 'in_review';
  readonly reason: ReviewReason;
  readonly candidates: readonly IndexedOrder[];
  /** Only with `split`: the other parts of the payment, whose reviews are a `split` from now on, too. */
  readonly otherParts?: readonly ReadDeposit[];
}

export type Judgement = { readonly outcome: 'fits'; readonly order: IndexedOrder } | ReviewJudgement;

/**
 * Judges one deposit. It fits an order whose normalised depositor name is one of its readings, whose amount is its amount, and
 * which is live at its time and has got nothing yet. If it fits exactly one, and is surely not a row that is stored already, it pays that order; otherwise
 * it has the first of `REVIEW_REASONS` that holds.
 */
export function judge(deposit: ReadDeposit, knowledge: Knowledge): Judgement {
  const named = ordersNamedBy(deposit, knowledge.index);
  const [fitting, ...moreFitting] = named.filter((order) => fits(deposit, order));

  if (deposit.possibleDuplicate) {
    const candidates = candidatesOf(deposit, named, knowledge);
    return { outcome: 'in_review', reason: 'possible_duplicate', candidates };
  }
  if (moreFitting.length > 0) {
    return { outcome: 'in_review', reason: 'ambiguous', candidates: rankNamed(deposit, named) };
  }
  if (fitting !== undefined) return { outcome: 'fits', order: fitting };
  return named.length > 0 ? judgeNamed(deposit, named, knowledge) : judgeUnnamed(deposit, knowledge);
}

function candidatesOf(
  deposit: ReadDeposit,
  named: readonly IndexedOrder[],
  knowledge: Knowledge,
): readonly IndexedOrder[] {
  return named.length > 0 ? rankNamed(deposit, named) : judgeUnnamed(deposit, knowledge).candidates;
}

function fits(deposit: ReadDeposit, order: IndexedOrder): boolean {
  return order.partlyPaid !== true && order.amount === deposit.amount && isLive(order, deposit.occurredAt);
}
