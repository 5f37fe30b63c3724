import type { Generated, Insertable } from 'kysely';

export type OrderState = 'awaiting_deposit' | 'paid' | 'expired' | 'cancelled';

/** An order that awaits, or got, its deposit. Amounts are whole won. */
export interface ShopOrderTable {
  order_id: Generated<bigint>;
  shop_id: string;
  shop_order_id: string;
  seller_id: string;
  recipient_name: string;
  /** The recipient's name, normalised, without digits: what a buyer types who forgets the number. */
  recipient_letters: string;
  /** Normalised; what a deposit's text must equal. */
  depositor_name: string;
  depositor_letters: string;
  /** Issued by us, and so unique among living orders; an imported name may repeat. */
  depositor_name_issued: boolean;
  amount: bigint;
  /** What is not yet allocated; 0 exactly when the order is paid. */
  outstanding: bigint;
  state: OrderState;
  opens_at: Date;
  /** Null: no deadline. */
  expires_at: Date | null;
  paid_at: Date | null;
  /** When the order left `awaiting_deposit`; its name's quarantine counts from here. */
  closed_at: Date | null;
  /** What a paid order becomes again when it stops being paid, and when it was closed as that; null: it awaits its deposit again. */
  reopens_as: 'expired' | 'cancelled' | null;
  reopens_closed_at: Date | null;
  created_at: Date;
}

export type NewShopOrder = Insertable<ShopOrderTable>;
