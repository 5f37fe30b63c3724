import { sql, type Kysely } from 'kysely';
import type { Database } from '../functions/database.ts';
import { TRANSFER_STATES, type TransferState } from '../functions/transfers/transfer.table.ts';

/** Transfers by state: how many, and how many won. */
export type TransferTotals = Readonly<
  Record<TransferState, { readonly count: number; readonly won: bigint }>
>;

export async function transferTotals(db: Kysely<Database>): Promise<TransferTotals> {
  const { rows } = await sql<{ state: TransferState; count: number; won: bigint }>`
    select state, count(*)::int as count, sum(amount)::bigint as won from transfer group by state`.execute(
    db,
  );
  const found = new Map(rows.map((row) => [row.state, { count: row.count, won: row.won }]));
  return Object.fromEntries(
    TRANSFER_STATES.map((state) => [state, found.get(state) ?? { count: 0, won: 0n }]),
  ) as TransferTotals;
}

/** Transfers that will still move by themselves: a run on a user's own files goes on while there is one. */
export function openTransfers(totals: TransferTotals): number {
  return totals.planned.count + totals.queued.count + totals.sending.count + totals.unknown.count;
}
