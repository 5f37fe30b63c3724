import type { ColumnType, Generated, Selectable } from 'kysely';
import type { FailureCause } from '../bank/bank.ts';

export const TRANSFER_STATES = [
  'planned',
  'queued',
  'sending',
  'succeeded',
  'failed',
  'unknown',
  'held',
  'cancelled',
  'returned',
] as const;

export type TransferState = (typeof TRANSFER_STATES)[number];

/**
 * What a held transfer waits for: a person who looks at its limit, an approved account, a debt to be made up, a person after too many attempts, a
 * person who mends what no bank message could be built of, or one who looks whether it was paid before a restore.
 */
export const HELD_REASONS = [
  'limit',
  'approval',
  'seller_debt',
  'attempts',
  'unsendable',
  'restore',
] as const;

export type HeldReason = (typeof HELD_REASONS)[number];

/** An intent to pay, unique for what it pays. The row, not the queue's message, decides what is done. */
export interface TransferTable {
  transfer_id: Generated<bigint>;
  kind: 'payout' | 'refund';
  seller_id: string | null;
  deposit_row_id: bigint | null;
  /** What is sent, won: the orders' sum less the fee. */
  amount: bigint;
  fee: bigint;
  payout_account_id: bigint | null;
  bank_code: string | null;
  account_number_ciphertext: Uint8Array | null;
  account_number_key_id: string | null;
  account_number_masked: string | null;
  account_holder: string | null;
  /** The queue's message group: a keyed hash of the destination account. */
  queue_group: string | null;
  state: TransferState;
  held_reason: HeldReason | null;
  failed_reason: FailureCause | null;
  retry_of: bigint | null;
  dispatch_number: Generated<number>;
  dispatched_at: Date | null;
  /** The fencing token: raised by each claim; an update that names an older one changes nothing. */
  token: Generated<bigint>;
  lease_ends_at: Date | null;
  /** Claims whose message may have reached the bank. */
  sends: Generated<number>;
  planned_at: Date;
  /** When it was last let go after it was held: it counts towards the limit of that day, otherwise of the day on which it was planned. */
  let_go_at: ColumnType<Date | null, Date | null | undefined>;
  /** What two people approved when they let it go over its limits. */
  approval_id: ColumnType<bigint | null, bigint | null | undefined>;
  /** The earliest bank time among the deposits that it pays out, for latency. */
  deposited_at: Date | null;
  settled_at: Date | null;
  /** The deposit that a live refund refunds; the database computes it. */
  refunds_row: ColumnType<bigint | null, never, never>;
}

export interface TransferItemTable {
  transfer_id: bigint;
  order_id: bigint;
  amount: bigint;
  fee: bigint;
  live: Generated<boolean>;
}

/** One send, committed before the bank hears of it. */
export interface TransferAttemptTable {
  attempt_id: Generated<bigint>;
  transfer_id: bigint;
  n: number;
  bank_tran_id: string;
  /** The text of the withdrawal on our own statement. */
  reference: string;
  account: string;
  /** `YYYY-MM-DD`, KST. An attempt is never sent on another date. */
  bank_date: string;
  amount: bigint;
  token: bigint;
  sent_at: Date;
  lease_ends_at: Date;
  state: 'open' | 'succeeded' | 'failed' | 'absent';
  /** The date under which the bank filed it, when it said another one. */
  answered_bank_date: string | null;
}

export type EvidenceVerdict =
  'succeeded' | 'failed' | 'no_such_transfer' | 'absent' | 'ambiguous' | 'not_sent' | 'returned';

/** What somebody said of an attempt. It counts for the claim (token) that it was gathered for. Append-only. */
export interface AttemptEvidenceTable {
  evidence_id: Generated<bigint>;
  attempt_id: bigint;
  token: bigint;
  source: 'send' | 'inquiry' | 'statement' | 'person';
  verdict: EvidenceVerdict;
  cause: string | null;
  code: string;
  at: Date;
  message_id: bigint | null;
  row_id: bigint | null;
}

/** What went over the wire, encrypted. Append-only. */
export interface BankMessageTable {
  message_id: Generated<bigint>;
  operation: string;
  part: 'request' | 'answer' | 'exchange';
  path: string;
  at: Date;
  http_status: number | null;
  error: string | null;
  elapsed_ms: number | null;
  body_ciphertext: Uint8Array;
  body_key_id: string;
  attempt_id: bigint | null;
  read_id: bigint | null;
}

export type StopName =
  | 'halt_person'
  | 'halt_drift'
  | 'halt_restore'
  | 'pause_funds'
  | 'pause_limit'
  | 'pause_maintenance'
  | 'pause_reconciliation';

/** The limits of all sellers together, won; null is none. The matcher keeps this row at its settings. */
export interface PayoutLimitTable {
  only_row: Generated<boolean>;
  transfer_limit_won: bigint | null;
  daily_limit_won: bigint | null;
  changed_at: Date;
}

/** While one is active no transfer is claimed. */
export interface PayoutStopTable {
  name: StopName;
  active: boolean;
  reason: string;
  changed_by: string;
  changed_at: Date;
  /** When a pause is tried again; null for a halt, which a person ends. */
  retry_at: Date | null;
}

export type Transfer = Selectable<TransferTable>;
export type TransferAttempt = Selectable<TransferAttemptTable>;
