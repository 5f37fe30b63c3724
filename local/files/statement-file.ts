import { balanceBefore } from '../../functions/bank/balance-before.ts';
import type { StatementRow } from '../../functions/bank/bank.ts';
import { wholeSecond } from '../../functions/bank/kst.ts';
import type { Won } from '../../functions/shared/money.ts';
import type { BadFile } from './bad-file.ts';
import { badFile } from './bad-file.ts';
import type { ChainBreak } from './balance-chain.ts';
import { findChainBreaks } from './balance-chain.ts';
import { amountCell, balanceCell, directionCell, instantCell, verbatimCell } from './cells.ts';
import { orderByBalanceChain } from './order-by-balance-chain.ts';
import type { TableLine } from './table.ts';
import { filled, readTable, verbatim } from './table.ts';

/** The longest text that a statement's row may hold, in characters. Banks carry about 20; exports add to it. */
const TEXT_LENGTH_MAX = 200;

/** One row of a user's own statement. Its `kind` is empty: the file has no such column. */
export interface FileStatementRow extends StatementRow {
  /** The line in the file, from 1 for the header. */
  readonly line: number;
  /** The data row in the file's own order, from 1: `deposit_row` of the report. */
  readonly fileRow: number;
  /** Whom the bank names on the other side; may be empty. */
  readonly counterparty: string;
}

/** What a good statement holds, in time's order, whatever the file's order was. */
export interface StatementFile {
  readonly outcome: 'read';
  readonly file: string;
  readonly rows: readonly FileStatementRow[];
  /** The account's balance before the first row. */
  readonly openingBalance: Won;
  /** Where one row's balance does not lead to the next: rows are missing there, or a row is wrong. The caller decides. */
  readonly chainBreaks: readonly ChainBreak<FileStatementRow>[];
}

const columns = {
  at: filled(instantCell),
  type: filled(directionCell),
  amount: filled(amountCell),
  balance_after: filled(balanceCell),
  text: verbatim(verbatimCell(TEXT_LENGTH_MAX), 'present'),
  counterparty: verbatim(verbatimCell(TEXT_LENGTH_MAX), 'optional'),
  branch: verbatim(verbatimCell(TEXT_LENGTH_MAX), 'optional'),
};

/** Reads a CSV file of a bank's rows: all of it, or the list of what is wrong with it. */
export async function readStatementFile(path: string): Promise<StatementFile | BadFile> {
  const table = await readTable(path, columns);
  if (table.outcome === 'bad_file') return table;
  const rows = orderByBalanceChain(table.lines.map(statementRow));
  const [first] = rows;
  if (table.problems.length > 0 || first === undefined) return badFile(path, table.problems);
  return {
    outcome: 'read',
    file: path,
    rows,
    openingBalance: balanceBefore(first),
    chainBreaks: findChainBreaks(rows),
  };
}

function statementRow({ line, row, values }: TableLine<typeof columns>): FileStatementRow {
  return {
    line,
    fileRow: row,
    occurredAt: wholeSecond(values.at),
    direction: values.type,
    amount: values.amount,
    balanceAfter: values.balance_after,
    text: values.text,
    counterparty: values.counterparty,
    kind: '',
    branch: values.branch,
  };
}
