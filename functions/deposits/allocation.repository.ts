import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { OrderState } from '../orders/order.table.ts';
import { won, type Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';

export interface LockedOrder {
  readonly orderId: bigint;
  readonly shopId: string;
  readonly shopOrderId: string;
  readonly sellerId: string;
  readonly depositorName: string;
  readonly amount: Won;
  readonly outstanding: Won;
  readonly state: OrderState;
}

/** Locks orders, in the order of their ids: whoever locks orders and deposits locks the orders first, as matching does. */
export async function lockOrders(
  trx: Transaction<Database>,
  orderIds: readonly bigint[],
): Promise<Map<bigint, LockedOrder>> {
  if (orderIds.length === 0) return new Map();
  const rows = await trx
    .selectFrom('shop_order')
    .select([
      'order_id',
      'shop_id',
      'shop_order_id',
      'seller_id',
      'depositor_name',
      'amount',
      'outstanding',
      'state',
    ])
    .where('order_id', 'in', [...new Set(orderIds)])
    .orderBy('order_id')
    .forNoKeyUpdate()
    .execute();
  return new Map(
    rows.map((row) => [
      row.order_id,
      {
        orderId: row.order_id,
        shopId: row.shop_id,
        shopOrderId: row.shop_order_id,
        sellerId: row.seller_id,
        depositorName: row.depositor_name,
        amount: won(row.amount),
        outstanding: won(row.outstanding),
        state: row.state,
      },
    ]),
  );
}

/** A part of a deposit that pays a part of an order, or all of it. */
export interface Part {
  readonly depositRowId: bigint;
  readonly orderId: bigint;
  readonly amount: Won;
}

export interface LiveAllocation extends Part {
  readonly allocationId: bigint;
  /** The person's decision that made it; nothing for an automatic one. */
  readonly decisionId: bigint | null;
  /** The bank's time of the deposit. */
  readonly occurredAt: Date;
}

/** The live allocations to these orders, in the order in which they were made. */
export async function readAllocationsTo(
  trx: Transaction<Database>,
  orderIds: readonly bigint[],
): Promise<LiveAllocation[]> {
  return await readAllocations(trx, 'order_id', orderIds);
}

/** The live allocations of these deposits. */
export async function readAllocationsOf(
  trx: Transaction<Database>,
  depositRowIds: readonly bigint[],
): Promise<LiveAllocation[]> {
  return await readAllocations(trx, 'deposit_row_id', depositRowIds);
}

async function readAllocations(
  trx: Transaction<Database>,
  column: 'order_id' | 'deposit_row_id',
  ids: readonly bigint[],
): Promise<LiveAllocation[]> {
  if (ids.length === 0) return [];
  // One branch a kind: each has an index of its own.
  const of = (kind: 'automatic' | 'manual') => sql`
    select * from allocation where kind = ${sql.lit(kind)} and live and ${sql.ref(column)} = any(${ids.map(String)}::bigint[])`;
  const { rows } = await sql<{
    allocation_id: bigint;
    decision_id: bigint | null;
    deposit_row_id: bigint;
    order_id: bigint;
    amount: bigint;
    occurred_at: Date;
  }>`
    select a.allocation_id, a.decision_id, a.deposit_row_id, a.order_id, a.amount, d.occurred_at
    from (${of('automatic')} union all ${of('manual')}) a
    join deposit d on d.row_id = a.deposit_row_id
    order by a.allocation_id`.execute(trx);
  return rows.map((row) => ({
    allocationId: row.allocation_id,
    decisionId: row.decision_id,
    depositRowId: row.deposit_row_id,
    orderId: row.order_id,
    amount: won(row.amount),
    occurredAt: row.occurred_at,
  }));
}

/** Takes allocations back. Their deposits and orders are the caller's to change. */
export async function endAllocations(
  trx: Transaction<Database>,
  allocations: readonly LiveAllocation[],
  at: Date,
): Promise<void> {
  if (allocations.length === 0) return;
  const ended = await trx
    .updateTable('allocation')
    .set({ live: false, undone_at: at })
    .where(
      'allocation_id',
      'in',
      allocations.map((one) => one.allocationId),
    )
    .where('live', '=', true)
    .executeTakeFirst();
  assertRows('allocations ended', Number(ended.numUpdatedRows), allocations.length);
}

/** Gives orders back what allocations took of them. One that was paid becomes what it was before: awaiting its deposit, expired, or cancelled. */
export async function giveBackToOrders(
  trx: Transaction<Database>,
  allocations: readonly LiveAllocation[],
): Promise<void> {
  const byOrder = Map.groupBy(allocations, (one) => one.orderId);
  const rows = [...byOrder].map(([order_id, parts]) => ({
    order_id,
    amount: parts.reduce((sum, part) => sum + part.amount, 0n),
  }));
  const changed = await sql`
    update shop_order o set outstanding = o.outstanding + r.amount,
      state = case when o.state = 'paid' then coalesce(o.reopens_as, 'awaiting_deposit') else o.state end,
      closed_at = case when o.state = 'paid' then o.reopens_closed_at else o.closed_at end,
      paid_at = null, reopens_as = null, reopens_closed_at = null
    from ${recordset('r', 'order_id bigint, amount bigint', rows)}
    where o.order_id = r.order_id`.execute(trx);
  assertRows('orders given back', Number(changed.numAffectedRows), rows.length);
}

/** What is booked for a paid order: from its deposits to its seller and the fees, net of what was mirrored before. */
export interface BookedPart {
  readonly depositRowId: bigint;
  readonly orderId: bigint;
  readonly account: string;
  readonly amount: Won;
}

/** The net postings of orders, by deposit and account. The allocations say which deposits to look at. */
export async function readBooked(
  trx: Transaction<Database>,
  allocations: readonly LiveAllocation[],
): Promise<BookedPart[]> {
  if (allocations.length === 0) return [];
  const pairs = allocations.map((one) => ({ row_id: one.depositRowId, order_id: one.orderId }));
  const { rows } = await sql<{ row_id: bigint; order_id: bigint; account: string; amount: bigint }>`
    select row_id, order_id, account, sum(amount)::bigint as amount from (
      select p.posting_id, p.row_id, p.order_id, case when p.kind = 'reversal' then p.debit else p.credit end as account,
        case when p.kind = 'reversal' then -p.amount else p.amount end as amount
      from posting p
      join (select distinct row_id, order_id from ${recordset('g', 'row_id bigint, order_id bigint', pairs)}) r
        on r.row_id = p.row_id and r.order_id = p.order_id
      where p.kind in ('allocation', 'fee', 'reversal')
    ) moved group by row_id, order_id, account having sum(amount) <> 0
    order by min(posting_id)`.execute(trx);
  return rows.map((row) => ({
    depositRowId: row.row_id,
    orderId: row.order_id,
    account: row.account,
    amount: won(row.amount),
  }));
}
