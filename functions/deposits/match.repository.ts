import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import type { UnbookedRow } from './classify.ts';
import type { CandidateOrder, OpenReview, ReconsideredReview, ReviewReason } from './matchable.ts';

/** Orders read for one name, and for one set of letters or one amount: a name that a thousand orders share is ambiguous after two. */
const NAMED_MAX = 50;
const SIMILAR_MAX = 12;

interface OrderRow {
  readonly order_id: bigint;
  readonly seller_id: string;
  readonly depositor_name: string;
  readonly recipient_name: string;
  readonly amount: bigint;
  readonly outstanding: bigint;
  readonly state: CandidateOrder['state'];
  readonly opens_at: Date;
  readonly expires_at: Date | null;
}

export interface MatchableOrder extends CandidateOrder {
  readonly sellerId: string;
}

const ORDER_COLUMNS = sql.raw(
  'o.order_id, o.seller_id, o.depositor_name, o.recipient_name, o.amount, o.outstanding, o.state, o.opens_at, o.expires_at',
);

/**
 * Every order that bears one of the names, locked: whoever cancels such an order waits until the page has committed, and then finds it paid.
 * Living orders first, so that the bound never hides one.
 */
export async function lockNamedOrders(
  trx: Transaction<Database>,
  names: readonly string[],
): Promise<MatchableOrder[]> {
  if (names.length === 0) return [];
  const { rows } = await sql<OrderRow>`
    select ${ORDER_COLUMNS} from shop_order o
    where o.order_id in (
      select c.order_id from unnest(${[...names]}::text[]) as wanted(name)
      cross join lateral (
        select order_id from shop_order where depositor_name = wanted.name
        order by (state = 'awaiting_deposit') desc, order_id desc limit ${NAMED_MAX}
      ) c
    )
    order by o.order_id
    for no key update`.execute(trx);
  return rows.map(toOrder);
}

/** What makes better reasons and candidates for deposits that fit no order: like letters, like recipients, like amounts. */
export async function readSimilarOrders(
  trx: Transaction<Database>,
  wanted: { letters: readonly string[]; recipients: readonly string[]; amounts: readonly bigint[] },
): Promise<MatchableOrder[]> {
  const { rows } = await sql<OrderRow>`
    select ${ORDER_COLUMNS} from shop_order o
    where o.order_id in (
      select c.order_id from unnest(${[...wanted.letters]}::text[]) as w(letters)
      cross join lateral (
        (select order_id from shop_order where depositor_letters = w.letters
         order by (state = 'awaiting_deposit') desc, order_id desc limit ${SIMILAR_MAX})
        union
        (select order_id from shop_order where depositor_letters = w.letters and amount = any(${[...wanted.amounts]}::bigint[])
         order by (state = 'awaiting_deposit') desc, order_id desc limit ${SIMILAR_MAX})
      ) c
      union
      select c.order_id from unnest(${[...new Set([...wanted.letters, ...wanted.recipients])]}::text[]) as w(letters)
      cross join lateral (
        select order_id from shop_order where recipient_letters = w.letters
        order by (state = 'awaiting_deposit') desc, order_id desc limit ${SIMILAR_MAX}
      ) c
      union
      select c.order_id from unnest(${[...wanted.amounts]}::bigint[]) as w(amount)
      cross join lateral (
        select order_id from shop_order where amount = w.amount and state = 'awaiting_deposit'
        order by order_id desc limit ${SIMILAR_MAX}
      ) c
    )`.execute(trx);
  return rows.map(toOrder);
}

/** Open reviews that share a reading with a deposit of the page: they may be parts of the same payment. */
export async function readOpenReviews(
  trx: Transaction<Database>,
  names: readonly string[],
): Promise<OpenReview[]> {
  if (names.length === 0) return [];
  return await readReviewsWhere(trx, sql<boolean>`d.names && ${[...names]}::text[]`);
}

/** How far apart the clocks of whoever places orders and of the cycle may be, seconds. */
const CLOCK_SKEW_S = 120;

/** Open reviews that bear the name of an order which was placed after they were judged. */
export async function readReviewsWithNewerOrders(
  trx: Transaction<Database>,
  limit: number,
): Promise<OpenReview[]> {
  const newer = sql<boolean>`exists (
    select from shop_order o
    where o.depositor_name = any(d.names) and o.created_at > d.decided_at - make_interval(secs => ${sql.lit(CLOCK_SKEW_S)})
  )`;
  return await readReviewsWhere(trx, newer, limit);
}

