import type { Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { SUSPENSE, UNALLOCATED } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { won } from '../shared/money.ts';
import { assertRows } from '../shared/postgres.ts';
import type { Transfer } from '../transfers/transfer.table.ts';
import type { DepositState } from './deposit.table.ts';

type Refund = Pick<Transfer, 'transfer_id' | 'deposit_row_id' | 'amount'>;

/** What a refund's transfer is about; nothing for a payout. */
export async function readRefund(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<Refund | undefined> {
  return await trx
    .selectFrom('transfer')
    .select(['transfer_id', 'deposit_row_id', 'amount'])
    .where('transfer_id', '=', transferId)
    .where('kind', '=', 'refund')
    .executeTakeFirst();
}

/**
 * A refund has failed, was cancelled, or came back: its money is the deposit's again, and a person decides anew. Where the bank has taken the deposit back
 * meanwhile, there is nothing left to decide: what was lost by the refund is found again.
 */
export async function giveRefundBack(trx: Transaction<Database>, refund: Refund, at: Date): Promise<void> {
  const deposit = await lockDepositOf(trx, refund);
  await trx
    .updateTable('review_decision')
    .set({ state: 'came_back' })
    .where('transfer_id', '=', refund.transfer_id)
    .where('state', '=', 'standing')
    .execute();
  if (deposit.state === 'reversed') {
    await insertPostings(trx, [refundLossPosting(refund, 'found')], at);
    return;
  }
  const back = await trx
    .updateTable('deposit')
    .set((eb) => ({ state: 'in_review', remaining: eb('remaining', '+', refund.amount), decided_at: at }))
    .where('row_id', '=', deposit.row_id)
    .where('state', 'in', ['refund_pending', 'refunded'])
    .executeTakeFirst();
  assertRows(`deposit of refund ${refund.transfer_id.toString()}`, Number(back.numUpdatedRows), 1);
}

/** The refund is known to have been paid. */
export async function markRefunded(trx: Transaction<Database>, refund: Refund, at: Date): Promise<void> {
  await trx
    .updateTable('deposit')
    .set({ state: 'refunded', decided_at: at })
    .where('row_id', '=', refund.deposit_row_id)
    .where('state', '=', 'refund_pending')
    .execute();
}

/**
 * A refund that was taken for failed was paid after all: the deposit's money is taken again, if nobody has used it meanwhile.
 *
 * @returns the deposit's state where it was used: then the money has gone twice.
 */
export async function retakeRefund(
  trx: Transaction<Database>,
  refund: Refund,
  at: Date,
): Promise<DepositState | 'retaken'> {
  const deposit = await lockDepositOf(trx, refund);
  if (deposit.state === 'reversed') {
    await insertPostings(trx, [refundLossPosting(refund, 'lost')], at);
  } else {
    if (deposit.state !== 'in_review' || deposit.remaining !== refund.amount) return deposit.state;
    await trx
      .updateTable('deposit')
      .set({ state: 'refund_pending', remaining: 0n, decided_at: at })
      .where('row_id', '=', deposit.row_id)
      .execute();
  }
  await trx
    .updateTable('review_decision')
    .set({ state: 'standing' })
    .where('transfer_id', '=', refund.transfer_id)
    .where('state', '=', 'came_back')
    .execute();
  return 'retaken';
}

/** Whether the bank has taken back the deposit that a refund is of: then it must not be sent again. */
export async function isOfReversedDeposit(trx: Transaction<Database>, refund: Refund): Promise<boolean> {
  return (await lockDepositOf(trx, refund)).state === 'reversed';
}

/** A deposit that was refunded and taken back by the bank is paid twice over by us: `suspense` bears it until a person has it back. */
export function refundLossPosting(refund: Refund, way: 'lost' | 'found') {
  const [debit, credit] = way === 'lost' ? [SUSPENSE, UNALLOCATED] : [UNALLOCATED, SUSPENSE];
  const rowId = depositRowOf(refund);
  return { debit, credit, amount: won(refund.amount), kind: 'reversal', rowId } as const;
}

function depositRowOf(refund: Refund): bigint {
  if (refund.deposit_row_id === null)
    throw new Error(
      `refund ${refund.transfer_id.toString()} names no deposit: the database refuses such a row`,
    );
  return refund.deposit_row_id;
}

async function lockDepositOf(trx: Transaction<Database>, refund: Refund) {
  return await trx
    .selectFrom('deposit')
    .select(['row_id', 'state', 'remaining'])
    .where('row_id', '=', depositRowOf(refund))
    .forUpdate()
    .executeTakeFirstOrThrow();
}
