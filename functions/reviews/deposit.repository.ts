import { sql, type Transaction } from 'kysely';
import type { LiveAllocation, Part } from '../deposits/allocation.repository.ts';
import type { DepositState } from '../deposits/deposit.table.ts';
import type { ReviewReason } from '../deposits/match.ts';
import type { Database } from '../database.ts';
import type { Acting } from '../people/person.ts';
import { won, type Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';

export interface LockedDeposit {
  readonly rowId: bigint;
  readonly amount: Won;
  readonly remaining: Won;
  readonly state: DepositState;
  readonly reason: ReviewReason | null;
}

/** Locks deposits, in the order of their ids. Orders are locked before them. */
export async function lockDeposits(
  trx: Transaction<Database>,
  rowIds: readonly bigint[],
): Promise<Map<bigint, LockedDeposit>> {
  const rows = await trx
    .selectFrom('deposit')
    .select(['row_id', 'amount', 'remaining', 'state', 'reason'])
    .where('row_id', 'in', [...new Set(rowIds)])
    .orderBy('row_id')
    .forUpdate()
    .execute();
  return new Map(
    rows.map((row) => [
      row.row_id,
      {
        rowId: row.row_id,
        amount: won(row.amount),
        remaining: won(row.remaining),
        state: row.state,
        reason: row.reason,
      },
    ]),
  );
}

const PART_COLUMNS = 'row_id bigint, order_id bigint, amount bigint';

/**
 * Allocates parts of deposits to orders, in one statement: what is left of each goes down by as much. An order of which nothing is left is paid, and remembers
 * what it was.
 */
export async function insertAllocations(
  trx: Transaction<Database>,
  { by, at }: Acting,
  decisionId: bigint,
  parts: readonly Part[],
): Promise<void> {
  const rows = parts.map((part) => ({
    row_id: part.depositRowId,
    order_id: part.orderId,
    amount: part.amount,
  }));
  const { rows: counted } = await sql<{ allocations: number; deposits: number; orders: number }>`
    with parts as materialized (select * from ${recordset('p', PART_COLUMNS, rows)}),
    allocations as (
      insert into allocation (deposit_row_id, order_id, amount, kind, made_by, made_at, decision_id)
      select row_id, order_id, amount, 'manual', ${by}, ${at}, ${decisionId} from parts
      returning 1
    ), deposits as (
      update deposit d set remaining = d.remaining - g.amount, decided_at = ${at},
        state = case when d.remaining = g.amount then 'assigned' else 'in_review' end
      from (select row_id, sum(amount)::bigint as amount from parts group by row_id) g
      where d.row_id = g.row_id and d.state = 'in_review'
      returning 1
    ), orders as (
      update shop_order o set outstanding = o.outstanding - g.amount,
        state = case when o.outstanding = g.amount then 'paid' else o.state end,
        paid_at = case when o.outstanding = g.amount then ${at}::timestamptz end,
        closed_at = case when o.outstanding = g.amount then ${at}::timestamptz else o.closed_at end,
        reopens_as = case when o.outstanding = g.amount then nullif(o.state, 'awaiting_deposit') end,
        reopens_closed_at = case when o.outstanding = g.amount then o.closed_at end
      from (select order_id, sum(amount)::bigint as amount from parts group by order_id) g
      where o.order_id = g.order_id and o.state <> 'paid'
      returning 1
    )
    select (select count(*)::int from allocations) as allocations, (select count(*)::int from deposits) as deposits,
      (select count(*)::int from orders) as orders`.execute(trx);
  const [count] = counted;
  assertRows('allocations written', count?.allocations ?? 0, parts.length);
  assertRows('deposits allocated', count?.deposits ?? 0, new Set(rows.map((row) => row.row_id)).size);
  assertRows('orders allocated to', count?.orders ?? 0, new Set(rows.map((row) => row.order_id)).size);
}

/** Gives deposits back what allocations took of them: a person decides anew. */
export async function giveBackToDeposits(
  trx: Transaction<Database>,
  allocations: readonly LiveAllocation[],
  at: Date,
): Promise<void> {
  const byDeposit = Map.groupBy(allocations, (one) => one.depositRowId);
  const rows = [...byDeposit].map(([row_id, parts]) => ({
    row_id,
    amount: parts.reduce((sum, part) => sum + part.amount, 0n),
  }));
  const changed = await sql`
    update deposit d set remaining = d.remaining + r.amount, state = 'in_review', decided_at = ${at}
    from ${recordset('r', 'row_id bigint, amount bigint', rows)}
    where d.row_id = r.row_id and d.state in ('in_review', 'assigned')`.execute(trx);
  assertRows('deposits given back', Number(changed.numAffectedRows), rows.length);
}

/** All that is left of a deposit in review is taken: it is refunded, or nobody's order. */
export async function takeRemainder(
  trx: Transaction<Database>,
  deposit: LockedDeposit,
  state: 'refund_pending' | 'ignored',
  at: Date,
): Promise<void> {
  const taken = await trx
    .updateTable('deposit')
    .set({ state, remaining: 0n, decided_at: at })
    .where('row_id', '=', deposit.rowId)
    .where('state', '=', 'in_review')
    .where('remaining', '=', deposit.remaining)
    .executeTakeFirst();
  assertRows(`deposit ${deposit.rowId.toString()} ${state}`, Number(taken.numUpdatedRows), 1);
}

/** What was ignored of a deposit is in review again. */
export async function giveRemainderBack(
  trx: Transaction<Database>,
  rowId: bigint,
  amount: Won,
  at: Date,
): Promise<void> {
  const back = await trx
    .updateTable('deposit')
    .set({ state: 'in_review', remaining: amount, decided_at: at })
    .where('row_id', '=', rowId)
    .where('state', '=', 'ignored')
    .executeTakeFirst();
  assertRows(`deposit ${rowId.toString()} in review again`, Number(back.numUpdatedRows), 1);
}
