import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { normaliseDepositorText, splitName } from '../deposits/depositor-text.ts';
import type { Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import { issueNames, stemsOf } from './depositor-name.ts';

/** A name rests for so long after its order, days, and for so much longer where the amount would be the same again. */
const QUARANTINE_DAYS = 90;
const SAME_AMOUNT_DAYS = 365;

/** How often names are picked anew for orders that lost theirs to an order placed at the same moment. */
const ROUNDS_MAX = 5;

export interface OrderToPlace {
  readonly shopId: string;
  readonly shopOrderId: string;
  readonly sellerId: string;
  readonly recipientName: string;
  readonly amount: Won;
  /** From when deposits count: when this system received the order; only a user's own file says otherwise. */
  readonly opensAt: Date;
  readonly expiresAt: Date | undefined;
  /** A name that was issued elsewhere, from a user's own file. Without it one is issued. */
  readonly importedName?: string;
}

export interface PlacedOrder {
  readonly orderId: bigint;
  readonly shopOrderId: string;
  readonly depositorName: string;
}

/** Every name that a recipient's name can give is taken: nothing of the page is placed. */
export class NoFreeName extends Error {
  override readonly name = 'NoFreeName';
}

/**
 * Places orders and issues their depositor names in the same transaction, all of a page with a few statements. A name that another transaction took in
 * the meantime is refused by the unique index, and the order gets another one.
 *
 * @param chance answers a number from 0 up to 1.
 * @throws NoFreeName when a recipient's names are all taken, and SQLSTATE 23505 when a shop order id exists already; nothing of the page is placed then.
 */
export async function placeOrders(
  trx: Transaction<Database>,
  orders: readonly OrderToPlace[],
  now: Date,
  chance: () => number,
): Promise<PlacedOrder[]> {
  const placed: PlacedOrder[] = [];
  placed.push(...(await insertOrders(trx, orders.filter(isImported), now)));
  let waiting = orders.filter((order) => !isImported(order));
  for (let round = 1; waiting.length > 0; round += 1) {
    if (round > ROUNDS_MAX)
      throw new NoFreeName(
        `${waiting.length} orders found no free depositor name in ${ROUNDS_MAX} rounds; place them again`,
      );
    const inserted = await insertOrders(trx, await named(trx, waiting, now, chance), now);
    placed.push(...inserted);
    const done = new Set(inserted.map((order) => order.shopOrderId));
    waiting = waiting.filter((order) => !done.has(order.shopOrderId));
  }
  assertRows('orders placed', placed.length, orders.length);
  return placed;
}

function isImported(order: OrderToPlace): order is OrderToPlace & { importedName: string } {
  return order.importedName !== undefined;
}

/** Gives each order a name that is neither live nor in quarantine, nor was used with the same amount within a year. */
async function named(
  trx: Transaction<Database>,
  orders: readonly OrderToPlace[],
  now: Date,
  chance: () => number,
): Promise<(OrderToPlace & { issuedName: string })[]> {
  const stems = [...new Set(orders.flatMap((order) => stemsOf(order.recipientName)))];
  const { rows } = await sql<{ depositor_name: string }>`
    select distinct o.depositor_name from shop_order o
    where o.depositor_letters = any(${stems})
      and (o.state = 'awaiting_deposit'
        or o.closed_at > ${now}::timestamptz - make_interval(days => ${sql.lit(QUARANTINE_DAYS)})
        or (o.amount = any(${orders.map((order) => order.amount)}::bigint[])
          and o.created_at > ${now}::timestamptz - make_interval(days => ${sql.lit(SAME_AMOUNT_DAYS)})))`.execute(
    trx,
  );
  const taken = new Set(rows.map((row) => row.depositor_name));
  const { id_epoch: life } = await trx
    .selectFrom('installation')
    .select('id_epoch')
    .executeTakeFirstOrThrow(() => new Error('the installation row is missing; run the migration function'));
  const names = issueNames(
    orders.map((order) => order.recipientName),
    taken,
    chance,
    life,
  );
  return orders.map((order, index) => {
    const issued = names[index];
    if (issued?.outcome !== 'issued') {
      throw new NoFreeName(
        `every depositor name of recipient "${order.recipientName}" is taken; order ${order.shopOrderId} gets none`,
      );
    }
    return { ...order, issuedName: issued.name };
  });
}

const COLUMNS =
  'n integer, shop_id text, shop_order_id text, seller_id text, recipient_name text, recipient_letters text, depositor_name text, depositor_letters text, depositor_name_issued boolean, amount bigint, opens_at timestamptz, expires_at timestamptz';

/** Inserts orders; one whose issued name was just taken is left out. A repeated shop order id is an error, not a loss. */
async function insertOrders(
  trx: Transaction<Database>,
  orders: readonly (OrderToPlace & { readonly issuedName?: string })[],
  now: Date,
): Promise<PlacedOrder[]> {
  if (orders.length === 0) return [];
  const rows = orders.map((order, n) => {
    const name = order.issuedName ?? normaliseDepositorText(order.importedName ?? '');
    return {
      n,
      shop_id: order.shopId,
      shop_order_id: order.shopOrderId,
      seller_id: order.sellerId,
      recipient_name: order.recipientName,
      recipient_letters: splitName(normaliseDepositorText(order.recipientName)).letters,
      depositor_name: name,
      depositor_letters: splitName(name).letters,
      depositor_name_issued: order.issuedName !== undefined,
      amount: order.amount,
      opens_at: order.opensAt,
      expires_at: order.expiresAt ?? null,
    };
  });
  const { rows: inserted } = await sql<{ order_id: bigint; shop_order_id: string; depositor_name: string }>`
    insert into shop_order (shop_id, shop_order_id, seller_id, recipient_name, recipient_letters, depositor_name, depositor_letters,
      depositor_name_issued, amount, outstanding, state, opens_at, expires_at, created_at)
    select shop_id, shop_order_id, seller_id, recipient_name, recipient_letters, depositor_name, depositor_letters,
      depositor_name_issued, amount, amount, 'awaiting_deposit', opens_at, expires_at, ${now}
    from ${recordset('o', COLUMNS, rows)}
    order by n
    on conflict (depositor_name) where depositor_name_issued and state = 'awaiting_deposit' do nothing
    returning order_id, shop_order_id, depositor_name`.execute(trx);
  return inserted.map((row) => ({
    orderId: row.order_id,
    shopOrderId: row.shop_order_id,
    depositorName: row.depositor_name,
  }));
}

export type CancelOutcome = 'cancelled' | 'already_cancelled' | 'paid' | 'expired' | 'unknown';

/**
 * Cancels an order that still awaits its deposit. The row's lock decides between this and a match; an order that is paid stays paid.
 */
export async function cancelOrder(
  trx: Transaction<Database>,
  shopId: string,
  shopOrderId: string,
  at: Date,
): Promise<CancelOutcome> {
  const cancelled = await trx
    .updateTable('shop_order')
    .set({ state: 'cancelled', closed_at: at })
    .where('shop_id', '=', shopId)
    .where('shop_order_id', '=', shopOrderId)
    .where('state', '=', 'awaiting_deposit')
    .executeTakeFirst();
  if (cancelled.numUpdatedRows === 1n) return 'cancelled';
  const order = await trx
    .selectFrom('shop_order')
    .select('state')
    .where('shop_id', '=', shopId)
    .where('shop_order_id', '=', shopOrderId)
    .executeTakeFirst();
  if (order === undefined) return 'unknown';
  switch (order.state) {
    case 'cancelled':
      return 'already_cancelled';
    case 'paid':
    case 'expired':
      return order.state;
    case 'awaiting_deposit':
      throw new Error(`order ${shopOrderId} awaits its deposit and could not be cancelled`);
    default:
      order.state satisfies never;
      throw new Error(`order ${shopOrderId} is in no known state`);
  }
}
