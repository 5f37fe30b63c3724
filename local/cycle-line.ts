import { formatWon } from '../functions/shared/money.ts';
import type { CycleSummary } from '../functions/cycle/cycle.ts';
import type { TransferTotals } from './totals.ts';

/** Korea's wall clock to the minute, `06-28 09:59`. */
export function kstMinute(at: Date): string {
  return new Date(at.getTime() + 9 * 3_600_000).toISOString().slice(5, 16).replace('T', ' ');
}

/** What was paid out between two looks at the transfers. */
export function paidBetween(before: TransferTotals, after: TransferTotals): { count: number; won: bigint } {
  // A payout that came back leaves `succeeded`; it was paid out all the same.
  const paid = (totals: TransferTotals) => ({
    count: totals.succeeded.count + totals.returned.count,
    won: totals.succeeded.won + totals.returned.won,
  });
  return { count: paid(after).count - paid(before).count, won: paid(after).won - paid(before).won };
}

/** Whether a cycle changed anything that a person would want a line for. */
export function isQuiet(summary: CycleSummary, paid: { count: number }): boolean {
  return (
    summary.deposits === 0 &&
    summary.returned === 0 &&
    summary.reversed === 0 &&
    summary.expired === 0 &&
    paid.count === 0 &&
    summary.failures.length === 0 &&
    summary.resolved.succeeded + summary.resolved.failed + summary.resolved.absent === 0 &&
    summary.ended === 'complete'
  );
}

/** One cycle in one line. */
export function cycleLine(
  summary: CycleSummary,
  paid: { count: number; won: bigint },
  unknown: number,
): string {
  const reasons = Object.entries(summary.by_reason)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
  const parts = [
    `${kstMinute(new Date(summary.began_at))}  deposits ${summary.deposits}`,
    `matched ${summary.matched}`,
    `in review ${summary.in_review}${reasons === '' ? '' : ` (${reasons})`}`,
    `paid out ${paid.count} (${formatWon(paid.won)} won)`,
    `unknown ${unknown}`,
  ];
  if (summary.held > 0) parts.push(`held ${summary.held}`);
  if (summary.expired > 0) parts.push(`expired ${summary.expired}`);
  if (summary.returned > 0) parts.push(`returned ${summary.returned}`);
  if (summary.drift_won !== '0') parts.push(`DRIFT ${formatWon(BigInt(summary.drift_won))} won`);
  if (summary.stops.length > 0) parts.push(`payouts stopped by ${summary.stops.join(', ')}`);
  for (const failure of summary.failures) parts.push(`FAILED ${failure.step}: ${failure.error}`);
  if (summary.ended === 'out_of_time') parts.push('out of time, goes on in the next cycle');
  return `${parts.join('  ')}  ${(summary.ms / 1000).toFixed(2)} s`;
}
