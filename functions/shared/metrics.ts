import { Metrics } from '@aws-lambda-powertools/metrics';

/** The namespace where `POWERTOOLS_METRICS_NAMESPACE` names none; two stacks in one AWS account each name their own. */
const NAMESPACE = 'smart-transfer';

/**
 * Every metric there is, for the alarms that are built on them. Their one dimension is `service`, the function that says it: `matcher` once a cycle,
 * `verification` once a day, `webhook-record` when there is something to say. What could not be found out is left out, so that an alarm treats missing data as breaching. Values that are
 * states (0 or 1) and ages are of the moment; the others count what the cycle or the check did or found.
 */
export const METRICS = {
  /** Matcher. A cycle ran; 0 when it is not complete, since a step failed or the time was out. */
  CycleComplete: 'Count',
  /** Matcher. From the cycle's beginning to its end. */
  CycleDuration: 'Milliseconds',
  /** Matcher. Steps of the cycle that failed. */
  FailedSteps: 'Count',
  /** Matcher. Deposits that were matched, and that went to review. */
  DepositsMatched: 'Count',
  DepositsInReview: 'Count',
  /** Matcher. What statements and books differ by, won, all accounts' differences added without their signs. */
  DriftWon: 'Count',
  /** Matcher. Outgoing rows that neither a transfer nor a rule explains. */
  UnexplainedRows: 'Count',
  /** Matcher. Transfers that are paid by the books and not on the statement, longer than the bank takes to show them. */
  MissingWithdrawals: 'Count',
  /** Both. Places where orders, deposits or transfers differ from the ledger: among what was touched lately, or among everything. */
  BookDifferences: 'Count',
  /** Matcher. 1 while payouts are halted, until a person resumes them; 1 while the system itself pauses them. */
  PayoutsHalted: 'Count',
  PayoutsPaused: 'Count',
  /** Matcher. Transfers of which nobody knows whether they were paid; that wait for a person, an account or a debt. */
  UnknownTransfers: 'Count',
  HeldTransfers: 'Count',
  /** Matcher. Deposits in review. */
  OpenReviews: 'Count',
  /** Matcher. How long the oldest transfer has been planned that is neither paid nor held; 0 without one. */
  OldestUnpaidTransfer: 'Seconds',
  /** Matcher. How long ago the oldest deposit came that is in review; 0 without one. */
  OldestOpenReview: 'Seconds',
  /** Matcher. From a transfer's earliest deposit to its success, over what was settled since the cycle before; left out where nothing was. */
  DepositToPayoutP50: 'Milliseconds',
  DepositToPayoutP99: 'Milliseconds',
  /** Verification. 1 when the ledger is what it was and all of it was looked at. */
  LedgerSound: 'Count',
  /** Verification. Entries of the chain that were replayed, and postings that are not sealed yet. */
  LedgerEntries: 'Count',
  LedgerUnsealed: 'Count',
  /** Verification. From the check's beginning to its end. */
  DailyCheckDuration: 'Milliseconds',
  /** Webhook record. Deliveries whose last attempt has failed: nobody is told of their event unless a person sends it again. */
  WebhooksParked: 'Count',
} as const;

/** The functions that write metrics, as their `service` says. */
export type MetricsService = 'matcher' | 'verification' | 'webhook-record';

export type MetricName = keyof typeof METRICS;

export type MetricValues = Partial<Record<MetricName, number>>;

/** Writes metrics into the function's log in CloudWatch's embedded format: no call, and nothing to wait for. */
export type MetricsLog = (values: MetricValues) => void;

export function createMetricsLog(service: MetricsService): MetricsLog {
  const metrics = new Metrics({
    namespace: process.env['POWERTOOLS_METRICS_NAMESPACE'] ?? NAMESPACE,
    serviceName: service,
  });
  return (values) => {
    for (const [name, value] of Object.entries(values))
      metrics.addMetric(name, METRICS[name as MetricName], value);
    metrics.publishStoredMetrics();
  };
}
