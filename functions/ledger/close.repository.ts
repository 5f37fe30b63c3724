import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { ArchivedHead } from './head-archive.ts';

/** The range of the chain that a day's close covers; `to` is `from` - 1 for a day without postings. */
export interface CloseRange {
  readonly from: bigint;
  readonly to: bigint;
}

type Db = Kysely<Database> | Transaction<Database>;

/** The business time of the first sealed posting; nothing while none is sealed. */
export async function readFirstTime(db: Db): Promise<Date | undefined> {
  const first = await db
    .selectFrom('posting_seal as s')
    .innerJoin('posting as p', 'p.posting_id', 's.posting_id')
    .select('p.at')
    .orderBy('s.position')
    .limit(1)
    .executeTakeFirst();
  return first?.at;
}

/** The range of a day that ends at `dayEnds`: from the close before it up to the first sealed posting that belongs to a later day. */
export async function readRange(db: Db, from: bigint, dayEnds: Date): Promise<CloseRange> {
  const { rows } = await sql<{ to: bigint }>`
    select coalesce(
      (select min(s.position) - 1 from posting_seal s join posting p on p.posting_id = s.posting_id
       where s.position >= ${from} and p.at >= ${dayEnds}),
      (select max(position) from posting_seal),
      0
    )::bigint as to`.execute(db);
  return { from, to: rows[0]?.to ?? from - 1n };
}

/**
 * Writes a day's close: every account that had a balance or moved, with what came in and went out, and of that the part which belongs to a day before
 * `dayBegan` and was sealed too late for its close.
 *
 * @returns whether it was written; not when the day is closed already.
 */
export async function insertClose(
  trx: Transaction<Database>,
  day: { readonly businessDate: string; readonly before: string | undefined; readonly dayBegan: Date },
  { from, to }: CloseRange,
  closedAt: Date,
): Promise<boolean> {
  const { businessDate, before, dayBegan } = day;
  const closed = await sql`
    insert into daily_close (business_date, from_position, to_position, head_hash, closed_at)
    select ${businessDate}::date, ${from}, ${to},
      coalesce((select hash from posting_seal where position = ${to}), decode(repeat('00', 32), 'hex')), ${closedAt}
    on conflict (business_date) do nothing`.execute(trx);
  if (closed.numAffectedRows === 0n) return false;
  await sql`
    insert into daily_close_account (business_date, account, opening, money_in, money_out, closing, late_in, late_out)
    with sides as (
      select p.debit as account, p.amount as debits, 0::bigint as credits, p.at < ${dayBegan} as late
      from posting_seal s join posting p on p.posting_id = s.posting_id where s.position between ${from} and ${to}
      union all
      select p.credit, 0, p.amount, p.at < ${dayBegan}
      from posting_seal s join posting p on p.posting_id = s.posting_id where s.position between ${from} and ${to}
    ), moved as (
      select account, sum(debits) as debits, sum(credits) as credits,
        coalesce(sum(debits) filter (where late), 0) as late_debits, coalesce(sum(credits) filter (where late), 0) as late_credits
      from sides group by account
    ), signed as (
      select account,
        case when account like 'bank:%' then debits else credits end as money_in, case when account like 'bank:%' then credits else debits end as money_out,
        case when account like 'bank:%' then late_debits else late_credits end as late_in,
        case when account like 'bank:%' then late_credits else late_debits end as late_out
      from moved
    ), opened as (
      select account, closing as opening from daily_close_account where business_date = ${before ?? null}::date and closing <> 0
    )
    select ${businessDate}::date, account, coalesce(opening, 0), coalesce(money_in, 0), coalesce(money_out, 0),
      coalesce(opening, 0) + coalesce(money_in, 0) - coalesce(money_out, 0), coalesce(late_in, 0), coalesce(late_out, 0)
    from signed full join opened using (account)`.execute(trx);
  return true;
}

/** The last close, with the head of the chain at its end. */
export async function readLastClose(db: Db): Promise<ArchivedHead | undefined> {
  const last = await db
    .selectFrom('daily_close')
    .select(['business_date', 'to_position', 'head_hash'])
    .orderBy('business_date', 'desc')
    .limit(1)
    .executeTakeFirst();
  return (
    last && {
      businessDate: last.business_date,
      position: last.to_position,
      hash: Buffer.from(last.head_hash).toString('hex'),
    }
  );
}

export interface CloseAccount {
  readonly account: string;
  readonly opening: bigint;
  readonly money_in: bigint;
  readonly money_out: bigint;
  readonly closing: bigint;
  readonly late_in: bigint;
  readonly late_out: bigint;
}

export interface Close {
  readonly businessDate: string;
  readonly from: bigint;
  readonly to: bigint;
  /** In hexadecimal. */
  readonly headHash: string;
  readonly accounts: readonly CloseAccount[];
}

/** A day's close, or the latest one; nothing when the day is not closed. */
export async function readClose(db: Db, date?: string): Promise<Close | undefined> {
  const close = await db
    .selectFrom('daily_close')
    .selectAll()
    .$if(date !== undefined, (query) => query.where('business_date', '=', date ?? ''))
    .orderBy('business_date', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (close === undefined) return undefined;
  const accounts = await db
    .selectFrom('daily_close_account')
    .select(['account', 'opening', 'money_in', 'money_out', 'closing', 'late_in', 'late_out'])
    .where('business_date', '=', close.business_date)
    .orderBy('account')
    .execute();
  return {
    businessDate: close.business_date,
    from: close.from_position,
    to: close.to_position,
    headHash: Buffer.from(close.head_hash).toString('hex'),
    accounts,
  };
}
