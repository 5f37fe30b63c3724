import { balanceBefore } from '../../functions/bank/balance-before.ts';
import type { StatementRow } from '../../functions/bank/bank.ts';
import type { Won } from '../../functions/shared/money.ts';
import { won } from '../../functions/shared/money.ts';

/** What the chain of balances is made of. */
export type ChainRow = Pick<StatementRow, 'occurredAt' | 'direction' | 'amount' | 'balanceAfter'>;

/** Two neighbouring rows between which the chain of balances breaks. */
export interface ChainBreak<Row extends ChainRow> {
  readonly before: Row;
  readonly after: Row;
  /** What came in (or, below 0, went out) between the two without a row of its own. */
  readonly unexplained: Won;
}

/** Lists where a row's balance is not what the row before left behind. */
export function findChainBreaks<Row extends ChainRow>(rows: readonly Row[]): ChainBreak<Row>[] {
  return rows.slice(1).flatMap((after, index) => {
    const before = rows[index];
    if (before === undefined) return [];
    const unexplained = won(balanceBefore(after) - before.balanceAfter);
    return unexplained === 0n ? [] : [{ before, after, unexplained }];
  });
}
