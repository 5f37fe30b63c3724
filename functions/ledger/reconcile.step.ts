import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import type { Trx } from '../shared/postgres.ts';
import { endPause, haltAndSayOnce, raiseAlarm, raiseStop } from '../transfers/stops.repository.ts';
import { bankAccount } from './accounts.ts';
import { balanceGaps } from './balance-gaps.ts';
import { closingBalance } from './closing-balance.ts';
import { NAMED_MAX } from './difference.ts';
import { readBalances } from './ledger.repository.ts';
import {
  insertReconciliation,
  readDriftRows,
  readFigures,
  readLastComplete,
  readLastEvenMarks,
  readOneSided,
  readReconciledSince,
  type DriftSources,
  type LastReconciliation,
  type Named,
  type OneSided,
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
  /** What stands on one side only, by its rows. */
  readonly oneSided: OneSided;
}

/**
 * Compares an account's books with its statement, as of the last complete read. What is on its way may stand on either side: a transfer that
 * is booked as paid and not shown yet, one that is shown and whose outcome is still unknown, and rows that are not booked. A drift that
 * stands in two complete reads halts payouts, and so does a transfer that is paid and that neither of them shows. A read whose balances form no chain counts as incomplete, since a row that the bank shows late drifts
 * until it is shown; so does a comparison while a row waits to be booked: what it is, a payout that is booked as paid or the first row of all, is not known yet.
 *
 * @returns nothing while none of the account's rows is booked, for then its opening balance is not known. An account without a row counts from nothing.
 */
export async function reconcile(
  context: CycleContext,
  account: string,
  complete: boolean,
): Promise<AccountReconciliation | undefined> {
  const { db, now, token, log } = context;
  const compared = await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => await compareAccount(trx, account, now));
  if (compared === undefined) return undefined;
  const { result, figures, booked, sources } = compared;
  const sound = complete && figures.chainWhole && result.oneSided.unbooked_rows.count === 0;
  // Apart from the snapshot that was compared: under it, another stop that is raised at the same moment would make this halt fail.
  const halted = await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const why = sound ? await haltIfItStands(trx, now, result, sources) : undefined;
    await insertReconciliation(trx, {
      ...result,
      cycleToken: token,
      at: now,
      unexplainedRows: result.oneSided.unexplained_rows.count,
      complete: sound,
      detail: {
        booked: booked.toString(),
        paid_not_shown: figures.paidNotShown.toString(),
        shown_not_paid_won: figures.shownNotPaid.toString(),
        unbooked: figures.unbooked.toString(),
        rows_through: figures.rowsThrough.toString(),
        postings_through: figures.postingsThrough.toString(),
        ...result.oneSided,
        ...sources,
      },
    });
    return why;
  });
  if (halted !== undefined) {
    const { drift, oneSided } = result;
    log.error('statement and books differ; payouts are halted', {
      reason: halted,
      drift: drift.toString(),
      ...oneSided,
      ...sources,
    });
  } else if (result.oneSided.unexplained_rows.count > 0) {
    log.error('withdrawals that nothing explains', { unexplained_rows: result.oneSided.unexplained_rows });
  }
  return result;
}

/** Reads both sides as of one instant; nothing while none of the account's rows is booked. */
async function compareAccount(trx: Trx<Database>, account: string, now: Date) {
  const young = new Date(now.getTime() - YOUNG_MINUTES * 60_000);
  const figures = await readFigures(trx, account, young);
  if (figures.lastRows.length > 0 && !figures.opened) return undefined;
  const { paidNotShown, shownNotPaid, unbooked } = figures;
  const booked = (await readBalances(trx, [bankAccount(account)])).get(bankAccount(account)) ?? 0n;
  const statementBalance = closingBalance(figures.lastRows, figures.rowsBefore);
  const expectedBalance = booked + paidNotShown - shownNotPaid + unbooked;
  const drift = statementBalance - expectedBalance;
  const oneSided = await readOneSided(trx, account, young);
  const result: AccountReconciliation = { account, statementBalance, expectedBalance, drift, oneSided };
  const sources = drift === 0n ? undefined : await readSources(trx, account);
  return { result, figures, booked, sources };
}

/** Where a drift comes from, since the account last added up. */
async function readSources(trx: Trx<Database>, account: string): Promise<DriftSources> {
  const found = await readDriftRows(trx, account, await readLastEvenMarks(trx, account));
  const gaps = balanceGaps(found.rows).map((gap) => ({
    after_row: gap.afterRow.toString(),
    before_row: gap.beforeRow.toString(),
    won: gap.won.toString(),
  }));
  return {
    rows_not_posted: found.rows_not_posted,
    postings_without_row: found.postings_without_row,
    balance_gaps: { count: gaps.length, first: gaps.slice(0, NAMED_MAX) },
  };
}

/**
 * Halts payouts when the complete reconciliation before this one did not add up either, or missed the withdrawal of the same transfer. What stands already
 * raises no second alarm.
 *
 * @returns why payouts are halted; nothing when they are not.
 */
async function haltIfItStands(
  trx: Trx<Database>,
  now: Date,
  { account, drift, oneSided }: AccountReconciliation,
  sources: DriftSources | undefined,
): Promise<string | undefined> {
  const missing = oneSided.missing_withdrawals;
  if (drift === 0n && missing.count === 0) return undefined;
  const before = await readLastComplete(trx, account);
  const drifts = drift !== 0n && before !== undefined && before.drift !== 0n;
  if (!drifts && !missedBefore(missing, before)) return undefined;
  const parts = [
    ...(drift === 0n ? [] : [`the statement differs from the books by ${drift.toString()} won`]),
    ...(missing.count === 0
      ? []
      : [
          `${missing.count} paid ${missing.count === 1 ? 'transfer is' : 'transfers are'} not on the statement (${listed(missing, 'transfer_id')})`,
        ]),
  ];
  const reason = `${parts.join(', and ')}, in two complete reads`;
  await haltAndSayOnce(trx, 'drift', reason, { drift, missing_withdrawals: missing, ...sources }, now);
  return reason;
}

/** Whether a transfer whose withdrawal is missing was missed by the complete reconciliation before, too. */
function missedBefore(missing: Named, before: LastReconciliation | undefined): boolean {
  const known = new Set(before?.detail.missing_withdrawals?.first.map((one) => one['transfer_id']));
  return missing.first.some((one) => known.has(one['transfer_id']));
}

function listed({ count, first }: Named, field: string): string {
  const ids = first.map((one) => one[field]).join(', ');
  return count > first.length ? `${ids} …` : ids;
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