async function readReviewsWhere(
  trx: Transaction<Database>,
  where: RawBuilder<boolean>,
  limit = 5000,
): Promise<OpenReview[]> {
  const rows = await trx
    .selectFrom('deposit as d')
    .innerJoin('statement_row as s', 's.row_id', 'd.row_id')
    .select(['d.row_id', 'd.occurred_at', 'd.remaining', 'd.text', 'd.reason', 's.possible_duplicate'])
    .where('d.state', '=', 'in_review')
    .where(where)
    .orderBy('d.occurred_at')
    .orderBy('d.row_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    rowId: row.row_id,
    occurredAt: row.occurred_at,
    amount: won(row.remaining),
    text: row.text,
    possibleDuplicate: row.possible_duplicate,
    reason: row.reason as ReviewReason,
  }));
}

export interface Match {
  readonly row: UnbookedRow;
  readonly names: readonly string[];
  readonly order: MatchableOrder;
}

const MATCH_COLUMNS =
  'row_id bigint, account text, occurred_at timestamptz, amount bigint, text text, names text[], order_id bigint';

/**
 * Stores matched deposits, allocates them and marks their orders paid, in one statement. Each order must still await exactly the deposit's
 * amount; if a single one does not, nothing of the page is kept.
 */
export async function insertMatches(
  trx: Transaction<Database>,
  matches: readonly Match[],
  at: Date,
): Promise<void> {
  if (matches.length === 0) return;
  const rows = matches.map(({ row, names, order }) => ({
    row_id: row.rowId,
    account: row.account,
    occurred_at: row.occurredAt,
    amount: row.amount,
    text: row.text,
    names,
    order_id: order.orderId,
  }));
  const { rows: counted } = await sql<{ deposits: number; allocations: number; orders: number }>`
    with matched as materialized (select * from ${recordset('m', MATCH_COLUMNS, rows)}),
    deposits as (
      insert into deposit (row_id, account, occurred_at, amount, remaining, text, names, state, decided_at)
      select row_id, account, occurred_at, amount, 0, text, names, 'matched', ${at} from matched
      returning 1
    ), allocations as (
      insert into allocation (deposit_row_id, order_id, amount, kind, made_at)
      select row_id, order_id, amount, 'automatic', ${at} from matched
      returning 1
    ), orders as (
      update shop_order o set state = 'paid', outstanding = 0, paid_at = ${at}, closed_at = ${at}
      from matched m
      where o.order_id = m.order_id and o.state = 'awaiting_deposit' and o.outstanding = m.amount and o.amount = m.amount
      returning 1
    )
    select (select count(*)::int from deposits) as deposits, (select count(*)::int from allocations) as allocations,
      (select count(*)::int from orders) as orders`.execute(trx);
  const [count] = counted;
  assertRows('matched deposits stored', count?.deposits ?? 0, matches.length);
  assertRows('deposits allocated', count?.allocations ?? 0, matches.length);
  assertRows('orders marked paid', count?.orders ?? 0, matches.length);
}

/** Gives open reviews the reason and candidates that they have by now. */
export async function updateReviews(
  trx: Transaction<Database>,
  reviews: readonly ReconsideredReview[],
  at: Date,
): Promise<void> {
  if (reviews.length === 0) return;
  const rows = reviews.map((review) => ({
    row_id: review.rowId,
    reason: review.reason,
    candidates: review.candidates.map(String),
  }));
  await sql`
    update deposit d set reason = r.reason, candidates = r.candidates, decided_at = ${at}
    from ${recordset('r', 'row_id bigint, reason text, candidates bigint[]', rows)}
    where d.row_id = r.row_id and d.state = 'in_review'`.execute(trx);
}

function toOrder(row: OrderRow): MatchableOrder {
  return {
    orderId: row.order_id,
    sellerId: row.seller_id,
    depositorName: row.depositor_name,
    recipientName: row.recipient_name,
    ...stillToBePaid(row),
    state: row.state,
    opensAt: row.opens_at,
    expiresAt: row.expires_at ?? undefined,
  };
}

/** Of an order that a person has allocated a part to, the rest is what a deposit can be for. */
function stillToBePaid({
  state,
  amount,
  outstanding,
}: OrderRow): Pick<CandidateOrder, 'amount' | 'partlyPaid'> {
  if (state === 'paid' || outstanding === amount) return { amount: won(amount) };
  return { amount: won(outstanding), partlyPaid: true };
}
