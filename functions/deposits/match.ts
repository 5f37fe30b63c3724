import { readings } from './depositor-text.ts';
import { judge, type Knowledge, type ReviewJudgement } from './judge.ts';
import type {
  CandidateOrder,
  MatchableDeposit,
  MatchDecision,
  OpenReview,
  ReconsideredReview,
  ReviewReason,
} from './matchable.ts';
import { indexOrders, type IndexedOrder } from './order-index.ts';
import { readDeposit, type ReadDeposit } from './read-deposit.ts';

export { REVIEW_REASONS } from './matchable.ts';
export type * from './matchable.ts';

/** A page of deposits, and what the database knows that they may be for. */
export interface PageToMatch {
  /** In time's order. */
  readonly deposits: readonly MatchableDeposit[];
  /**
   * In any order: every order, in any state, whose depositor name is one of the deposits' (`lookupKeys`). An order left out here
   * could make an ambiguous deposit a matched one. Further orders (same letters, same recipient, same amount) only make better
   * reasons and candidates.
   */
  readonly orders: readonly CandidateOrder[];
  /** In time's order: open reviews with one of the deposits' names, whose deposits may be parts of the same payment. */
  readonly openReviews: readonly OpenReview[];
}

export interface MatchedPage {
  /** One for each deposit of the page, in their order. */
  decisions: MatchDecision[];
  /** The open reviews that a deposit of the page made a part of a `split`. */
  reconsidered: ReconsideredReview[];
}

/** How the text of a deposit is looked up: everything is normalised, and read with and without a sending bank's name. */
export interface LookupKeys {
  /** Depositor names to look for. */
  names: string[];
  /** The names without their digits: look for them in the letters of depositor names and of recipients' names. */
  letters: string[];
}

/** A page while it is worked through: what earlier deposits have changed is known to the later ones. */
interface PageInWork extends Knowledge {
  readonly partsByText: Map<string, ReadDeposit[]>;
  /** Each deposit's review, by row id: those of the page, and earlier ones that have become a `split`. */
  readonly reviews: Map<bigint, Review>;
}

interface Review {
  readonly reason: ReviewReason;
  readonly candidates: readonly IndexedOrder[];
}

/**
 * Matches a page of deposits. A deposit is matched only by exact normalised name and exact amount, inside the window of exactly
 * one order; everything else goes to review with one reason. An order that a deposit has paid is paid for the deposits after it.
 */
export function matchPage({ deposits, orders, openReviews }: PageToMatch): MatchedPage {
  const page = beginPage(orders);
  for (const review of openReviews) rememberPart(page, readDeposit(review), review.reason);

  const paidOrders = new Map<bigint, bigint>();
  for (const deposit of deposits.map(readDeposit)) {
    const judgement = judge(deposit, page);
    if (judgement.outcome === 'fits') {
      judgement.order.state = 'paid';
      paidOrders.set(deposit.rowId, judgement.order.orderId);
    } else {
      putInReview(page, deposit, judgement);
    }
  }

  return {
    decisions: deposits.map(({ rowId }): MatchDecision => {
      const orderId = paidOrders.get(rowId);
      if (orderId !== undefined) return { rowId, outcome: 'matched', orderId };
      return { outcome: 'in_review', ...reviewOf(page, rowId) };
    }),
    reconsidered: openReviews
      .filter(({ rowId }) => page.reviews.has(rowId))
      .map(({ rowId }) => reviewOf(page, rowId)),
  };
}

/**
 * Judges open reviews again, for what has changed since: an order placed later makes an unknown name a `paid_before_order`, an
 * order paid in the meantime makes a short amount a `duplicate_payment`. Answers every review but those the rule cannot judge
 * (`unprocessable`), changed or not, in their order, which is time's. It never answers a match: where a deposit would fit by now,
 * a person has it already, so the review keeps its reason, and the order becomes its first candidate.
 */
export function reconsider({
  openReviews,
  orders,
}: Pick<PageToMatch, 'openReviews' | 'orders'>): ReconsideredReview[] {
  const page = beginPage(orders);
  const judged = openReviews.filter(({ reason }) => reason !== 'unprocessable');
  for (const review of judged) {
    const deposit = readDeposit(review);
    const judgement = judge(deposit, page);
    if (judgement.outcome === 'fits') {
      const { reason } = review;
      page.reviews.set(review.rowId, { reason, candidates: [judgement.order] });
    } else {
      putInReview(page, deposit, judgement);
    }
  }
  return judged.map(({ rowId }) => reviewOf(page, rowId));
}

/** What to ask the database for before a deposit with this text, as the bank shows it, is matched. */
export function lookupKeys(text: string): LookupKeys {
  const all = readings(text);
  const letters = all.map((reading) => reading.letters).filter((one) => one !== '');
  return { names: all.map((reading) => reading.text), letters: [...new Set(letters)] };
}

function beginPage(orders: readonly CandidateOrder[]): PageInWork {
  return { index: indexOrders(orders), partsByText: new Map(), reviews: new Map() };
}

function putInReview(page: PageInWork, deposit: ReadDeposit, judgement: ReviewJudgement): void {
  page.reviews.set(deposit.rowId, judgement);
  rememberPart(page, deposit, judgement.reason);
  for (const part of judgement.otherParts ?? []) {
    page.reviews.set(part.rowId, { reason: 'split', candidates: judgement.candidates });
  }
}

/** A deposit that is too small for the order it names may be a part of a payment of which the other parts are still to come. */
function rememberPart(page: PageInWork, deposit: ReadDeposit, reason: ReviewReason): void {
  if (reason !== 'amount_under' && reason !== 'split') return;
  for (const { text } of deposit.readings) {
    const parts = page.partsByText.get(text);
    if (parts) parts.push(deposit);
    else page.partsByText.set(text, [deposit]);
  }
}

function reviewOf(page: PageInWork, rowId: bigint): ReconsideredReview {
  const review = page.reviews.get(rowId);
  if (!review) throw new Error(`Deposit row ${rowId} was neither matched nor put in review`);
  return {
    rowId,
    reason: review.reason,
    candidates: review.candidates.map((order) => order.orderId),
  };
}
