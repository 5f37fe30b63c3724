import type { Won } from '../shared/money.ts';

/**
 * Why a deposit waits for a person, in order of precedence: a deposit has the first reason that holds. `unprocessable` alone is
 * not given by the rule, but by its caller, for a row on which the rule or the database failed.
 */
export const REVIEW_REASONS = [
  'unprocessable',
  'possible_duplicate',
  'ambiguous',
  'duplicate_payment',
  'order_cancelled',
  'order_expired',
  'paid_before_order',
  'split',
  'combined',
  'amount_under',
  'amount_over',
  'number_mistyped',
  'number_missing',
  'name_unknown',
] as const;

export type ReviewReason = (typeof REVIEW_REASONS)[number];

/** A stored row of the statement that is to be matched. */
export interface MatchableDeposit {
  readonly rowId: bigint;
  /** Whole seconds, as the bank gives them. */
  readonly occurredAt: Date;
  readonly amount: Won;
  /** As the bank shows it: not normalised. */
  readonly text: string;
  /** Whether the row may be one that is stored already, so that it must not be matched by itself. */
  readonly possibleDuplicate: boolean;
}

/** An order that a deposit may be for, whatever its state. */
export interface CandidateOrder {
  readonly orderId: bigint;
  /** Normalised. Unique among living orders when this system issued it; names from a file may repeat. */
  readonly depositorName: string;
  /** As the shop wrote it: not normalised. */
  readonly recipientName: string;
  /** What is still to be paid of it; of a paid order, the whole. */
  readonly amount: Won;
  /** A person has allocated a part to it already: what comes next is theirs to allocate, too. */
  readonly partlyPaid?: true;
  readonly state: 'awaiting_deposit' | 'paid' | 'expired' | 'cancelled';
  readonly opensAt: Date;
  /** `undefined` for an order without a deadline. */
  readonly expiresAt: Date | undefined;
}

/** A deposit that waits for a person. */
export interface OpenReview extends MatchableDeposit {
  readonly reason: ReviewReason;
}

/** What became of a deposit of the page. `candidates` are order ids, best first, at most five. */
export type MatchDecision =
  | { readonly rowId: bigint; readonly outcome: 'matched'; readonly orderId: bigint }
  | {
      readonly rowId: bigint;
      readonly outcome: 'in_review';
      readonly reason: ReviewReason;
      readonly candidates: readonly bigint[];
    };

/** The reason and the candidates that an open review has now. `candidates` are order ids, best first, at most five. */
export interface ReconsideredReview {
  readonly rowId: bigint;
  readonly reason: ReviewReason;
  readonly candidates: readonly bigint[];
}
