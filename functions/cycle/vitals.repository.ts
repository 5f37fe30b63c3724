import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';

/** What is waiting, for how long, and how fast money passed since the cycle before. */
export interface Vitals {
  /** Transfers of which nobody can say yet whether they were paid. */
  readonly unknown: number;
  /** Transfers that wait for a person, an account or a debt. */
  readonly heldTransfers: number;
  readonly openReviews: number;
  /** Seconds since the oldest transfer that is to be paid, and is not held, was planned; 0 without one. */
  readonly oldestUnpaidS: number;
  /** Seconds since the bank's time of the oldest deposit that is in review; 0 without one. */
  readonly oldestReviewS: number;
  /** Transfers settled since the cycle before, and from their earliest deposit to their success, ms; null where nothing was settled. */
  readonly settled: number;
  readonly depositToPayoutMsP50: number | null;
  readonly depositToPayoutMsP99: number | null;
}

/** Reads what a cycle's summary and metrics say of the state it leaves. Every figure is read through an index of what is open. */
export async function readVitals(db: Kysely<Database>, now: Date, token: bigint): Promise<Vitals> {
  const { rows } = await sql<{
    unknown: number;
    held: number;
    reviews: number;
    unpaid_s: number;
    review_s: number;
    settled: number;
    p50: number | null;
    p99: number | null;
  }>`
    with settled as (
      select extract(epoch from settled_at - deposited_at) * 1000 as ms from transfer
      where settled_at > (select began_at from cycle where token < ${token} order by cycle_id desc limit 1) and settled_at <= ${now}
        and deposited_at is not null
    )
    select
      (select count(*)::int from transfer where state = 'unknown') as unknown,
      (select count(*)::int from transfer where state = 'held') as held,
      (select count(*)::int from deposit where state = 'in_review') as reviews,
      coalesce((
        select extract(epoch from ${now}::timestamptz - min(planned_at)) from transfer where state in ('planned', 'queued', 'sending', 'unknown')
      ), 0)::float8 as unpaid_s,
      coalesce((
        select extract(epoch from ${now}::timestamptz - min(occurred_at)) from deposit where state = 'in_review'
      ), 0)::float8 as review_s,
      (select count(*)::int from settled) as settled,
      (select percentile_disc(0.5) within group (order by ms) from settled)::float8 as p50,
      (select percentile_disc(0.99) within group (order by ms) from settled)::float8 as p99`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('no vitals: a select without from has one row');
  return {
    unknown: row.unknown,
    heldTransfers: row.held,
    openReviews: row.reviews,
    oldestUnpaidS: Math.max(0, Math.round(row.unpaid_s)),
    oldestReviewS: Math.max(0, Math.round(row.review_s)),
    settled: row.settled,
    depositToPayoutMsP50: row.p50 === null ? null : Math.round(row.p50),
    depositToPayoutMsP99: row.p99 === null ? null : Math.round(row.p99),
  };
}
