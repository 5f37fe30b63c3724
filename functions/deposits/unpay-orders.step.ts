import type { Database } from '../database.ts';
import { UNALLOCATED } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import type { NewPosting } from '../ledger/postings.ts';
import { won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { cancelUnsent, holdPayoutsForDebt } from '../transfers/outcome.repository.ts';
import { insertTransfers, readSellers } from '../transfers/plan.repository.ts';
import { openTally } from '../transfers/plan.ts';
import type { Transfer } from '../transfers/transfer.table.ts';
import {
  endAllocations,
  giveBackToOrders,
  readAllocationsTo,
  readBooked,
  type LiveAllocation,
  type LockedOrder,
} from './allocation.repository.ts';

/**
 * Takes allocations back, because the bank took their deposit back or a person undid a decision. An order that was paid by them is not paid any more: all
 * that was booked for it is mirrored, also what came from deposits that it keeps, and what was planned to pay it out is undone as far as it can be. The
 * deposits' rows are the caller's to change.
 *
 * @param orders the allocations' orders, locked.
 */
export async function takeAllocationsBack(
  trx: Trx<Database>,
  allocations: readonly LiveAllocation[],
  orders: ReadonlyMap<bigint, LockedOrder>,
  now: Date,
): Promise<void> {
  if (allocations.length === 0) return;
  const unpaid = [...new Set(allocations.map((one) => one.orderId))].flatMap((orderId) => {
    const order = orders.get(orderId);
    if (order === undefined)
      throw new Error(`order ${orderId.toString()} is not locked; lock an order before it is unpaid`);
    return order.state === 'paid' ? [order] : [];
  });
  const booked = await readBooked(
    trx,
    await readAllocationsTo(
      trx,
      unpaid.map((order) => order.orderId),
    ),
  );
  const mirrored = booked.map((part): NewPosting => {
    const { account, amount, depositRowId: rowId, orderId } = part;
    return { debit: account, credit: UNALLOCATED, amount, kind: 'reversal', rowId, orderId };
  });
  await insertPostings(trx, mirrored, now);
  await endAllocations(trx, allocations, now);
  await giveBackToOrders(trx, allocations);
  await undoPayouts(trx, unpaid, now);
}

/** The live transfers that pay orders out, locked. */
export async function lockPayoutsOf(trx: Trx<Database>, orderIds: readonly bigint[]): Promise<Transfer[]> {
  if (orderIds.length === 0) return [];
  return await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', 'in', (eb) =>
      eb
        .selectFrom('transfer_item')
        .select('transfer_id')
        .where('order_id', 'in', [...orderIds])
        .where('live', '=', true),
    )
    .orderBy('transfer_id')
    .forUpdate()
    .execute();
}

/** Whether nobody can have told the bank of a transfer, or the bank is proven to know nothing: it can still be cancelled. */
export function isCancellable({ state }: Pick<Transfer, 'state'>): boolean {
  return state === 'planned' || state === 'queued' || state === 'held';
}

/** Transfers that can still be cancelled are, and the rest of them is planned anew; where it is too late, the seller owes. */
async function undoPayouts(trx: Trx<Database>, unpaid: readonly LockedOrder[], now: Date): Promise<void> {
  const orderIds = unpaid.map((order) => order.orderId);
  const transfers = await lockPayoutsOf(trx, orderIds);
  const freed = new Set<bigint>();
  for (const transfer of transfers.filter(isCancellable)) {
    await cancelUnsent(trx, transfer.transfer_id, now);
    for (const orderId of await planTheRest(trx, transfer, orderIds, now)) freed.add(orderId);
  }
  const owing = [
    ...new Set(unpaid.filter((order) => !freed.has(order.orderId)).map((order) => order.sellerId)),
  ];
  // Their orders are paid out, or failed and to be sent again: either way the sellers' balances may no longer cover what is planned.
  await holdPayoutsForDebt(trx, owing);
}

/**
 * Plans what a cancelled transfer was to pay besides orders that are not paid any more.
 *
 * @returns those of the orders that it was to pay.
 */
async function planTheRest(
  trx: Trx<Database>,
  transfer: Transfer,
  without: readonly bigint[],
  now: Date,
): Promise<bigint[]> {
  const all = await trx
    .selectFrom('transfer_item')
    .select(['order_id', 'amount', 'fee'])
    .where('transfer_id', '=', transfer.transfer_id)
    .orderBy('order_id')
    .execute();
  const freed = all.filter((item) => without.includes(item.order_id)).map((item) => item.order_id);
  const items = all.filter((item) => !without.includes(item.order_id));
  const sellerId = transfer.seller_id;
  if (sellerId === null || items.length === 0) return freed;
  const reasonToHold = openTally(await readSellers(trx, [sellerId], now));
  const fee = won(items.reduce((sum, item) => sum + item.fee, 0n));
  const amount = won(items.reduce((sum, item) => sum + item.amount, 0n) - fee);
  if (amount === 0n) return freed;
  const rest = {
    sellerId,
    amount,
    fee,
    items: items.map((item) => ({ orderId: item.order_id, amount: won(item.amount), fee: won(item.fee) })),
    depositedAt: transfer.deposited_at ?? now,
    held: reasonToHold(sellerId, amount),
  };
  const retryOf = transfer.retry_of === null ? {} : { retryOf: transfer.retry_of };
  await insertTransfers(trx, [{ ...rest, ...retryOf }], now);
  return freed;
}
