import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { FailureCause } from '../bank/bank.ts';
import type { Database } from '../database.ts';

export interface UnknownAttempt {
  readonly transfer_id: bigint;
  readonly token: bigint;
  readonly sends: number;
  readonly kind: 'payout' | 'refund';
  readonly seller_id: string | null;
  readonly attempt_id: bigint;
  readonly bank_tran_id: string;
  readonly bank_date: string;
  readonly amount: bigint;
  readonly account: string;
  readonly failure: FailureCause | null;
  readonly no_such_transfer: number;
  /** The latest read that proves the attempt's absence, if there is one. */
  readonly absent_by_read: bigint | null;
}

/** Leaves claims unknown whose lease has run out by `now`. Answers the transfers' ids. */
export async function takeOverdue(trx: Transaction<Database>, now: Date): Promise<bigint[]> {
  const overdue = await trx
    .updateTable('transfer')
    .set({ state: 'unknown', lease_ends_at: null })
    .where('state', '=', 'sending')
    .where('lease_ends_at', '<=', now)
    .returning('transfer_id')
    .execute();
  return overdue.map((row) => row.transfer_id);
}

/** The first second, in Korea, of the bank date of an attempt `a`. */
export const FIRST_SECOND = sql`(a.bank_date::timestamp at time zone 'Asia/Seoul')`;

/** A statement row `s` on which the reference of an attempt `a` stands. */
export const SHOWS_REFERENCE = sql`
  s.account = a.account and s.occurred_at >= ${FIRST_SECOND} and position(a.reference in upper(normalize(s.text, nfkc))) > 0`;

/** An outgoing row `w` that nothing explains and that may be an attempt `a`. */
export const MAY_BE_IT = sql`
  w.account = a.account and w.state = 'unexplained' and w.amount = a.amount and w.occurred_at >= ${FIRST_SECOND}`;

/**
 * The latest read that proves the absence of an attempt `a`, or null. It covers every KST date since the send to the end of the wait, began after that, shows
 * an unbroken chain of balances, is booked to its last row, and the statement holds neither our reference in any row, whatever its amount, nor an
 * unexplained row of the amount.
 */
export function absentByRead(now: Date, waitMs: number): RawBuilder<bigint | null> {
  const waited = sql`a.lease_ends_at + make_interval(secs => ${waitMs / 1000}::double precision)`;
  return sql<bigint | null>`(
    select max(r.read_id) from statement_read r join collect_cursor c on c.account = r.account
    where r.account = a.account
      and r.covers_from <= ${FIRST_SECOND}
      and r.covers_to >= ${waited}
      and r.began_at between ${waited} and ${now}
      and r.chain <> 'broken'
      and not exists (select from statement_row s where s.account = r.account and s.row_id > c.booked_through)
      and not exists (select from statement_row s where ${SHOWS_REFERENCE})
      and not exists (select from withdrawal w where ${MAY_BE_IT})
  )`;
}

/** Unknown transfers with what was gathered for their latest claim, those first that were not asked about for longest. */
export async function readUnknown(
  db: Kysely<Database>,
  now: Date,
  waitMs: number,
  limit: number,
): Promise<UnknownAttempt[]> {
  const { rows } = await sql<UnknownAttempt>`
    select t.transfer_id, t.token, t.sends, t.kind, t.seller_id, a.attempt_id, a.bank_tran_id,
      coalesce(a.answered_bank_date, a.bank_date) as bank_date, a.amount, a.account,
      (select e.cause from attempt_evidence e
       where e.attempt_id = a.attempt_id and e.token = t.token and e.verdict = 'failed'
       order by e.evidence_id desc limit 1) as failure,
      (select count(*)::int from attempt_evidence e
       where e.attempt_id = a.attempt_id and e.token = t.token and e.source = 'inquiry' and e.verdict = 'no_such_transfer'
         and e.at >= a.lease_ends_at) as no_such_transfer,
      ${absentByRead(now, waitMs)} as absent_by_read
    from transfer t join transfer_attempt a on a.transfer_id = t.transfer_id and a.state = 'open'
    where t.state = 'unknown'
    order by (
      select max(e.evidence_id) from attempt_evidence e where e.attempt_id = a.attempt_id and e.token = t.token and e.source = 'inquiry'
    ) nulls first, t.transfer_id
    limit ${limit}`.execute(db);
  return rows;
}

/** The oldest KST bank date among an account's unproven attempts whose lease had ended by an instant. */
export async function oldestUnproven(
  db: Kysely<Database>,
  account: string,
  leaseEndedBy: Date,
): Promise<string | undefined> {
  const oldest = await db
    .selectFrom('transfer as t')
    .innerJoin('transfer_attempt as a', 'a.transfer_id', 't.transfer_id')
    .select((eb) => eb.fn.min('a.bank_date').as('bank_date'))
    .where('t.state', 'in', ['unknown', 'sending'])
    .where('a.state', '=', 'open')
    .where('a.account', '=', account)
    .where('a.lease_ends_at', '<=', leaseEndedBy)
    .executeTakeFirst();
  return oldest?.bank_date ?? undefined;
}
