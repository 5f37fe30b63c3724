import type { Generated } from 'kysely';

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
  | 'correction';

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
