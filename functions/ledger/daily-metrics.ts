import type { MetricValues } from '../shared/metrics.ts';
import type { DailyResult } from './daily.step.ts';

/** A daily check's result as metrics. What it could not find out is left out. */
export function dailyMetrics(result: DailyResult): MetricValues {
  const differences = result.book_differences;
  return {
    LedgerSound: result.ended === 'sound' || result.ended === 'different' ? 1 : 0,
    LedgerEntries: result.entries,
    LedgerUnsealed: result.unsealed,
    ...(differences === null ? {} : { BookDifferences: differences }),
    DailyCheckDuration: result.ms,
  };
}
