import type { Generated, JSONColumnType } from 'kysely';

/** Who places orders by the API. */
export interface ShopTable {
  /** Lower case letters, digits and hyphens; no dot. */
  shop_id: string;
  name: string;
  /** Of sellers that the shop adds, basis points. */
  fee_bp: number;
  /** How long an order awaits its deposit when it says nothing of it. */
  order_life_minutes: number;
  created_at: Date;
}

export interface ApiKeyTable {
  key_id: string;
  shop_id: string;
  secret_hash: Uint8Array;
  label: string;
  created_by: string;
  created_at: Date;
  revoked_by: string | null;
  revoked_at: Date | null;
}

/** How often a key was used in the minute that began then. Not kept over a crash of the database. */
export interface ApiRateTable {
  key_id: string;
  window_began: Date;
  requests: number;
}

/** What a shop asked for when it placed an order. */
export interface OrderRequestTable {
  order_id: Generated<bigint>;
  body: JSONColumnType<object>;
}
