import { formatWon } from '../functions/shared/money.ts';
import type { Report } from './own-files/report.ts';

/** What a run came to, as a person reads it. */
export function finalTable(report: Report): string {
  const { orders, deposits, transfers, ledger, reconciliation, latency } = report;
  const rows: [string, string][] = [
    [
      'orders',
      `${orders.total}: ${orders.paid} paid, ${orders.awaiting} awaiting, ${orders.expired} expired, ${orders.cancelled} cancelled`,
    ],
    ['deposits', `${deposits.total}: ${deposits.matched} matched, ${deposits.in_review} in review`],
    ...Object.entries(deposits.by_reason)
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]): [string, string] => ['', `${count.toString().padStart(6)}  ${reason}`]),
    [
      'transfers',
      `${transfers.total}: ${transfers.succeeded} succeeded (${formatWon(BigInt(transfers.paid_won))} won), ${transfers.failed} failed, ${transfers.unknown} unknown, ${transfers.held} held, ${transfers.returned} returned`,
    ],
    [
      'books',
      `${ledger.balanced ? 'balanced' : 'NOT BALANCED'}, ${ledger.entries} postings, head ${ledger.head_hash.slice(0, 16)}…`,
    ],
    [
      'reconciliation',
      `drift ${formatWon(BigInt(reconciliation.drift_won))} won, ${reconciliation.unexplained_rows} unexplained rows`,
    ],
    [
      'deposit → paid',
      `p50 ${seconds(latency.deposit_to_paid_ms.p50)}, p99 ${seconds(latency.deposit_to_paid_ms.p99)}`,
    ],
    [
      'deposit → payout',
      `p50 ${seconds(latency.deposit_to_payout_ms.p50)}, p99 ${seconds(latency.deposit_to_payout_ms.p99)}`,
    ],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(17)}${value}`).join('\n');
}

function seconds(ms: number | null): string {
  return ms === null ? '–' : `${(ms / 1000).toFixed(0)} s`;
}
