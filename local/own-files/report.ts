import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import type { CycleSummary } from '../../functions/cycle/cycle.ts';
import type { FileStatementRow } from '../files/statement-file.ts';
import { transferTotals } from '../totals.ts';

/** What a run on a user's own files found. Amounts are whole won; beyond 2^53 they are text. Times are the data's, ms. */
export interface Report {
  readonly orders: Readonly<Record<'total' | 'paid' | 'awaiting' | 'expired' | 'cancelled', number>>;
  readonly deposits: {
    readonly total: number;
    readonly matched: number;
    readonly in_review: number;
    readonly by_reason: Readonly<Record<string, number>>;
  };
  readonly transfers: Readonly<
    Record<'total' | 'succeeded' | 'failed' | 'unknown' | 'held' | 'returned', number>
  > & {
    readonly paid_won: number | string;
  };
  readonly ledger: {
    readonly balanced: boolean;
    readonly entries: number;
    readonly head_hash: string;
    readonly accounts: Readonly<Record<string, number | string>>;
  };
  readonly reconciliation: { readonly drift_won: number | string; readonly unexplained_rows: number };
  readonly matches: readonly {
    readonly shop_order_id: string;
    readonly deposit_row: number;
    readonly amount: number | string;
  }[];
  readonly reviews: readonly {
    readonly deposit_row: number;
    readonly reason: string;
    readonly amount: number | string;
    readonly candidates: readonly string[];
  }[];
  readonly latency: { readonly deposit_to_paid_ms: Percentiles; readonly deposit_to_payout_ms: Percentiles };
  /** Depositor names that this run issued, for orders whose file brought none. */
  readonly issued_names: readonly { readonly shop_order_id: string; readonly depositor_name: string }[];
  readonly cycles: number;
}

interface Percentiles {
  readonly p50: number | null;
  readonly p99: number | null;
}

export async function makeReport(
  db: Kysely<Database>,
  collectionAccount: string,
  statement: readonly FileStatementRow[],
  cycles: { readonly count: number; readonly last: CycleSummary | undefined },
): Promise<Report> {
  const fileRowOf = await rowNumbers(db, collectionAccount, statement);
  const [orders, deposits, transfers, ledger, matches, reviews, latency, issued] = [
    await orderCounts(db),
    await depositCounts(db, collectionAccount),
    await transferTotals(db),
    await ledgerFigures(db),
    await readMatches(db, fileRowOf),
    await readReviews(db, collectionAccount, fileRowOf),
    await readLatency(db),
    await readIssuedNames(db),
  ];
  return {
    orders,
    deposits,
    transfers: {
      total: Object.values(transfers).reduce((total, state) => total + state.count, 0),
      succeeded: transfers.succeeded.count,
      failed: transfers.failed.count,
      unknown: transfers.unknown.count,
      held: transfers.held.count,
      returned: transfers.returned.count,
      paid_won: toJson(transfers.succeeded.won),
    },
    ledger,
    reconciliation: {
      drift_won: toJson(BigInt(cycles.last?.drift_won ?? '0')),
      unexplained_rows: cycles.last?.unexplained_rows ?? 0,
    },
    matches,
    reviews,
    latency,
    issued_names: issued,
    cycles: cycles.count,
  };
}

/** JSON has no whole numbers beyond 2^53. */
function toJson(amount: bigint): number | string {
  return amount <= BigInt(Number.MAX_SAFE_INTEGER) && amount >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(amount)
    : amount.toString();
}

/**
 * Which data row of the file a stored row is. The bank's protocol carries no row number, so rows are recognised by time, direction, amount and balance, and
 * equal ones by their order, which the bank keeps.
 */
async function rowNumbers(
  db: Kysely<Database>,
  account: string,
  statement: readonly FileStatementRow[],
): Promise<Map<bigint, number>> {
  const key = (row: { at: Date; direction: string; amount: bigint; balance: bigint }) =>
    `${row.at.getTime()} ${row.direction} ${row.amount.toString()} ${row.balance.toString()}`;
  const waiting = new Map<string, number[]>();
  for (const row of statement) {
    const rowKey = key({
      at: row.occurredAt,
      direction: row.direction,
      amount: row.amount,
      balance: row.balanceAfter,
    });
    const numbers = waiting.get(rowKey);
    if (numbers) numbers.push(row.fileRow);
    else waiting.set(rowKey, [row.fileRow]);
  }
  const stored = await db
    .selectFrom('statement_row')
    .select(['row_id', 'occurred_at', 'direction', 'amount', 'balance_after'])
    .where('account', '=', account)
    .orderBy('row_id')
    .execute();
  const numberOf = new Map<bigint, number>();
  for (const row of stored) {
    const number = waiting
      .get(
        key({
          at: row.occurred_at,
          direction: row.direction,
          amount: row.amount,
          balance: row.balance_after,
        }),
      )
      ?.shift();
    if (number !== undefined) numberOf.set(row.row_id, number);
  }
  return numberOf;
}

async function orderCounts(db: Kysely<Database>): Promise<Report['orders']> {
  const rows = await db
    .selectFrom('shop_order')
    .select((eb) => ['state', eb.fn.countAll<bigint>().as('count')])
    .groupBy('state')
    .execute();
  const count = (state: string) => Number(rows.find((row) => row.state === state)?.count ?? 0n);
  return {
    total: rows.reduce((total, row) => total + Number(row.count), 0),
    paid: count('paid'),
    awaiting: count('awaiting_deposit'),
    expired: count('expired'),
    cancelled: count('cancelled'),
  };
}

