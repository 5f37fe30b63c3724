import type { Generated, Insertable } from 'kysely';

/** A shop's seller: its fee rate, how its payouts are grouped, and its limits. */
export interface SellerTable {
  seller_id: string;
  /** The shop that sees it by the API. */
  shop_id: Generated<string>;
  name: string;
  /** Basis points. */
  fee_bp: number;
  payout_grouping: Generated<'page' | 'order'>;
  transfer_limit_won: bigint | null;
  daily_limit_won: bigint | null;
  /** A deposit of this seller's was once taken back, so that its balance is looked at before each payout. */
  may_owe: Generated<boolean>;
  created_at: Date;
}

/** Where a seller is paid; `approved` took a second person. */
export interface PayoutAccountTable {
  payout_account_id: Generated<bigint>;
  seller_id: string;
  bank_code: string;
  account_number_ciphertext: Uint8Array;
  account_number_key_id: string;
  account_number_masked: string;
  account_fingerprint: string;
  account_holder: string;
  state: 'requested' | 'approved' | 'retired' | 'rejected';
  requested_by: string;
  requested_at: Date;
  approved_by: string | null;
  approved_at: Date | null;
}

export type NewSeller = Insertable<SellerTable>;
export type NewPayoutAccount = Insertable<PayoutAccountTable>;
