import type { MetricValues } from '../shared/metrics.ts';
import type { CycleSummary } from './cycle.ts';

/** A cycle's summary as metrics. What the cycle could not find out is left out. */
export function cycleMetrics(summary: CycleSummary): MetricValues {
  const { vitals, book_differences: differences } = summary;
  return {
    CycleComplete: summary.ended === 'complete' ? 1 : 0,
    CycleDuration: summary.ms,
    FailedSteps: summary.failures.length,
    DepositsMatched: summary.matched,
    DepositsInReview: summary.in_review,
    // Beyond 2^53 won a metric is off by a few won, and no less alarming.
    DriftWon: Number(summary.drift_won),
    UnexplainedRows: summary.unexplained_rows,
    MissingWithdrawals: summary.missing_withdrawals,
    ...(differences === null ? {} : { BookDifferences: differences }),
    PayoutsHalted: summary.stops.some((stop) => stop.startsWith('halt_')) ? 1 : 0,
    PayoutsPaused: summary.stops.some((stop) => stop.startsWith('pause_')) ? 1 : 0,
    ...(vitals === null
      ? {}
      : {
          UnknownTransfers: vitals.unknown,
          HeldTransfers: vitals.heldTransfers,
          OpenReviews: vitals.openReviews,
          OldestUnpaidTransfer: vitals.oldestUnpaidS,
          OldestOpenReview: vitals.oldestReviewS,
          ...(vitals.depositToPayoutMsP50 === null
            ? {}
            : { DepositToPayoutP50: vitals.depositToPayoutMsP50 }),
          ...(vitals.depositToPayoutMsP99 === null
            ? {}
            : { DepositToPayoutP99: vitals.depositToPayoutMsP99 }),
        }),
  };
}
