import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import type { Trx } from '../shared/postgres.ts';
import { activeStops, endPause, haltOnDrift, raiseAlarm, raiseStop } from '../transfers/stops.repository.ts';
import { bankAccount } from './accounts.ts';
import { closingBalance } from './closing-balance.ts';
import { readBalances } from './ledger.repository.ts';
import {
  insertReconciliation,
  readFigures,
  readLastDrift,
  readReconciledSince,
} from './reconcile.repository.ts';

/** A transfer this young may be in the books and not on the statement yet, or the other way round, minutes. */
const YOUNG_MINUTES = 15;

export interface AccountReconciliation {
  readonly account: string;
  /** The balance after the statement's last row, won. */
  readonly statementBalance: bigint;
  /** What the books say that it should be, won. */
  readonly expectedBalance: bigint;
  /** Statement less expected, won. */
  readonly drift: bigint;
  /** Outgoing rows that nothing explains. */
  readonly unexplainedRows: number;
  /** Transfers paid longer ago than the bank takes to show them, that it does not show. */
  readonly missingWithdrawals: number;
}

/**
 * Compares an account's books with its statement, as of the last complete read. What is on its way may stand on either side: a transfer that
 * is booked as paid and not shown yet, one that is shown and whose outcome is still unknown, and rows that are not booked. A drift that
 * stands in two complete reads halts payouts. A read whose balances form no chain counts as incomplete, since a row that the bank shows late drifts
 * until it is shown.
 *
 * @returns nothing while none of the account's rows is booked, for then its opening balance is not known. An account without a row counts from nothing.
 */
export async function reconcile(
  context: CycleContext,
  account: string,
  complete: boolean,
): Promise<AccountReconciliation | undefined> {
  const { db, now, token } = context;
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await fence(trx, token);
      const figures = await readFigures(trx, account, new Date(now.getTime() - YOUNG_MINUTES * 60_000));
      if (figures.lastRows.length > 0 && !figures.opened) return undefined;
      const { paidNotShown, shownNotPaid, unbooked, unexplainedRows, missingWithdrawals } = figures;
      const booked = (await readBalances(trx, [bankAccount(account)])).get(bankAccount(account)) ?? 0n;
      const statementBalance = closingBalance(figures.lastRows, figures.rowsBefore);
      const expectedBalance = booked + paidNotShown - shownNotPaid + unbooked;
      const drift = statementBalance - expectedBalance;
      const result = {
        account,
        statementBalance,
        expectedBalance,
        drift,
        unexplainedRows,
        missingWithdrawals,
      };
      const sound = complete && figures.chainWhole;
      if (sound && drift !== 0n) await haltIfItStands(trx, result, now);
      await insertReconciliation(trx, {
        ...result,
        cycleToken: token,
        at: now,
        complete: sound,
        detail: {
          booked: booked.toString(),
          paid_not_shown: paidNotShown.toString(),
          shown_not_paid: shownNotPaid.toString(),
          unbooked: unbooked.toString(),
          missing_withdrawals: missingWithdrawals,
        },
      });
      return result;
    });
}

/** Halts payouts when the complete reconciliation before this one did not add up either. A halt that stands already raises no second alarm. */
async function haltIfItStands(
  trx: Trx<Database>,
  { account, drift, missingWithdrawals }: AccountReconciliation,
  now: Date,
): Promise<void> {
  const before = await readLastDrift(trx, account);
  if (before === undefined || before === 0n) return;
  if ((await activeStops(trx)).includes('halt_drift')) return;
  const reason = `the statement differs from the books by ${drift.toString()} won, in two complete reads`;
  await haltOnDrift(trx, 'drift', reason, { drift, missingWithdrawals }, now);
}

/** Payouts pause when so many scheduled cycles have passed without a complete reconciliation. */
const CYCLES_WITHOUT = 6;

/**
 * Pauses payouts while an account's last complete reconciliation is too long ago, and lets them go on after the next one. What was never
 * reconciled counts from the first cycle on.
 *
 * @returns whether payouts are paused for it now.
 */
export async function watchReconciliation(
  { db, now, token, settings }: CycleContext,
  accounts: readonly string[],
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const since = (await readReconciledSince(trx, accounts)) ?? now;
    if (now.getTime() - since.getTime() <= CYCLES_WITHOUT * settings.cycleMs) {
      await endPause(trx, 'pause_reconciliation', now, 'a reconciliation is complete again');
      return false;
    }
    const reason = `no complete reconciliation since ${since.toISOString()}`;
    const raised = await raiseStop(trx, { name: 'pause_reconciliation', reason, by: 'system', at: now });
    if (raised) await raiseAlarm(trx, 'reconciliation_overdue', { since: since.toISOString() }, now);
    return true;
  });
}
