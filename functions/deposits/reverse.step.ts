import type { CycleContext } from '../cycle/cycle-context.ts';
import type { Database } from '../database.ts';
import { bankAccount, UNALLOCATED } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import type { NewPosting } from '../ledger/postings.ts';
import { won } from '../shared/money.ts';
import { decidesOn } from '../reviews/decision.repository.ts';
import type { Trx } from '../shared/postgres.ts';
import { cancelUnsent } from '../transfers/outcome.repository.ts';
import { raiseAlarm } from '../transfers/stops.repository.ts';
import type { Transfer } from '../transfers/transfer.table.ts';
import { lockOrders, readAllocationsOf } from './allocation.repository.ts';
import type { UnbookedRow } from './classify.ts';
import { refundLossPosting } from './refunded-deposit.repository.ts';
import { isCancellable, takeAllocationsBack } from './unpay-orders.step.ts';

/**
 * The bank takes a deposit back, whatever became of it meanwhile:
 * - orders that it paid, alone or with others, are unpaid again; a payout is cancelled while that can still be done, and otherwise the seller is debited and may
 *   go below zero, so that its further payouts wait;
 * - a refund that was not sent is cancelled; one that was, or may have been, is money lost: `suspense` bears it, and an alarm says so;
 * - what a person moved to another account is moved back.
 */
export async function reverseDeposit(
  trx: Trx<Database>,
  context: Pick<CycleContext, 'now'>,
  row: UnbookedRow,
  depositRowId: bigint,
): Promise<void> {
  const { now } = context;
  // Orders, then the refund, then the deposit: as people's decisions lock them.
  const known = await readAllocationsOf(trx, [depositRowId]);
  await lockOrders(
    trx,
    known.map((one) => one.orderId),
  );
  await lockLiveRefund(trx, depositRowId);
  await trx.selectFrom('deposit').select('row_id').where('row_id', '=', depositRowId).forUpdate().execute();
  // What a person has decided in the meantime is not locked yet.
  const refund = await lockLiveRefund(trx, depositRowId);
  const allocations = await readAllocationsOf(trx, [depositRowId]);
  const orders = await lockOrders(
    trx,
    allocations.map((one) => one.orderId),
  );
  await takeAllocationsBack(trx, allocations, orders, now);

  const postings: NewPosting[] = await ignoredBack(trx, depositRowId);
  if (refund !== undefined) {
    if (isCancellable(refund)) await cancelUnsent(trx, refund.transfer_id, now);
    else postings.push(await refundLost(trx, refund, now));
  }
  postings.push({
    debit: UNALLOCATED,
    credit: bankAccount(row.account),
    amount: row.amount,
    kind: 'reversal',
    rowId: row.rowId,
  });
  await insertPostings(trx, postings, now);
  await trx
    .updateTable('deposit')
    .set({ state: 'reversed', remaining: 0n, decided_at: now })
    .where('row_id', '=', depositRowId)
    .execute();
  await endDecisions(trx, depositRowId);
  await raiseAlarm(trx, 'deposit_reversed', { depositRowId, rowId: row.rowId, amount: row.amount }, now);
}

async function lockLiveRefund(trx: Trx<Database>, depositRowId: bigint): Promise<Transfer | undefined> {
  return await trx
    .selectFrom('transfer')
    .selectAll()
    .where('refunds_row', '=', depositRowId)
    .forUpdate()
    .executeTakeFirst();
}

/** The refund was sent, or may have been: nothing takes it back. */
async function refundLost(trx: Trx<Database>, refund: Transfer, now: Date): Promise<NewPosting> {
  const { transfer_id: transferId, deposit_row_id: depositRowId, amount, state } = refund;
  await raiseAlarm(trx, 'refunded_deposit_reversed', { transferId, depositRowId, amount, state }, now);
  return refundLossPosting(refund, 'lost');
}

/** What a person moved from the deposit to another account, the other way round. */
async function ignoredBack(trx: Trx<Database>, depositRowId: bigint): Promise<NewPosting[]> {
  const ignored = await trx
    .selectFrom('review_decision')
    .select(['ledger_account', 'amount'])
    .where(decidesOn(depositRowId))
    .where('kind', '=', 'ignore')
    .where('state', '=', 'standing')
    .execute();
  return ignored.flatMap(({ ledger_account: debit, amount }) =>
    debit === null
      ? []
      : [{ debit, credit: UNALLOCATED, amount: won(amount), kind: 'reversal', rowId: depositRowId }],
  );
}

/** Decisions of which nothing stands any more. One that still allocates another deposit can be undone as before. */
async function endDecisions(trx: Trx<Database>, depositRowId: bigint): Promise<void> {
  await trx
    .updateTable('review_decision as r')
    .set({ state: 'reversed' })
    .where(decidesOn(depositRowId))
    .where('r.state', '=', 'standing')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('allocation as a')
            .select('a.allocation_id')
            .whereRef('a.decision_id', '=', 'r.decision_id')
            .where('a.live', '=', true),
        ),
      ),
    )
    .execute();
}
