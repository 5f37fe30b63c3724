import type { FailureCause } from '../bank/bank.ts';

/** How often the bank must say that it knows no such transfer. */
const NO_SUCH_TRANSFER_TIMES = 2;

/** All that is known of an attempt, gathered for its latest claim only. */
export interface GatheredEvidence {
  /** What a failure was given as, answered to the send or to an inquiry. */
  readonly failure: FailureCause | undefined;
  /** How often an inquiry after the lease's end was answered "no such transfer". */
  readonly noSuchTransfer: number;
  /**
   * A complete statement over every bank date since the send lacks our reference, and was read no earlier than the bank's longest processing time
   * and its posting lag after the lease's end.
   */
  readonly absentOnStatement: boolean;
  /** Claims of the transfer whose message may have reached the bank. */
  readonly sends: number;
}

export type Resolution =
  | { readonly end: 'none' }
  | { readonly end: 'failed'; readonly cause: FailureCause }
  | { readonly end: 'absent'; readonly thenHold: boolean };

/**
 * Whether an unknown transfer has ended without paying. The statement is the proof, in every case; what the bank says about an id is the
 * second line, since banks have said "failed" and "no such transfer" of what they had executed. Where failure and absence both hold, failure
 * wins: a bank that refuses at the door must not be asked for ever.
 */
export function resolve(evidence: GatheredEvidence, maxSends: number): Resolution {
  if (!evidence.absentOnStatement) return { end: 'none' };
  if (evidence.failure !== undefined) return { end: 'failed', cause: evidence.failure };
  if (evidence.noSuchTransfer < NO_SUCH_TRANSFER_TIMES) return { end: 'none' };
  return { end: 'absent', thenHold: evidence.sends >= maxSends };
}
