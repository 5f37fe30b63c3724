import type { Command } from 'commander';
import { systemClock } from '../functions/shared/clock.ts';
import { formatWon } from '../functions/shared/money.ts';
import { haltPayouts, resumePayouts, type Resumed } from '../functions/transfers/payouts.step.ts';
import { readPayoutsStatus, type PayoutsStatus } from '../functions/transfers/payouts-status.repository.ts';
import { addPayoutsExplain } from './payouts-explain.ts';
import { columns, refusedAnswer, requestedAnswer, wallClock } from './lines.ts';
import {
  actingNow,
  acts,
  answer,
  reads,
  type ActOptions,
  type Answer,
  type ReadOptions,
} from './person-command.ts';

interface ResumeOptions extends ActOptions {
  readonly despite?: boolean;
}

/** Adds `payouts`, with which people see what stops payouts, halt and resume them, and explain what left the account. */
export function addPayouts(program: Command): void {
  const payouts = program
    .command('payouts')
    .description('all payouts (지급): what stops them, and halting and resuming them');
  addStatus(payouts);
  addHalt(payouts);
  addResume(payouts);
  addPayoutsExplain(payouts);
}

function addStatus(payouts: Command): void {
  reads(payouts.command('status'))
    .description('what stops payouts and why, what is open, and what wants a person')
    .action(async (options: ReadOptions) => {
      await answer(options, async ({ db }) => {
        const now = systemClock.now();
        const status = await readPayoutsStatus(db, now);
        return { text: statusText(status, now), json: status };
      });
    });
}

function statusText(status: PayoutsStatus, now: Date): string {
  const part = (title: string, rows: string[][]): string[] =>
    rows.length === 0 ? [] : [title, ...columns(rows).map((line) => `  ${line}`)];
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

function addHalt(payouts: Command): void {
  acts(payouts.command('halt'))
    .description('halt all payouts and refunds at once: a claim in flight ends, none begins after')
    .action(async (options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await haltPayouts(db, actingNow(options));
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return {
          text: 'Payouts are halted. Deposits are matched as before; payouts resume lets payouts go on.',
          json: { outcome: 'halted' },
        };
      });
    });
}

function addResume(payouts: Command): void {
  acts(payouts.command('resume'))
    .description("let payouts go on after a person's halt, or after the system's once its cause is gone")
    .option('--despite', 'two people resume although the cause stands')
    .action(async (options: ResumeOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await resumePayouts(db, actingNow(options), options.despite === true);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { result } = outcome;
        if (result.outcome === 'requested')
          return requestedAnswer(result, 'resume payouts despite what stands');
        return resumedAnswer(result);
      });
    });
}

function resumedAnswer(result: Resumed): Answer {
  const ended = `Ended: ${result.ended.join(', ')}.`;
  const { remaining } = result;
  const next = remaining.includes('halt_restore')
    ? ' Ask again with payouts resume for the halt after a restore.'
    : '';
  return {
    text:
      remaining.length === 0
        ? `${ended} Payouts go on with the next cycle.`
        : `${ended} Payouts still wait for ${remaining.join(', ')} (payouts status); pauses end by themselves.${next}`,
    json: result,
  };
}
