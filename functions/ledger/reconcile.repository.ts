import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { bankAccount } from './accounts.ts';
import type { StatementBalanceRow } from './balance-gaps.ts';
import type { BalanceRow } from './closing-balance.ts';
import { NAMED_MAX } from './difference.ts';

/** A transfer that the statement never showed is counted for so long, days, so that a cycle does not look at every transfer there ever was; the drift stays. */
const MISSING_DAYS = 30;

/** What an account's reconciliation is computed from; sums in whole won. */
export interface Figures {
  /** The rows of the statement's last second, and of the last one before it. */
  readonly lastRows: readonly BalanceRow[];
  readonly rowsBefore: readonly BalanceRow[];
  /** Whether the opening balance is in the books. */
  readonly opened: boolean;
  readonly paidNotShown: bigint;
  readonly shownNotPaid: bigint;
  readonly unbooked: bigint;
  /** Up to where the account's rows are booked, and the journal is written. */
  readonly rowsThrough: bigint;
  readonly postingsThrough: bigint;
  /** Whether the account's last read forms one chain of balances: where it does not, a row has not shown up yet. */
  readonly chainWhole: boolean;
}

/**
 * Reads what the statement shows and what is on its way between it and the books.
 *
 * @param young transfers that were settled after this instant need not be on the statement yet.
 */
export async function readFigures(
  trx: Transaction<Database>,
  account: string,
  young: Date,
): Promise<Figures> {
  const lastSecond = sql`(select max(occurred_at) from statement_row where account = ${account})`;
  const secondBefore = sql`(
    select max(occurred_at) from statement_row where account = ${account} and occurred_at < ${lastSecond})`;
  const { rows } = await sql<{
    last_rows: BalanceRow[];
    rows_before: BalanceRow[];
    opened: boolean;
    paid_not_shown: bigint;
    shown_not_paid: bigint;
    unbooked: bigint;
    rows_through: bigint;
    postings_through: bigint;
    chain_whole: boolean;
  }>`
    select
      ${rowsAt(account, lastSecond)} as last_rows,
      ${rowsAt(account, secondBefore)} as rows_before,
      coalesce((select opening_posted from collect_cursor where account = ${account}), false) as opened,
      (select coalesce(sum(a.amount), 0)::bigint from transfer_attempt a join transfer t on t.transfer_id = a.transfer_id
       where a.account = ${account} and a.state = 'succeeded' and t.settled_at > ${young}
         and not exists (select from withdrawal w where w.attempt_id = a.attempt_id)) as paid_not_shown,
      (select coalesce(sum(w.amount), 0)::bigint from withdrawal w join transfer_attempt a on a.attempt_id = w.attempt_id
       where w.account = ${account} and w.state = 'transfer' and a.state <> 'succeeded') as shown_not_paid,
      (select coalesce(sum(case when s.direction = 'in' then s.amount else -s.amount end), 0)::bigint
       from statement_row s join collect_cursor c on c.account = s.account
       where s.account = ${account} and s.row_id > c.booked_through) as unbooked,
      coalesce((select booked_through from collect_cursor where account = ${account}), 0)::bigint as rows_through,
      coalesce((select max(posting_id) from posting), 0)::bigint as postings_through,
      coalesce((select chain <> 'broken' from statement_read where account = ${account} order by read_id desc limit 1), true) as chain_whole`.execute(
    trx,
  );
  const [found] = rows;
  if (found === undefined)
    throw new Error(`no figures of account ${account}: a select without from has one row`);
  return {
    lastRows: found.last_rows,
    rowsBefore: found.rows_before,
    opened: found.opened,
    paidNotShown: found.paid_not_shown,
    shownNotPaid: found.shown_not_paid,
    unbooked: found.unbooked,
    rowsThrough: found.rows_through,
    postingsThrough: found.postings_through,
    chainWhole: found.chain_whole,
  };
}

