import type { Generated, JSONColumnType } from 'kysely';

export type DecisionKind = 'assign' | 'split' | 'combine' | 'refund' | 'ignore';

/** Accounts of the books that money can be moved to when it is nobody's order. */
export const IGNORED_ACCOUNTS = ['owner', 'interest', 'tax', 'bank_fees', 'suspense'] as const;

export type IgnoredAccount = (typeof IGNORED_ACCOUNTS)[number];

/**
 * `standing`, until a person undoes it (`undone`), its refund fails, is cancelled or returns (`came_back`), or the bank takes back every deposit that it was
 * about (`reversed`).
 */
export type DecisionState = 'standing' | 'undone' | 'came_back' | 'reversed';

/** What a person decided about deposits in review. Its allocations, its transfer or its postings name it or its deposit. */
export interface ReviewDecisionTable {
  decision_id: Generated<bigint>;
  kind: DecisionKind;
  deposit_rows: bigint[];
  order_ids: bigint[];
  /** What it took of all its deposits together, won. */
  amount: bigint;
  /** Where the money of an ignored deposit went. */
  ledger_account: IgnoredAccount | null;
  /** The refund. */
  transfer_id: bigint | null;
  /** The deposits and orders as they stood when it was made. */
  before: JSONColumnType<object>;
  state: Generated<DecisionState>;
  made_by: string;
  made_at: Date;
  reason: string;
  undone_by: string | null;
  undone_at: Date | null;
  undone_reason: string | null;
}
