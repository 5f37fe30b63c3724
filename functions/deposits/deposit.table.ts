import type { ColumnType, Generated } from 'kysely';
import type { ReviewReason } from './match.ts';
import type { IdentifiedRead } from './row-identity.ts';

/** One row of the bank's statement as first seen. Append-only. */
export interface StatementRowTable {
  row_id: Generated<bigint>;
  account: string;
  occurred_at: Date;
  direction: 'in' | 'out';
  amount: bigint;
  balance_after: bigint;
  text: string;
  kind: string;
  branch: string;
  ordinal: number;
  possible_duplicate: boolean;
  collected_at: Date;
}

/** A range of the statement that was read to its last page. Append-only. */
export interface StatementReadTable {
  read_id: Generated<bigint>;
  account: string;
  covers_from: Date;
  covers_to: Date;
  began_at: Date;
  rows: number;
  fresh_rows: number;
  repeated_rows: number;
  /** `mended`: the rows form a chain of balances once repeats are dropped and equal seconds are put in order. */
  chain: 'whole' | 'mended' | 'broken';
}

/** How far a reading again of earlier days has come that takes more than one cycle: what a read of its range says when it is whole. */
export interface Rereading {
  /** ISO instants: where it began, the first second that is still to be read, and the time of the first cycle that read for it. */
  readonly from: string;
  readonly next: string;
  readonly began_at: string;
  readonly rows: number;
  readonly fresh: number;
  readonly repeated: number;
  readonly chain: StatementReadTable['chain'];
}

/** How far an account is read, and how far its rows are booked. */
export interface CollectCursorTable {
  account: string;
  /** Nothing before this instant is ever read: the opening balance is the one right before it. */
  begins_at: Date;
  read_through: Date;
  /** Where a reading broke off: the next one goes on here, without going back over the overlap. */
  resume_at: ColumnType<Date | null, Date | null | undefined>;
  /** What the part before that showed of the balances. */
  resume_chain: ColumnType<IdentifiedRead['chain'] | null, IdentifiedRead['chain'] | null | undefined>;
  /** The KST date, `YYYY-MM-DD`, of the last reading of the last three days. */
  reread_on: string | null;
  /** Set while a reading again of earlier days is under way. */
  rereading: ColumnType<Rereading | null, string | null | undefined, string | null>;
  opening_posted: Generated<boolean>;
  booked_through: Generated<bigint>;
}

export type DepositState =
  | 'matched'
  | 'in_review'
  | 'assigned'
  | 'refund_pending'
  | 'refunded'
  | 'ignored'
  | 'return_of'
  | 'classified'
  | 'reversed';

/** What the bank tells of who sent a deposit. Append-only; all or nothing of it is there, as it was told. */
export interface DepositRemitterTable {
  row_id: bigint;
  told: boolean;
  bank_code: string | null;
  account_number_ciphertext: Uint8Array | null;
  account_number_key_id: string | null;
  account_number_masked: string | null;
  holder: string | null;
  asked_at: Date;
}

/** A row that came in, and what became of it. `remaining` is what no allocation and no refund has taken. */
export interface DepositTable {
  row_id: bigint;
  account: string;
  occurred_at: Date;
  amount: bigint;
  remaining: bigint;
  text: string;
  /** The readings of the text, normalised: as typed, and without a sending bank's prefix. */
  names: string[];
  state: DepositState;
  reason: ReviewReason | null;
  /** Order ids, best first. */
  candidates: Generated<bigint[]>;
  return_of_transfer_id: bigint | null;
  decided_at: Date;
}

/** A row that went out, and what explains it. `unexpected` shows an attempt of ours that its transfer cannot have: money may have gone twice. */
export interface WithdrawalTable {
  row_id: bigint;
  account: string;
  occurred_at: Date;
  amount: bigint;
  text: string;
  state: 'transfer' | 'classified' | 'reversal' | 'unexplained' | 'unexpected';
  attempt_id: bigint | null;
  /** Where its amount stands in the books; `suspense` until it is explained. */
  ledger_account: string | null;
  decided_at: Date;
}

export interface AllocationTable {
  allocation_id: Generated<bigint>;
  deposit_row_id: bigint;
  order_id: bigint;
  amount: bigint;
  kind: 'automatic' | 'manual';
  live: Generated<boolean>;
  made_by: string | null;
  made_at: Date;
  undone_at: Date | null;
  /** The person's decision that made it; null for an automatic one. */
  decision_id: bigint | null;
}

/** What a person says that rows of an account are, when they are nobody's order and nobody's payout. */
export interface ClassificationRuleTable {
  rule_id: Generated<bigint>;
  account: string;
  direction: 'in' | 'out';
  text_equals: string | null;
  kind_equals: string | null;
  ledger_account: 'interest' | 'tax' | 'bank_fees' | 'owner';
  added_by: string;
  added_at: Date;
  reason: string;
  removed_at: Date | null;
}
