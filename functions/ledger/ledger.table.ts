import type { Generated, JSONColumnType } from 'kysely';

export type PostingKind =
  | 'opening'
  | 'deposit'
  | 'allocation'
  | 'fee'
  | 'hold'
  | 'post'
  | 'void'
  | 'return'
  | 'reversal'
  | 'classified'
  | 'unexplained'
  | 'correction'
  | 'ignored';

/** One balanced entry: `amount` won from the account `debit` to the account `credit`. Append-only. */
export interface PostingTable {
  posting_id: Generated<bigint>;
  debit: string;
  credit: string;
  amount: bigint;
  kind: PostingKind;
  row_id: bigint | null;
  order_id: bigint | null;
  transfer_id: bigint | null;
  attempt_id: bigint | null;
  at: Date;
  written_at: Generated<Date>;
}

/** A posting's place in the hash chain. Append-only. */
export interface PostingSealTable {
  position: bigint;
  posting_id: bigint;
  hash: Uint8Array;
  sealed_at: Generated<Date>;
}

/** Sums over the sealed postings. */
export interface AccountBalanceTable {
  account: string;
  debits: bigint;
  credits: bigint;
}

/** Up to which posting id the seal has no gap; one row. */
export interface SealProgressTable {
  only_row: Generated<boolean>;
  sealed_through: bigint;
}

/** A comparison of orders, deposits and transfers with the ledger. Append-only. */
export interface BooksComparisonTable {
  comparison_id: Generated<bigint>;
  /** `touched`: what may have changed since the last one without a difference; `whole`: everything there is. */
  scope: 'touched' | 'whole';
  at: Date;
  /** Below these ids nothing new appeared after the comparison. */
  postings_through: bigint;
  rows_through: bigint;
  transfers_through: bigint;
  differences: number;
  detail: JSONColumnType<object>;
}

/** A day's range of the chain. Append-only. */
export interface DailyCloseTable {
  /** `YYYY-MM-DD`, KST. */
  business_date: string;
  from_position: bigint;
  /** `from_position` - 1 on a day without postings. */
  to_position: bigint;
  head_hash: Uint8Array;
  closed_at: Date;
}

/** What a day's range did to one account, signed by `accounts.ts`, won. Append-only. */
export interface DailyCloseAccountTable {
  business_date: string;
  account: string;
  opening: bigint;
  money_in: bigint;
  money_out: bigint;
  closing: bigint;
  /** Of what came in and went out, the part that belongs to an earlier day and was sealed after its close. */
  late_in: bigint;
  late_out: bigint;
}
