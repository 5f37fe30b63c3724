import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { BalanceRow } from './closing-balance.ts';

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
  readonly missingWithdrawals: number;
  readonly shownNotPaid: bigint;
  readonly unbooked: bigint;
  readonly unexplainedRows: number;
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
    missing_withdrawals: number;
    shown_not_paid: bigint;
    unbooked: bigint;
    unexplained_rows: number;
    chain_whole: boolean;
  }>`
    select
      ${rowsAt(account, lastSecond)} as last_rows,
      ${rowsAt(account, secondBefore)} as rows_before,
      coalesce((select opening_posted from collect_cursor where account = ${account}), false) as opened,
      (select coalesce(sum(a.amount), 0)::bigint from transfer_attempt a join transfer t on t.transfer_id = a.transfer_id
       where a.account = ${account} and a.state = 'succeeded' and t.settled_at > ${young}
         and not exists (select from withdrawal w where w.attempt_id = a.attempt_id)) as paid_not_shown,
      (select count(*)::int from transfer_attempt a join transfer t on t.transfer_id = a.transfer_id
       where a.account = ${account} and a.state = 'succeeded' and t.settled_at <= ${young}
         and t.settled_at > ${young}::timestamptz - make_interval(days => ${sql.lit(MISSING_DAYS)})
         and not exists (select from withdrawal w where w.attempt_id = a.attempt_id)) as missing_withdrawals,
      (select coalesce(sum(w.amount), 0)::bigint from withdrawal w join transfer_attempt a on a.attempt_id = w.attempt_id
       where w.account = ${account} and a.state <> 'succeeded') as shown_not_paid,
      (select coalesce(sum(case when s.direction = 'in' then s.amount else -s.amount end), 0)::bigint
       from statement_row s join collect_cursor c on c.account = s.account
       where s.account = ${account} and s.row_id > c.booked_through) as unbooked,
      (select count(*)::int from withdrawal where account = ${account} and state = 'unexplained') as unexplained_rows,
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
    missingWithdrawals: found.missing_withdrawals,
    shownNotPaid: found.shown_not_paid,
    unbooked: found.unbooked,
    unexplainedRows: found.unexplained_rows,
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

export interface KeptReconciliation {
  readonly cycleToken: bigint;
  readonly account: string;
  readonly at: Date;
  readonly statementBalance: bigint;
  readonly expectedBalance: bigint;
  readonly drift: bigint;
  readonly unexplainedRows: number;
  readonly complete: boolean;
  readonly detail: Readonly<Record<string, string | number>>;
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

/** The drift of an account's last complete reconciliation, won; nothing when there was none. */
export async function readLastDrift(
  trx: Transaction<Database>,
  account: string,
): Promise<bigint | undefined> {
  const last = await trx
    .selectFrom('reconciliation')
    .select('drift')
    .where('account', '=', account)
    .where('complete', '=', true)
    .orderBy('reconciliation_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last?.drift;
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