/** An account's rows of one second, in the order in which they were stored. */
function rowsAt(account: string, second: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(
    select coalesce(json_agg(
      json_build_object('direction', s.direction, 'amount', s.amount::text, 'balance_after', s.balance_after::text) order by s.row_id
    ), '[]')
    from statement_row s where s.account = ${account} and s.occurred_at = ${second})`;
}

/** Rows or transfers of one kind: how many there are, and the first of them. */
export interface Named {
  readonly count: number;
  readonly first: readonly Readonly<Record<string, string>>[];
}

/** What stands on one side only, by its rows. Ids and won are text. */
export interface OneSided {
  /** Paid by the books longer ago than the bank takes to show it, and not on the statement. */
  readonly missing_withdrawals: Named;
  /** On the statement by our reference, and not paid by the books: in doubt still, or executed when it must not have been. */
  readonly shown_not_paid: Named;
  /** On the statement, going out, and neither a transfer nor explained by a rule. */
  readonly unexplained_rows: Named;
  /** Stored and not booked yet. */
  readonly unbooked_rows: Named;
}

/** Reads what stands on one side only. */
export async function readOneSided(
  trx: Transaction<Database>,
  account: string,
  young: Date,
): Promise<OneSided> {
  return {
    missing_withdrawals: await named(
      trx,
      sql`
        select t.transfer_id, a.attempt_id, a.amount from transfer_attempt a join transfer t on t.transfer_id = a.transfer_id
        where a.account = ${account} and a.state = 'succeeded' and t.settled_at <= ${young}
          and t.settled_at > ${young}::timestamptz - make_interval(days => ${sql.lit(MISSING_DAYS)})
          and not exists (select from withdrawal w where w.attempt_id = a.attempt_id)`,
      'transfer_id',
    ),
    shown_not_paid: await named(
      trx,
      sql`
        select w.row_id, a.transfer_id, w.amount from withdrawal w join transfer_attempt a on a.attempt_id = w.attempt_id
        where w.account = ${account} and a.state <> 'succeeded' and (w.state = 'transfer' or w.ledger_account = 'suspense')`,
      'row_id',
    ),
    unexplained_rows: await named(
      trx,
      sql`select row_id, amount from withdrawal where account = ${account} and state = 'unexplained'`,
      'row_id',
    ),
    unbooked_rows: await named(
      trx,
      sql`
        select s.row_id, s.direction, s.amount from statement_row s join collect_cursor c on c.account = s.account
        where s.account = ${account} and s.row_id > c.booked_through`,
      'row_id',
    ),
  };
}

/** Where a drift comes from, as far as rows tell it. */
export interface DriftRows {
  /** Booked rows of which the journal does not hold the amount. */
  readonly rows_not_posted: Named;
  /** Postings of the account for which the statement has no row. */
  readonly postings_without_row: Named;
  /** The statement's rows since the last reconciliation that added up, for their balances. */
  readonly rows: readonly StatementBalanceRow[];
}

/** Rows that are looked through for gaps of the balance. */
const GAP_ROWS_MAX = 20_000;

/** Looks, row by row, at what came since the account last added up. */
export async function readDriftRows(
  trx: Transaction<Database>,
  account: string,
  since: { readonly rows: bigint; readonly postings: bigint },
): Promise<DriftRows> {
  const bank = bankAccount(account);
  const { rows } = await sql<{
    row_id: bigint;
    occurred_at: Date;
    direction: 'in' | 'out';
    amount: string;
    balance_after: string;
  }>`
    select row_id, occurred_at, direction, amount::text as amount, balance_after::text as balance_after from statement_row
    where account = ${account} and occurred_at >= coalesce((
      select max(occurred_at) from statement_row where account = ${account} and row_id <= ${since.rows}
    ), '-infinity')
    order by occurred_at, row_id limit ${GAP_ROWS_MAX}`.execute(trx);
  return {
    rows_not_posted: await named(
      trx,
      sql`
        select s.row_id, s.direction, s.amount, l.posted from statement_row s join collect_cursor c on c.account = s.account
        cross join lateral (
          select coalesce(sum(case ${bank} when p.debit then p.amount when p.credit then -p.amount else 0 end), 0)::bigint as posted
          from posting p where p.row_id = s.row_id
        ) l
        where s.account = ${account} and s.row_id > ${since.rows} and s.row_id <= c.booked_through
          and l.posted <> case s.direction when 'in' then s.amount else -s.amount end
          and not exists (select from withdrawal w where w.row_id = s.row_id and w.state = 'transfer')`,
      'row_id',
    ),
    postings_without_row: await named(
      trx,
      sql`
        select p.posting_id, p.kind, p.amount from posting p
        where p.posting_id > ${since.postings} and ${bank} in (p.debit, p.credit) and p.kind not in ('opening', 'correction', 'post')
          and not exists (select from statement_row s where s.row_id = p.row_id and s.account = ${account})`,
      'posting_id',
    ),
    rows: rows.map((row) => ({
      rowId: row.row_id,
      occurredAt: row.occurred_at,
      direction: row.direction,
      amount: row.amount,
      balance_after: row.balance_after,
    })),
  };
}

async function named(
  trx: Transaction<Database>,
  found: RawBuilder<unknown>,
  orderedBy: string,
): Promise<Named> {
  const { rows } = await sql<Record<string, unknown> & { found_in_all: number }>`
    select *, (count(*) over ())::int as found_in_all from (${found}) found
    order by ${sql.ref(orderedBy)} limit ${NAMED_MAX}`.execute(trx);
  return {
    count: rows[0]?.found_in_all ?? 0,
    first: rows.map((row) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([column]) => column !== 'found_in_all')
          .map(([column, value]) => [column, String(value)]),
      ),
    ),
  };
}

/** What a reconciliation keeps beside its sums. */
export type ReconciliationDetail = OneSided & {
  readonly booked: string;
  readonly paid_not_shown: string;
  readonly shown_not_paid_won: string;
  readonly unbooked: string;
  readonly rows_through: string;
  readonly postings_through: string;
} & Partial<DriftSources>;

/** Where a drift comes from, as an alarm tells it. */
export interface DriftSources {
  readonly rows_not_posted: Named;
  readonly postings_without_row: Named;
  readonly balance_gaps: Named;
}

export interface KeptReconciliation {
  readonly cycleToken: bigint;
  readonly account: string;
  readonly at: Date;
  readonly statementBalance: bigint;
  readonly expectedBalance: bigint;
  readonly drift: bigint;
  readonly unexplainedRows: number;
  readonly complete: boolean;
  readonly detail: ReconciliationDetail;
}

export async function insertReconciliation(
  trx: Transaction<Database>,
  reconciliation: KeptReconciliation,
): Promise<void> {
  await trx
    .insertInto('reconciliation')
    .values({
      cycle_token: reconciliation.cycleToken,
      account: reconciliation.account,
      at: reconciliation.at,
      statement_balance: reconciliation.statementBalance,
      expected_balance: reconciliation.expectedBalance,
      drift: reconciliation.drift,
      unexplained_rows: reconciliation.unexplainedRows,
      complete: reconciliation.complete,
      detail: sql`${JSON.stringify(reconciliation.detail)}::jsonb`,
    })
    .execute();
}

export interface LastReconciliation {
  readonly drift: bigint;
  readonly detail: Partial<ReconciliationDetail>;
}

/** An account's last complete reconciliation; nothing when there was none. */
export async function readLastComplete(
  trx: Transaction<Database>,
  account: string,
): Promise<LastReconciliation | undefined> {
  return await lastOf(trx, account).executeTakeFirst();
}

/** Up to where an account's rows and postings were there when it last added up; from the beginning when it never did. */
export async function readLastEvenMarks(
  trx: Transaction<Database>,
  account: string,
): Promise<{ readonly rows: bigint; readonly postings: bigint }> {
  const even = await lastOf(trx, account).where('drift', '=', 0n).executeTakeFirst();
  const detail: Partial<ReconciliationDetail> = even?.detail ?? {};
  return { rows: BigInt(detail.rows_through ?? 0), postings: BigInt(detail.postings_through ?? 0) };
}

function lastOf(trx: Transaction<Database>, account: string) {
  return trx
    .selectFrom('reconciliation')
    .select(['drift', 'detail'])
    .where('account', '=', account)
    .where('complete', '=', true)
    .orderBy('reconciliation_id', 'desc')
    .limit(1);
}

/** Since when the account that lags most has had no complete reconciliation; one that never had any counts from the first cycle on. */
export async function readReconciledSince(
  db: Kysely<Database> | Transaction<Database>,
  accounts: readonly string[],
): Promise<Date | undefined> {
  const { rows } = await sql<{ since: Date | null }>`
    select min(coalesce(
      (select r.at from reconciliation r where r.account = a.account and r.complete order by r.reconciliation_id desc limit 1),
      (select c.began_at from cycle c order by c.cycle_id limit 1)
    )) as since from unnest(${[...accounts]}::text[]) as a(account)`.execute(db);
  return rows[0]?.since ?? undefined;
}