async function depositCounts(db: Kysely<Database>, account: string): Promise<Report['deposits']> {
  const rows = await db
    .selectFrom('deposit')
    .select((eb) => ['state', 'reason', eb.fn.countAll<bigint>().as('count')])
    .where('account', '=', account)
    .groupBy(['state', 'reason'])
    .execute();
  const sum = (of: typeof rows) => of.reduce((total, row) => total + Number(row.count), 0);
  const inReview = rows.filter((row) => row.state === 'in_review');
  return {
    total: sum(rows),
    matched: sum(rows.filter((row) => row.state === 'matched')),
    in_review: sum(inReview),
    by_reason: Object.fromEntries(inReview.map((row) => [row.reason ?? '', Number(row.count)])),
  };
}

/**
 * The books, added up from every posting: the bank's accounts must equal all others, and every posting must be sealed. The sums that the cycle keeps
 * are not used here.
 */
async function ledgerFigures(db: Kysely<Database>): Promise<Report['ledger']> {
  const { rows: balances } = await sql<{ account: string; balance: bigint }>`
    with moved as (
      select debit as account, amount as debits, 0 as credits from posting
      union all select credit, 0, amount from posting
    )
    select account, (case when account like 'bank:%' then sum(debits) - sum(credits) else sum(credits) - sum(debits) end)::bigint as balance
    from moved group by account order by account`.execute(db);
  const { rows: heads } = await sql<{ entries: number; sealed: number; head: string | null }>`
    select (select count(*)::int from posting) as entries, (select count(*)::int from posting_seal) as sealed,
      (select encode(hash, 'hex') from posting_seal order by position desc limit 1) as head`.execute(db);
  const [head] = heads;
  const bank = balances
    .filter((row) => row.account.startsWith('bank:'))
    .reduce((total, row) => total + row.balance, 0n);
  const others = balances
    .filter((row) => !row.account.startsWith('bank:'))
    .reduce((total, row) => total + row.balance, 0n);
  return {
    balanced: bank === others && head?.entries === head?.sealed,
    entries: head?.entries ?? 0,
    head_hash: head?.head ?? '',
    accounts: Object.fromEntries(balances.map((row) => [row.account, toJson(row.balance)])),
  };
}

async function readMatches(
  db: Kysely<Database>,
  fileRowOf: ReadonlyMap<bigint, number>,
): Promise<Report['matches']> {
  const rows = await db
    .selectFrom('allocation as a')
    .innerJoin('shop_order as o', 'o.order_id', 'a.order_id')
    .select(['o.shop_order_id', 'a.deposit_row_id', 'a.amount'])
    .where('a.live', '=', true)
    .orderBy('a.deposit_row_id')
    .execute();
  return rows.map((row) => ({
    shop_order_id: row.shop_order_id,
    deposit_row: numberOf(fileRowOf, row.deposit_row_id),
    amount: toJson(row.amount),
  }));
}

async function readReviews(
  db: Kysely<Database>,
  account: string,
  fileRowOf: ReadonlyMap<bigint, number>,
): Promise<Report['reviews']> {
  const { rows } = await sql<{ row_id: bigint; reason: string; amount: bigint; candidates: string[] }>`
    select d.row_id, d.reason, d.amount,
      coalesce((
        select array_agg(o.shop_order_id order by c.nth)
        from unnest(d.candidates) with ordinality as c(order_id, nth) join shop_order o on o.order_id = c.order_id
      ), '{}') as candidates
    from deposit d where d.state = 'in_review' and d.account = ${account} order by d.row_id`.execute(db);
  return rows.map((row) => ({
    deposit_row: numberOf(fileRowOf, row.row_id),
    reason: row.reason,
    amount: toJson(row.amount),
    candidates: row.candidates,
  }));
}

function numberOf(fileRowOf: ReadonlyMap<bigint, number>, rowId: bigint): number {
  const number = fileRowOf.get(rowId);
  if (number === undefined)
    throw new Error(
      `statement row ${rowId.toString()} is none of the file's rows; this is a mistake of the program`,
    );
  return number;
}

async function readLatency(db: Kysely<Database>): Promise<Report['latency']> {
  const { rows } = await sql<Record<'paid50' | 'paid99' | 'payout50' | 'payout99', number | null>>`
    with paid as (
      select extract(epoch from o.paid_at - d.occurred_at) * 1000 as paid_ms, extract(epoch from t.settled_at - d.occurred_at) * 1000 as payout_ms
      from allocation a
      join deposit d on d.row_id = a.deposit_row_id
      join shop_order o on o.order_id = a.order_id
      left join transfer_item i on i.order_id = a.order_id and i.live
      left join transfer t on t.transfer_id = i.transfer_id and t.state = 'succeeded'
      where a.live and o.paid_at is not null
    )
    select percentile_disc(0.5) within group (order by paid_ms)::float8 as paid50, percentile_disc(0.99) within group (order by paid_ms)::float8 as paid99,
      percentile_disc(0.5) within group (order by payout_ms)::float8 as payout50, percentile_disc(0.99) within group (order by payout_ms)::float8 as payout99
    from paid`.execute(db);
  const [row] = rows;
  return {
    deposit_to_paid_ms: { p50: row?.paid50 ?? null, p99: row?.paid99 ?? null },
    deposit_to_payout_ms: { p50: row?.payout50 ?? null, p99: row?.payout99 ?? null },
  };
}

async function readIssuedNames(db: Kysely<Database>): Promise<Report['issued_names']> {
  return await db
    .selectFrom('shop_order')
    .select(['shop_order_id', 'depositor_name'])
    .where('depositor_name_issued', '=', true)
    .orderBy('order_id')
    .execute();
}
