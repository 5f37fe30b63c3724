import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { sellerAccount } from '../ledger/accounts.ts';
import { readBalances } from '../ledger/ledger.repository.ts';
import { readAccounts } from '../orders/payout-account.repository.ts';
import { act, refuse, type Done, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { byTwoPeople, type Requested } from '../people/two-people.step.ts';
import { formatWon, sumWon, won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { readDoubts } from './doubt.repository.ts';
import { openTally } from './plan.ts';
import { insertTransfers, mayBePaidByGivenUpRow, readSellers } from './plan.repository.ts';
import { lockItemsToBePaid } from './release.repository.ts';
import { lockTransfer, type LockedTransfer } from './transfer.repository.ts';
import type { HeldReason, Transfer } from './transfer.table.ts';

export type Approved =
  | Requested
  /** The held transfer goes on; `waits` says what for, if it waits for something else still. */
  | { readonly outcome: 'released'; readonly waits: HeldReason | undefined }
  /** A new transfer pays what this one did not. */
  | { readonly outcome: 'planned_anew'; readonly transferId: bigint; readonly waits: HeldReason | undefined };

/**
 * Two people let a transfer go: one that is held goes on, over its limits; what failed, came back or was cancelled is followed by a new one that pays what
 * of its orders is still to be paid. What waits for an account or for a debt is not theirs to let go, and says what it waits for.
 */
export async function approveTransfer(
  db: Kysely<Database>,
  acting: Acting,
  transferId: bigint,
): Promise<{ readonly outcome: 'done'; readonly result: Approved } | Refused> {
  return await act<Approved>(db, acting, async (trx) => {
    const locked = await lockTransfer(trx, transferId);
    if (locked === undefined)
      return refuse(
        'not_found',
        `there is no transfer ${transferId.toString()}; see smart-transfer transfers list`,
      );
    const { transfer } = locked;
    switch (transfer.state) {
      case 'held':
        return await releaseHeld(trx, acting, locked);
      case 'failed':
      case 'returned':
      case 'cancelled':
        return await planAnew(trx, acting, transfer);
      case 'planned':
      case 'queued':
      case 'sending':
      case 'succeeded':
        return refuse(
          'nothing_to_approve',
          `${named(transfer)} is ${transfer.state}: there is nothing to approve`,
        );
      case 'unknown':
        return refuse(
          'in_doubt',
          `the outcome of ${named(transfer)} is not known: the statement will tell; after a day two people may close it (transfers close)`,
        );
      default:
        return transfer.state satisfies never;
    }
  });
}

function named(transfer: Pick<Transfer, 'transfer_id'>): string {
  return `transfer ${transfer.transfer_id.toString()}`;
}

async function releaseHeld(
  trx: Trx<Database>,
  acting: Acting,
  { transfer, unpaidOrders }: LockedTransfer,
): Promise<Done<Approved> | Refused> {
  const { held_reason: heldReason, seller_id: sellerId } = transfer;
  if (heldReason === 'approval') return await whichAccountWaits(trx, transfer);
  if (heldReason === 'seller_debt') return await howMuchIsOwed(trx, transfer);
  const unpaid = unpaidOrders[0];
  if (unpaid !== undefined) {
    return refuse(
      'order_not_paid',
      `order ${unpaid.toString()} of ${named(transfer)} is not paid any more: cancel the transfer, then approve it, and the rest of it is planned anew`,
    );
  }
  const doubt = await refuseInDoubt(trx, transfer);
  if (doubt !== undefined) return doubt;
  const subject = `${named(transfer)}, held(${String(heldReason)})`;
  const matter = { action: 'transfer_release', subject, detail: { amount: transfer.amount } } as const;
  const deed = { action: 'transfers approve', subject: named(transfer) };
  return await byTwoPeople<Approved>(trx, acting, matter, deed, async ({ approvalId }) => {
    const waits =
      sellerId === null ? undefined : await whatElseItWaitsFor(trx, transfer, sellerId, acting.at);
    await trx
      .updateTable('transfer')
      .set({
        state: waits === undefined ? 'planned' : 'held',
        held_reason: waits ?? null,
        let_go_at: acting.at,
        approval_id: approvalId,
      })
      .where('transfer_id', '=', transfer.transfer_id)
      .execute();
    return { outcome: 'released', waits };
  });
}

/**
 * A limit that two people lift is not all that a payout may wait for: the seller may owe by now, or have another account than the payout was planned to, and a row
 * that was given up after a restore may have paid it.
 */
async function whatElseItWaitsFor(
  trx: Trx<Database>,
  transfer: Transfer,
  sellerId: string,
  at: Date,
): Promise<HeldReason | undefined> {
  const reasonToHold = openTally(await readSellers(trx, [sellerId], at));
  const waits = reasonToHold(sellerId, won(transfer.amount), { limits: true });
  if (waits !== undefined) return waits;
  const approved = (await readAccounts(trx, sellerId)).find((account) => account.state === 'approved');
  if (approved?.payout_account_id !== transfer.payout_account_id) return 'approval';
  const isLookedAt = transfer.held_reason === 'restore';
  return !isLookedAt && (await mayBePaidByGivenUpRow(trx, transfer.transfer_id)) ? 'restore' : undefined;
}

async function whichAccountWaits(trx: Trx<Database>, transfer: Transfer): Promise<Refused> {
  const { seller_id: sellerId } = transfer;
  if (sellerId === null) {
    return refuse(
      'waits_for_account',
      `${named(transfer)} refunds deposit ${String(transfer.deposit_row_id)} to an account that a second person has to approve, with the same review refund`,
    );
  }
  const accounts = await readAccounts(trx, sellerId);
  const waiting = accounts.find((account) => account.state === 'requested');
  const start = `${named(transfer)} waits for an approved account of seller ${sellerId}`;
  if (waiting !== undefined) {
    const { payout_account_id, bank_code, account_number_masked, account_holder, requested_by } = waiting;
    const id = payout_account_id.toString();
    return refuse(
      'waits_for_account',
      `${start}: account ${id} (bank ${bank_code}, ${account_number_masked}, ${account_holder}) was asked for by ${requested_by}; somebody else approves it with: smart-transfer accounts approve ${id}`,
    );
  }
  if (accounts.some((account) => account.state === 'approved'))
    return refuse('waits_for_account', `${start}, which there is by now: the next cycle lets it go`);
  return refuse(
    'waits_for_account',
    `${start}: ask for one with smart-transfer accounts request ${sellerId}`,
  );
}

async function howMuchIsOwed(trx: Trx<Database>, transfer: Transfer): Promise<Refused> {
  const account = sellerAccount(transfer.seller_id ?? '');
  const balance = (await readBalances(trx, [account])).get(account) ?? 0n;
  return refuse(
    'waits_for_debt',
    `${named(transfer)} waits until the balance of its seller (now ${formatWon(balance)} won) covers it (${formatWon(transfer.amount)} won) beside all else that is planned or held for the seller: new paid orders bring that about, and the next cycle then lets it go`,
  );
}

async function refuseInDoubt(trx: Trx<Database>, transfer: Transfer): Promise<Refused | undefined> {
  const doubts = await readDoubts(trx, transfer.transfer_id);
  if (doubts.length === 0) return undefined;
  return refuse(
    'in_doubt',
    `${named(transfer)} may have been paid: ${doubts.join('; ')}. Wait for the statement, or let two people explain its rows (ledger correct)`,
  );
}

async function planAnew(
  trx: Trx<Database>,
  acting: Acting,
  transfer: Transfer,
): Promise<Done<Approved> | Refused> {
  const { seller_id: sellerId, transfer_id: transferId } = transfer;
  if (sellerId === null) {
    return refuse(
      'is_refund',
      `${named(transfer)} is a refund and ${transfer.state}: its deposit ${String(transfer.deposit_row_id)} is decided anew (review list)`,
    );
  }
  const doubt = await refuseInDoubt(trx, transfer);
  if (doubt !== undefined) return doubt;
  // What was cancelled follows what it was to follow, so that a late success of that finds the new one, and cancels it while it can.
  const retryOf = transfer.state === 'cancelled' ? (transfer.retry_of ?? transferId) : transferId;
  // Somebody may approve that one at this moment.
  if (retryOf !== transferId) await lockTransfer(trx, retryOf);
  const follower = await trx
    .selectFrom('transfer')
    .select(['transfer_id', 'state'])
    .where('retry_of', '=', retryOf)
    .where('state', '<>', 'cancelled')
    .executeTakeFirst();
  if (follower !== undefined) {
    return refuse(
      'followed_already',
      `transfer ${follower.transfer_id.toString()}, which is ${follower.state}, pays again what ${named(transfer)} did not: approve that one, if anything`,
    );
  }
  const items = await lockItemsToBePaid(trx, [transferId]);
  const fee = sumWon(items.map((item) => won(item.fee)));
  const amount = won(sumWon(items.map((item) => won(item.amount))) - fee);
  if (amount === 0n) {
    return refuse(
      'nothing_to_pay',
      `no order of ${named(transfer)} is still to be paid: each is unpaid, or in another transfer`,
    );
  }
  const matter = {
    action: 'transfer_release',
    subject: `${named(transfer)}, ${transfer.state}`,
    detail: { amount, orders: items.map((item) => item.order_id) },
  } as const;
  const deed = { action: 'transfers approve', subject: named(transfer) };
  return await byTwoPeople<Approved>(trx, acting, matter, deed, async ({ approvalId }) => {
    const reasonToHold = openTally(await readSellers(trx, [sellerId], acting.at));
    const waits = reasonToHold(sellerId, amount, { limits: true });
    const [planned] = await insertTransfers(
      trx,
      [
        {
          sellerId,
          amount,
          fee,
          items: items.map((item) => ({
            orderId: item.order_id,
            amount: won(item.amount),
            fee: won(item.fee),
          })),
          depositedAt: transfer.deposited_at ?? acting.at,
          held: waits,
          retryOf,
          approvalId,
        },
      ],
      acting.at,
    );
    if (planned === undefined) throw new Error(`${named(transfer)} was planned anew as nothing`);
    return { outcome: 'planned_anew', transferId: planned, waits };
  });
}
