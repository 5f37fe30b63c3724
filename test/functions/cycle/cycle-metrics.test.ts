import assert from 'node:assert/strict';
import { cycleMetrics } from '../../../functions/cycle/cycle-metrics.ts';
import type { CycleSummary } from '../../../functions/cycle/cycle.ts';
import { METRICS } from '../../../functions/shared/metrics.ts';

const SUMMARY: CycleSummary = {
  began_at: '2026-03-10T01:05:00.000Z',
  ended: 'complete',
  rows_collected: 5,
  deposits: 4,
  matched: 3,
  in_review: 1,
  by_reason: { name_unknown: 1 },
  returned: 0,
  reversed: 0,
  expired: 0,
  planned: 3,
  held: 0,
  dispatched: 3,
  retried: 0,
  resolved: { succeeded: 0, failed: 0, absent: 0 },
  unknown: 2,
  drift_won: '9900',
  unexplained_rows: 6,
  missing_withdrawals: 7,
  book_differences: 8,
  vitals: {
    unknown: 2,
    heldTransfers: 9,
    openReviews: 10,
    oldestUnpaidS: 11,
    oldestReviewS: 12,
    settled: 1,
    depositToPayoutMsP50: 13,
    depositToPayoutMsP99: 14,
  },
  sealed: 10,
  stops: [],
  failures: [],
  ms: 15,
};

describe("a cycle's metrics", () => {
  it('say what it did and left', () => {
    assert.deepEqual(cycleMetrics(SUMMARY), {
      CycleComplete: 1,
      CycleDuration: 15,
      FailedSteps: 0,
      DepositsMatched: 3,
      DepositsInReview: 1,
      DriftWon: 9900,
      UnexplainedRows: 6,
      MissingWithdrawals: 7,
      BookDifferences: 8,
      PayoutsHalted: 0,
      PayoutsPaused: 0,
      UnknownTransfers: 2,
      HeldTransfers: 9,
      OpenReviews: 10,
      OldestUnpaidTransfer: 11,
      OldestOpenReview: 12,
      DepositToPayoutP50: 13,
      DepositToPayoutP99: 14,
    });
  });

  it('leave out what it could not find out, and say that it is not complete', () => {
    const failed: CycleSummary = {
      ...SUMMARY,
      ended: 'failed_in_part',
      failures: [{ step: 'vitals', error: 'x' }],
      book_differences: null,
      vitals: null,
    };
    const values = cycleMetrics(failed);
    assert.deepEqual([values.CycleComplete, values.FailedSteps], [0, 1]);
    for (const name of ['BookDifferences', 'UnknownTransfers', 'OldestUnpaidTransfer', 'DepositToPayoutP99'])
      assert.equal(name in values, false, name);
  });

  it("tell a halt from the system's own pause", () => {
    const halted = cycleMetrics({ ...SUMMARY, stops: ['halt_person'] });
    assert.deepEqual([halted.PayoutsHalted, halted.PayoutsPaused], [1, 0]);
    const paused = cycleMetrics({ ...SUMMARY, stops: ['pause_funds'] });
    assert.deepEqual([paused.PayoutsHalted, paused.PayoutsPaused], [0, 1]);
  });

  it('are all among those that are documented', () => {
    for (const name of Object.keys(cycleMetrics(SUMMARY))) assert.ok(name in METRICS, name);
  });
});
