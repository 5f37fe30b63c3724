import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { ownSellerId, sellerIdOf, sellerIdsOf, type ShopId } from '../shops/api-key.ts';
import type { OrderState } from './order.table.ts';

/** An order as its shop sees it. Amounts are whole won. */
export interface ShopOrder {
  readonly orderId: bigint;
  readonly shopOrderId: string;
  readonly ownSellerId: string;
  readonly recipientName: string;
  readonly depositorName: string;
  readonly amount: bigint;
  readonly outstanding: bigint;
  readonly state: OrderState;
  readonly opensAt: Date;
  readonly expiresAt: Date | null;
  readonly paidAt: Date | null;
  readonly closedAt: Date | null;
}

const COLUMNS = [
  'o.order_id',
  'o.shop_order_id',
  'o.seller_id',
  'o.recipient_name',
  'o.depositor_name',
  'o.amount',
  'o.outstanding',
  'o.state',
  'o.opens_at',
  'o.expires_at',
  'o.paid_at',
  'o.closed_at',
] as const;

interface Row {
  readonly order_id: bigint;
  readonly shop_order_id: string;
  readonly seller_id: string;
  readonly recipient_name: string;
  readonly depositor_name: string;
  readonly amount: bigint;
  readonly outstanding: bigint;
  readonly state: OrderState;
  readonly opens_at: Date;
  readonly expires_at: Date | null;
  readonly paid_at: Date | null;
  readonly closed_at: Date | null;
}

function toShopOrder(shopId: ShopId, row: Row): ShopOrder {
  return {
    orderId: row.order_id,
    shopOrderId: row.shop_order_id,
    ownSellerId: ownSellerId(shopId, row.seller_id),
    recipientName: row.recipient_name,
    depositorName: row.depositor_name,
    amount: row.amount,
    outstanding: row.outstanding,
    state: row.state,
    opensAt: row.opens_at,
    expiresAt: row.expires_at,
    paidAt: row.paid_at,
    closedAt: row.closed_at,
  };
}

/** An order of the shop, and what it was asked for with; no request where it did not come by the API. */
export async function readRequestedOrder(
  db: Kysely<Database> | Transaction<Database>,
  shopId: ShopId,
  shopOrderId: string,
): Promise<
  | {
      readonly order: ShopOrder;
      readonly request?: Readonly<Record<'seller_id' | 'recipient_name' | 'amount' | 'expires_at', string>>;
    }
  | undefined
> {
  const row = await db
    .selectFrom('shop_order as o')
    .leftJoin('order_request as r', 'r.order_id', 'o.order_id')
    .select([...COLUMNS, 'r.body'])
    .where('o.shop_id', '=', shopId)
    .where('o.shop_order_id', '=', shopOrderId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const order = toShopOrder(shopId, row);
  return row.body === null
    ? { order }
    : {
        order,
        request: row.body as Record<'seller_id' | 'recipient_name' | 'amount' | 'expires_at', string>,
      };
}

export async function insertOrderRequest(
  trx: Transaction<Database>,
  orderId: bigint,
  json: string,
): Promise<void> {
  await sql`insert into order_request (order_id, body) values (${orderId}, ${json}::jsonb)`.execute(trx);
}

/** The id under which a seller of the shop is kept; nothing when the shop has no such seller. */
export async function readShopSeller(
  trx: Kysely<Database> | Transaction<Database>,
  shopId: ShopId,
  ownId: string,
): Promise<string | undefined> {
  const row = await trx
    .selectFrom('seller')
    .select('seller_id')
    .where('shop_id', '=', shopId)
    .where('seller_id', 'in', sellerIdsOf(shopId, ownId))
    .orderBy((eb) => eb('seller_id', '=', sellerIdOf(shopId, ownId)), 'desc')
    .executeTakeFirst();
  return row?.seller_id;
}

/** Orders of the shop, the youngest first; one more than `limit`, so that a page knows whether it is the last. */
export async function listShopOrders(
  db: Kysely<Database>,
  shopId: ShopId,
  wanted: { readonly state?: OrderState; readonly before?: bigint; readonly limit: number },
): Promise<ShopOrder[]> {
  const { state, before, limit } = wanted;
  const rows = await db
    .selectFrom('shop_order as o')
    .select(COLUMNS)
    .where('o.shop_id', '=', shopId)
    .$if(state !== undefined, (query) => query.where('o.state', '=', state ?? 'paid'))
    .$if(before !== undefined, (query) => query.where('o.order_id', '<', before ?? 0n))
    .orderBy('o.order_id', 'desc')
    .limit(limit + 1)
    .execute();
  return rows.map((row) => toShopOrder(shopId, row));
}
