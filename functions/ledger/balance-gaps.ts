import { closingBalance, type BalanceRow } from './closing-balance.ts';

export interface StatementBalanceRow extends BalanceRow {
  readonly rowId: bigint;
  readonly occurredAt: Date;
}

/** A place of the statement where the balance changes by something else than the rows there. */
export interface BalanceGap {
  /** The last row before it and the first one behind it, or in the same second. */
  readonly afterRow: bigint;
  readonly beforeRow: bigint;
  /** What the balance rises by without a row, won; negative where it falls. */
  readonly won: bigint;
}

/**
 * Finds where balances do not follow from rows: a row is missing there, or one is there twice. The order within a second is not known, so that seconds are
 * compared as wholes.
 *
 * @param rows of one account, oldest first, those of a second in the order in which they were stored.
 */
export function balanceGaps(rows: readonly StatementBalanceRow[]): BalanceGap[] {
  const gaps: BalanceGap[] = [];
  let before: readonly StatementBalanceRow[] = [];
  let closing: bigint | undefined;
  for (const second of Map.groupBy(rows, (row) => row.occurredAt.getTime()).values()) {
    const next = closingBalance(second, before);
    const moved = second.reduce(
      (sum, row) => (row.direction === 'in' ? sum + BigInt(row.amount) : sum - BigInt(row.amount)),
      0n,
    );
    const [last, first] = [before.at(-1), second[0]];
    if (closing !== undefined && last && first && next - closing !== moved)
      gaps.push({ afterRow: last.rowId, beforeRow: first.rowId, won: next - closing - moved });
    before = second;
    closing = next;
  }
  return gaps;
}
