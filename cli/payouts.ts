import type { Command } from 'commander';
import {
  halt,
  resume,
  showPayouts,
  type PayoutsStatus,
  type Resumed,
} from '../functions/operators/payout.routes.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { formatWon } from '../functions/shared/money.ts';
import { addPayoutsExplain } from './payouts-explain.ts';
import { columns, part, requestedText, wallClock } from './lines.ts';
import { acts, ask, reads, type ActOptions, type ReadOptions } from './person-command.ts';

/** Adds `payouts`, with which people see what stops payouts, halt and resume them, and explain what left the account. */
export function addPayouts(program: Command): void {
  const payouts = program
    .command('payouts')
    .description('all payouts (지급): what stops them, and halting and resuming them');
  reads(payouts.command('status'))
    .description(showPayouts.summary)
    .action(async (options: ReadOptions) => {
      await ask(options, showPayouts, {}, (status) => statusText(status, systemClock.now()));
    });
  acts(payouts.command('halt'))
    .description(halt.summary)
    .action(async (options: ActOptions) => {
      await ask(
        options,
        halt,
        {},
        () => 'Payouts are halted. Deposits are matched as before; payouts resume lets payouts go on.',
      );
    });
  acts(payouts.command('resume'))
    .description(resume.summary)
    .option('--despite', 'two people resume although the cause stands')
    .action(async (options: ActOptions & { readonly despite?: boolean }) => {
      await ask(options, resume, { despite: options.despite === true }, (answer) =>
        answer.outcome === 'requested'
          ? requestedText(answer, 'resume payouts despite what stands')
          : resumedText(answer),
      );
    });
  addPayoutsExplain(payouts);
}

function statusText(status: PayoutsStatus, now: Date): string {
  const { stops, oldestUnpaidAt, limits } = status;
  const limit = (amount: bigint | null) => (amount === null ? 'none' : `${formatWon(amount)} won`);
  return [
    stops.length === 0 ? 'Payouts go on: nothing stops them.' : 'Payouts are STOPPED:',
    ...columns(
      stops.map((stop) => [
        `  ${stop.name}`,
        `since ${wallClock(stop.changed_at)}`,
        `by ${stop.changed_by}`,
        stop.reason,
        stop.retry_at === null ? '' : `(looked at again at ${wallClock(stop.retry_at)})`,
      ]),
    ),
    ...part(
      'Open transfers, and those of the last day:',
      status.transfers.map(({ state, reason, count, won }) => [
        reason === null ? state : `${state}(${reason})`,
        count.toString(),
        `${formatWon(won)} won`,
      ]),
    ),
    oldestUnpaidAt === null
      ? 'Nothing waits to be paid.'
      : `The oldest unpaid transfer was planned ${minutesBetween(oldestUnpaidAt, now)} minutes ago (${wallClock(oldestUnpaidAt)}).`,
    `Limits of all sellers together: a transfer ${limit(limits.transfer)}, a day ${limit(limits.day)}.`,
    ...part(
      'Last complete reconciliation:',
      status.reconciliations.map(({ account, at, drift, unexplained_rows }) => [
        account,
        at === null ? 'never' : wallClock(at),
        drift === null ? '' : `drift ${formatWon(drift)} won`,
        unexplained_rows === null ? '' : `unexplained rows ${unexplained_rows}`,
      ]),
    ),
    ...part(
      'In suspense, until somebody says whose it is (rules add --apply, ledger correct --row):',
      status.inSuspense.map((row) => [
        `row ${row.row_id.toString()}`,
        row.account,
        wallClock(row.occurred_at),
        `${formatWon(row.amount)} won`,
        row.state,
      ]),
    ),
    ...part(
      'Waiting for a second person:',
      status.requests.map((request) => [
        `request ${request.approval_id.toString()}`,
        request.action,
        request.subject,
        `asked for by ${request.requested_by} at ${wallClock(request.requested_at)}`,
      ]),
    ),
    ...part(
      'Alarms:',
      status.alarms.map((alarm) => [
        wallClock(alarm.last_at),
        alarm.name,
        alarm.times === 1 ? '' : `${alarm.times} times, lastly`,
        JSON.stringify(alarm.detail),
      ]),
    ),
  ].join('\n');
}

function minutesBetween(from: Date, to: Date): number {
  return Math.max(Math.floor((to.getTime() - from.getTime()) / 60_000), 0);
}

function resumedText({ ended, remaining }: Resumed): string {
  const done = `Ended: ${ended.join(', ')}.`;
  const next = remaining.includes('halt_restore')
    ? ' Ask again with payouts resume for the halt after a restore.'
    : '';
  return remaining.length === 0
    ? `${done} Payouts go on with the next cycle.`
    : `${done} Payouts still wait for ${remaining.join(', ')} (payouts status); pauses end by themselves.${next}`;
}
