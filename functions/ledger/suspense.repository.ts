import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { won } from '../shared/money.ts';
import { SUSPENSE } from './accounts.ts';
import type { NewPosting } from './postings.ts';

/** What of each row of the statement still stands in suspense, won: below nothing for a row that took money out. Rows with nothing there are left out. */
export async function readInSuspense(
  trx: Transaction<Database>,
  rowIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  if (rowIds.length === 0) return new Map();
  const { rows } = await sql<{ row_id: bigint; rest: bigint }>`
    select row_id, sum(case when credit = ${SUSPENSE} then amount else -amount end)::bigint as rest
    from posting
    where row_id = any(${rowIds.map(String)}::bigint[]) and ${SUSPENSE} in (debit, credit)
    group by row_id
    having sum(case when credit = ${SUSPENSE} then amount else -amount end) <> 0`.execute(trx);
  return new Map(rows.map((row) => [row.row_id, row.rest]));
}

/** Moves what stands in suspense for a row to another account: a charge where the row took money out, money where it brought some. */
export function outOfSuspense(moved: {
  readonly rowId: bigint;
  readonly to: string;
  /** Signed as in suspense, won. */
  readonly amount: bigint;
}): NewPosting {
  const { rowId, to, amount } = moved;
  const [debit, credit] = amount < 0n ? [to, SUSPENSE] : [SUSPENSE, to];
  return { debit, credit, amount: won(amount < 0n ? -amount : amount), kind: 'correction', rowId };
}
