import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { jsonOf } from '../shared/json.ts';
import type { Won } from '../shared/money.ts';
import type { ShopId } from '../shops/api-key.ts';
import {
  insertOrderRequest,
  readRequestedOrder,
  readShopSeller,
  type ShopOrder,
} from './shop-order.repository.ts';
import { NoFreeName, placeOrders } from './order.repository.ts';

/** What a shop asks for. Two requests are the same when all of this is. */
export interface OrderRequest {
  readonly shopOrderId: string;
  readonly ownSellerId: string;
  readonly recipientName: string;
  readonly amount: Won;
  /** Absent: the shop's usual time. */
  readonly expiresAt?: Date;
}

export interface Difference {
  readonly field: 'seller_id' | 'recipient_name' | 'amount' | 'expires_at';
  readonly first: string;
  readonly now: string;
}

export type PlaceOutcome =
  | { readonly outcome: 'placed'; readonly order: ShopOrder }
  /** The same request came before: this is the order that it placed. */
  | { readonly outcome: 'placed_before'; readonly order: ShopOrder }
  /** The shop order id was used for another request: nothing is placed, and the first is not given away as the answer. */
  | { readonly outcome: 'differs'; readonly differences: readonly Difference[] }
  | { readonly outcome: 'unknown_seller' }
  | { readonly outcome: 'deadline_out_of_bounds'; readonly earliest: Date; readonly latest: Date }
  | { readonly outcome: 'no_free_name' };

/** A deadline leaves the buyer at least this long, and is no further away than that, ms. */
const LIFE_MIN_MS = 10 * 60_000;
const LIFE_MAX_MS = 30 * 24 * 60 * 60_000;

/**
 * Places a shop's order and issues its depositor name in one transaction, once for each shop order id: the same request again is answered with the same order,
 * another one under the same id is refused with what differs. Its window begins now, whatever the shop says.
 *
 * @param chance answers a number from 0 up to 1, for the name.
 */
export async function placeShopOrder(
  db: Kysely<Database>,
  shop: { readonly shopId: ShopId; readonly orderLifeMinutes: number },
  request: OrderRequest,
  now: Date,
  chance: () => number,
): Promise<PlaceOutcome> {
  const before = await answerAgain(db, shop.shopId, request);
  if (before !== undefined) return before;
  const expiresAt = request.expiresAt ?? new Date(now.getTime() + shop.orderLifeMinutes * 60_000);
  const earliest = new Date(now.getTime() + LIFE_MIN_MS);
  const latest = new Date(now.getTime() + LIFE_MAX_MS);
  if (expiresAt < earliest || expiresAt > latest)
    return { outcome: 'deadline_out_of_bounds', earliest, latest };
  try {
    return await db
      .transaction()
      .execute(async (trx) => await placeNew(trx, shop.shopId, request, expiresAt, now, chance));
  } catch (error) {
    if (error instanceof NoFreeName) return { outcome: 'no_free_name' };
    if (!isTakenOrderId(error)) throw error;
    // Somebody placed it between the look and the insert: the same request, sent twice at once.
    const meanwhile = await answerAgain(db, shop.shopId, request);
    if (meanwhile === undefined) throw error;
    return meanwhile;
  }
}

async function placeNew(
  trx: Transaction<Database>,
  shopId: ShopId,
  request: OrderRequest,
  expiresAt: Date,
  now: Date,
  chance: () => number,
): Promise<PlaceOutcome> {
  const sellerId = await readShopSeller(trx, shopId, request.ownSellerId);
  if (sellerId === undefined) return { outcome: 'unknown_seller' };
  const { shopOrderId, recipientName, amount } = request;
  const [placed] = await placeOrders(
    trx,
    [{ shopId, shopOrderId, sellerId, recipientName, amount, opensAt: now, expiresAt }],
    now,
    chance,
  );
  if (placed === undefined)
    throw new Error(`order ${shopOrderId} of shop ${shopId} was placed without a trace`);
  await insertOrderRequest(trx, placed.orderId, jsonOf(comparable(request)));
  const found = await readRequestedOrder(trx, shopId, shopOrderId);
  if (found === undefined) throw new Error(`order ${shopOrderId} of shop ${shopId} cannot be read back`);
  return { outcome: 'placed', order: found.order };
}

async function answerAgain(
  db: Kysely<Database>,
  shopId: ShopId,
  request: OrderRequest,
): Promise<PlaceOutcome | undefined> {
  const before = await readRequestedOrder(db, shopId, request.shopOrderId);
  if (before === undefined) return undefined;
  const differences = compare(before.request ?? requestOf(before.order), comparable(request));
  return differences.length === 0
    ? { outcome: 'placed_before', order: before.order }
    : { outcome: 'differs', differences };
}

type Comparable = Readonly<Record<Difference['field'], string>>;

const NOT_GIVEN = '(not given)';

function comparable(request: OrderRequest): Comparable {
  return {
    seller_id: request.ownSellerId,
    recipient_name: request.recipientName,
    amount: request.amount.toString(),
    expires_at: request.expiresAt?.toISOString() ?? NOT_GIVEN,
  };
}

/** An order that did not come by the API has no request: it is held against what it says itself. */
function requestOf(order: ShopOrder): Comparable {
  return {
    seller_id: order.ownSellerId,
    recipient_name: order.recipientName,
    amount: order.amount.toString(),
    expires_at: order.expiresAt?.toISOString() ?? NOT_GIVEN,
  };
}

function compare(first: Comparable, now: Comparable): Difference[] {
  const fields = ['seller_id', 'recipient_name', 'amount', 'expires_at'] as const;
  return fields
    .filter((field) => first[field] !== now[field])
    .map((field) => ({ field, first: first[field], now: now[field] }));
}

/** SQLSTATE 23505 on the constraint that makes shop order ids unique. */
function isTakenOrderId(error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return code === '23505' && constraint === 'shop_order_once';
}
