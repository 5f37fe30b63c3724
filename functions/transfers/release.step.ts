import { kstDate } from '../bank/kst.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import { sellerAccount } from '../ledger/accounts.ts';
import { readBalances } from '../ledger/ledger.repository.ts';
import { sumWon, won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { insertTransfers, lockPlanning, readSellers } from './plan.repository.ts';
import { openTally, type Settled, type TransferItem } from './plan.ts';
import {
  applyDecisions,
  duePauses,
  giveAccounts,
  hasFunds,
  lockItemsToBePaid,
  readCovered,
  readDebtors,
  readRetryable,
  readWaitingForAccount,
  type Decided,
  type RetryItem,
  type Waiting,
} from './release.repository.ts';
import { endPause } from './stops.repository.ts';

const PAGE = 500;

export interface Released {
  readonly retried: number;
  readonly released: number;
  readonly resumed: readonly string[];
}

/**
 * What may go on by itself goes on: a pause whose cause is over, a transfer that failed for such a cause, payouts that waited for an approved account
 * or for a debt to be made up. What needs a person stays.
 *
 * @param bankAnswered whether the bank has answered this cycle's statement reads.
 */
export async function release(context: CycleContext, bankAnswered: boolean): Promise<Released> {
  const { db, now, token } = context;
  return await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const resumed = await resume(trx, context, bankAnswered);
    // Debts last: the two before may leave a transfer held for one that is made up already.
    const retried = await retryFailed(trx, context);
    const released = (await releaseApproved(trx, now)) + (await releaseMadeUp(trx, now));
    return { retried, released, resumed };
  });
}

async function resume(
  trx: Trx<Database>,
  { now, settings }: CycleContext,
  bankAnswered: boolean,
): Promise<string[]> {
  const resumed: string[] = [];
  for (const name of await duePauses(trx, now)) {
    if (
      name === 'pause_maintenance' &&
      bankAnswered &&
      (await endPause(trx, name, now, 'the bank answers again'))
    )
      resumed.push(name);
    if (name === 'pause_limit' && (await endPause(trx, name, now, "the day of the bank's limit is over")))
      resumed.push(name);
    if (
      name === 'pause_funds' &&
      (await hasFunds(trx, settings.payoutAccount)) &&
      (await endPause(trx, name, now, 'the account is funded'))
    ) {
      resumed.push(name);
    }
  }
  return resumed;
}

/**
 * Payouts that were held because their seller had no approved account: they now take it as their destination. An approved account lifts no limit and
 * pays no debt, so those are looked at now.
 */
async function releaseApproved(trx: Trx<Database>, now: Date): Promise<number> {
  const waiting = await readWaitingForAccount(trx, PAGE);
  const decided = await decide(trx, waiting, now, { account: true });
  return await giveAccounts(trx, decided, now);
}

/**
 * Payouts that wait for a debt: each seller's oldest first, as far as the seller's balance covers them beside all that is planned or held for other
 * reasons. So the debt stands behind the youngest, and none is overtaken. A limit is looked at when the debt is made up.
 */
async function releaseMadeUp(trx: Trx<Database>, now: Date): Promise<number> {
  // Before the balances are read: whoever charges a seller afterwards holds what is let go here.
  await lockPlanning(trx);
  const debtors = await readDebtors(trx);
  if (debtors.length === 0) return 0;
  const balances = await readBalances(
    trx,
    debtors.map((debtor) => sellerAccount(debtor.seller_id)),
  );
  const free = debtors.map(({ seller_id, ahead }) => ({
    seller_id,
    free: (balances.get(sellerAccount(seller_id)) ?? 0n) - ahead,
  }));
  const covered = await readCovered(trx, free, PAGE);
  const decided = await decide(trx, covered, now, { account: true, debt: true });
  return await applyDecisions(trx, decided, now);
}

/** What each waits for next, if for anything. What goes on counts towards this day. A limit that two people have let it go over holds it no more. */
async function decide(
  trx: Trx<Database>,
  waiting: readonly Waiting[],
  now: Date,
  settled: Settled,
): Promise<Decided[]> {
  const sellerIds = [...new Set(waiting.map((transfer) => transfer.seller_id))];
  const reasonToHold = openTally(await readSellers(trx, sellerIds, now));
  return waiting.map(({ transfer_id, seller_id, amount, approval_id }) => {
    const reason = reasonToHold(seller_id, won(amount), { ...settled, limits: approval_id !== null });
    return { transfer_id, held_reason: reason ?? null };
  });
}

/**
 * Transfers that failed for a cause that is cleared are followed by new ones: the account is funded again, the day of the bank's limit is over, the bank has
 * reopened, the seller has another approved account. A refusal of any other kind waits for a person, and so does a transfer that the limit has refused on two
 * days, since it may be one that no day lets through, and one whose retry was cancelled. Orders that were unpaid since, or
 * planned anew, are left out.
 */
async function retryFailed(trx: Trx<Database>, { now, settings }: CycleContext): Promise<number> {
  const failed = await readRetryable(trx, settings.payoutAccount, kstDate(now), PAGE);
  if (failed.length === 0) return 0;
  // Locked, so that whoever takes an order's deposit away at this moment is either seen here or sees the new transfer.
  const items = await lockItemsToBePaid(
    trx,
    failed.map((transfer) => transfer.transfer_id),
  );
  const sellers = await readSellers(trx, [...new Set(failed.map((transfer) => transfer.seller_id))], now);
  const byTransfer = Map.groupBy(items, (item) => item.transfer_id);
  const reasonToHold = openTally(sellers);
  const retries = failed.flatMap((transfer) => {
    const left = itemsOf(byTransfer.get(transfer.transfer_id) ?? []);
    const fee = sumWon(left.map((item) => item.fee));
    const amount = won(sumWon(left.map((item) => item.amount)) - fee);
    if (amount === 0n) return [];
    const approvalId = transfer.approval_id ?? undefined;
    return [
      {
        sellerId: transfer.seller_id,
        amount,
        fee,
        items: left,
        depositedAt: transfer.deposited_at ?? now,
        held: reasonToHold(transfer.seller_id, amount, { limits: approvalId !== undefined }),
        retryOf: transfer.transfer_id,
        approvalId,
      },
    ];
  });
  await insertTransfers(trx, retries, now);
  return retries.length;
}

function itemsOf(rows: readonly RetryItem[]): TransferItem[] {
  return rows.map((row) => ({ orderId: row.order_id, amount: won(row.amount), fee: won(row.fee) }));
}
