import type { CycleContext } from '../cycle/cycle-context.ts';
import type { Database } from '../database.ts';
import { bankAccount, UNALLOCATED } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import type { NewPosting } from '../ledger/postings.ts';
import { won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { cancelUnsent, holdPayoutsForDebt } from '../transfers/outcome.repository.ts';
import { insertTransfers, readSellers } from '../transfers/plan.repository.ts';
import { openTally } from '../transfers/plan.ts';
import { raiseAlarm } from '../transfers/stops.repository.ts';
import type { UnbookedRow } from './classify.ts';

/**
 * The bank takes a deposit back. The order that it paid is unpaid again; its payout is cancelled while that can still be done, and otherwise the seller
 * is debited and may go below zero, so that its further payouts wait.
 */
export async function reverseDeposit(
  trx: Trx<Database>,
  context: Pick<CycleContext, 'now'>,
  row: UnbookedRow,
  depositRowId: bigint,
): Promise<void> {
  const { now } = context;
  const allocations = await trx
    .updateTable('allocation')
    .set({ live: false, undone_at: now })
    .where('deposit_row_id', '=', depositRowId)
    .where('live', '=', true)
    .returning(['order_id', 'amount'])
    .execute();
  for (const { order_id, amount } of allocations) await unpay(trx, order_id, amount, now);
  const mirrored = await mirrorOf(trx, depositRowId);
  const leaving: NewPosting = {
    debit: UNALLOCATED,
    credit: bankAccount(row.account),
    amount: row.amount,
    kind: 'reversal',
    rowId: row.rowId,
  };
  await insertPostings(trx, [...mirrored, leaving], now);
  await trx
    .updateTable('deposit')
    .set({ state: 'reversed', remaining: 0n, decided_at: now })
    .where('row_id', '=', depositRowId)
    .execute();
  await raiseAlarm(trx, 'deposit_reversed', { depositRowId, rowId: row.rowId, amount: row.amount }, now);
}

/** The order awaits its money again, and what was planned to pay it out is undone as far as it can be. */
async function unpay(trx: Trx<Database>, orderId: bigint, amount: bigint, now: Date): Promise<void> {
  const order = await trx
    .updateTable('shop_order')
    .set((eb) => ({
      state: 'awaiting_deposit',
      outstanding: eb('outstanding', '+', amount),
      paid_at: null,
      closed_at: null,
    }))
    .where('order_id', '=', orderId)
    .returning('seller_id')
    .executeTakeFirstOrThrow();
  const transfer = await trx
    .selectFrom('transfer_item as i')
    .innerJoin('transfer as t', 't.transfer_id', 'i.transfer_id')
    .select(['t.transfer_id', 't.state'])
    .where('i.order_id', '=', orderId)
    .where('i.live', '=', true)
    .forUpdate('t')
    .executeTakeFirst();
  if (transfer?.state === 'planned' || transfer?.state === 'queued' || transfer?.state === 'held') {
    await cancelUnsent(trx, transfer.transfer_id);
    await planTheRest(trx, transfer.transfer_id, orderId, now);
    return;
  }
  // Paid out, or failed and to be sent again: either way the seller's balance may no longer cover what is planned.
  await holdPayoutsForDebt(trx, order.seller_id);
}

async function planTheRest(trx: Trx<Database>, cancelled: bigint, without: bigint, now: Date): Promise<void> {
  const transfer = await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', cancelled)
    .executeTakeFirstOrThrow();
  const items = await trx
    .selectFrom('transfer_item')
    .select(['order_id', 'amount', 'fee'])
    .where('transfer_id', '=', cancelled)
    .where('order_id', '<>', without)
    .execute();
  const sellerId = transfer.seller_id;
  if (sellerId === null || items.length === 0) return;
  const reasonToHold = openTally(await readSellers(trx, [sellerId], now));
  const fee = won(items.reduce((sum, item) => sum + item.fee, 0n));
  const amount = won(items.reduce((sum, item) => sum + item.amount, 0n) - fee);
  if (amount === 0n) return;
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
}

/** The postings that allocated a deposit, the other way round. */
async function mirrorOf(trx: Trx<Database>, depositRowId: bigint): Promise<NewPosting[]> {
  const allocated = await trx
    .selectFrom('posting')
    .select(['debit', 'credit', 'amount', 'order_id'])
    .where('row_id', '=', depositRowId)
    .where('kind', 'in', ['allocation', 'fee'])
    .execute();
  return allocated.map((posting) => ({
    debit: posting.credit,
    credit: posting.debit,
    amount: won(posting.amount),
    kind: 'reversal',
    rowId: depositRowId,
    ...(posting.order_id === null ? {} : { orderId: posting.order_id }),
  }));
}
