import { sql, type Kysely } from 'kysely';
import type { DepositState } from '../deposits/deposit.table.ts';
import type { ReviewReason } from '../deposits/match.ts';
import type { Database } from '../database.ts';
import type { OrderState } from '../orders/order.table.ts';
import { won, type Won } from '../shared/money.ts';
import { readSender, type ShownSender } from '../deposits/sender.repository.ts';
import { decidesOn, type Decision } from './decision.repository.ts';
import { explainCandidate } from './explain-candidate.ts';

/** An order that a deposit may be for, and why. */
export interface Candidate {
  readonly orderId: bigint;
  readonly shopId: string;
  readonly shopOrderId: string;
  readonly sellerId: string;
  readonly depositorName: string;
  readonly recipientName: string;
  readonly amount: Won;
  readonly outstanding: Won;
  readonly state: OrderState;
  readonly opensAt: Date;
  readonly expiresAt: Date | null;
  readonly why: readonly string[];
}

/** A deposit as whoever decides on it sees it. */
export interface Review {
  readonly rowId: bigint;
  readonly account: string;
  readonly occurredAt: Date;
  readonly text: string;
  readonly amount: Won;
  readonly remaining: Won;
  readonly state: DepositState;
  readonly reason: ReviewReason | null;
  /** Best first. */
  readonly candidates: readonly Candidate[];
}

interface DepositRow {
  readonly row_id: bigint;
  readonly account: string;
  readonly occurred_at: Date;
  readonly text: string;
  readonly amount: bigint;
  readonly remaining: bigint;
  readonly state: DepositState;
  readonly reason: ReviewReason | null;
  readonly candidates: bigint[];
}

const DEPOSIT_COLUMNS = [
  'row_id',
  'account',
  'occurred_at',
  'text',
  'amount',
  'remaining',
  'state',
  'reason',
  'candidates',
] as const;

/** Deposits that wait for a person, oldest first. */
export async function listReviews(
  db: Kysely<Database>,
  { reason, limit }: { readonly reason?: ReviewReason; readonly limit: number },
): Promise<{ readonly total: bigint; readonly reviews: readonly Review[] }> {
  const waiting = db
    .selectFrom('deposit')
    .where('state', '=', 'in_review')
    .$if(reason !== undefined, (query) => query.where('reason', '=', reason ?? null));
  const { total } = await waiting
    .select((eb) => eb.fn.countAll<bigint>().as('total'))
    .executeTakeFirstOrThrow();
  const rows = await waiting
    .select(DEPOSIT_COLUMNS)
    .orderBy('occurred_at')
    .orderBy('row_id')
    .limit(limit)
    .execute();
  return { total, reviews: await withCandidates(db, rows) };
}

/** What the bank's statement says of a deposit. */
export interface BankRow {
  readonly balanceAfter: bigint;
  readonly kind: string;
  readonly branch: string;
  readonly possibleDuplicate: boolean;
}

/** Another deposit that is connected with one: it bears the same name, or was allocated to one of its candidates. */
export interface OtherDeposit {
  readonly rowId: bigint;
  readonly occurredAt: Date;
  readonly text: string;
  readonly amount: Won;
  readonly remaining: Won;
  readonly state: DepositState;
  readonly shopOrderIds: readonly string[];
}

export interface ReviewInFull extends Review {
  readonly bankRow: BankRow;
  /** The account that it came from, where the bank tells: what a refund is proposed to. */
  readonly sender: ShownSender | null;
  readonly others: readonly OtherDeposit[];
  /** Oldest first. */
  readonly decisions: readonly (Decision & { readonly transfer: string | null })[];
}

/** All that a person needs to decide on a deposit; nothing where there is none. */
export async function showReview(db: Kysely<Database>, rowId: bigint): Promise<ReviewInFull | undefined> {
  const row = await db
    .selectFrom('deposit')
    .select(DEPOSIT_COLUMNS)
    .where('row_id', '=', rowId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const [review] = await withCandidates(db, [row]);
  if (review === undefined) throw new Error(`deposit ${rowId.toString()} was read and not described`);
  const bankRow = await db
    .selectFrom('statement_row')
    .select(['balance_after', 'kind', 'branch', 'possible_duplicate'])
    .where('row_id', '=', rowId)
    .executeTakeFirstOrThrow();
  return {
    ...review,
    bankRow: {
      balanceAfter: bankRow.balance_after,
      kind: bankRow.kind,
      branch: bankRow.branch,
      possibleDuplicate: bankRow.possible_duplicate,
    },
    sender: (await readSender(db, rowId)) ?? null,
    others: await readOthers(db, rowId, row.candidates),
    decisions: await readDecisions(db, rowId),
  };
}

async function withCandidates(db: Kysely<Database>, rows: readonly DepositRow[]): Promise<Review[]> {
  const ids = [...new Set(rows.flatMap((row) => row.candidates))];
  const orders =
    ids.length === 0
      ? []
      : await db.selectFrom('shop_order').selectAll().where('order_id', 'in', ids).execute();
  const byId = new Map(orders.map((order) => [order.order_id, order]));
  return rows.map((row) => {
    const deposit = { text: row.text, remaining: won(row.remaining), occurredAt: row.occurred_at };
    return {
      ...deposit,
      rowId: row.row_id,
      account: row.account,
      amount: won(row.amount),
      state: row.state,
      reason: row.reason,
      candidates: row.candidates.flatMap((id): Candidate[] => {
        const order = byId.get(id);
        if (order === undefined) return [];
        const shown = {
          orderId: order.order_id,
          shopId: order.shop_id,
          shopOrderId: order.shop_order_id,
          sellerId: order.seller_id,
          depositorName: order.depositor_name,
          recipientName: order.recipient_name,
          amount: won(order.amount),
          outstanding: won(order.outstanding),
          state: order.state,
          opensAt: order.opens_at,
          expiresAt: order.expires_at,
        };
        return [{ ...shown, why: explainCandidate(deposit, shown) }];
      }),
    };
  });
}

const OTHERS_MAX = 20;

async function readOthers(
  db: Kysely<Database>,
  rowId: bigint,
  candidates: readonly bigint[],
): Promise<OtherDeposit[]> {
  const { rows } = await sql<{
    row_id: bigint;
    occurred_at: Date;
    text: string;
    amount: bigint;
    remaining: bigint;
    state: DepositState;
    shop_order_ids: string[];
  }>`
    select d.row_id, d.occurred_at, d.text, d.amount, d.remaining, d.state,
      array(
        select o.shop_order_id from allocation a join shop_order o on o.order_id = a.order_id
        where a.deposit_row_id = d.row_id and a.live and a.order_id = any(${candidates.map(String)}::bigint[]) order by o.order_id
      ) as shop_order_ids
    from deposit d
    where d.row_id <> ${rowId} and d.row_id in (
      select n.row_id from deposit n
      where n.state = 'in_review' and n.names && (select names from deposit where row_id = ${rowId})
      union
      select deposit_row_id from allocation where kind = 'automatic' and live and order_id = any(${candidates.map(String)}::bigint[])
      union
      select deposit_row_id from allocation where kind = 'manual' and live and order_id = any(${candidates.map(String)}::bigint[])
    )
    order by d.occurred_at, d.row_id limit ${OTHERS_MAX}`.execute(db);
  return rows.map((row) => ({
    rowId: row.row_id,
    occurredAt: row.occurred_at,
    text: row.text,
    amount: won(row.amount),
    remaining: won(row.remaining),
    state: row.state,
    shopOrderIds: row.shop_order_ids,
  }));
}

async function readDecisions(db: Kysely<Database>, rowId: bigint) {
  return await db
    .selectFrom('review_decision as r')
    .leftJoin('transfer as t', 't.transfer_id', 'r.transfer_id')
    .selectAll('r')
    .select('t.state as transfer')
    .where(decidesOn(rowId))
    .orderBy('r.decision_id')
    .execute();
}

export type FoundOrder =
  | { readonly outcome: 'found'; readonly orderId: bigint }
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'several'; readonly names: readonly string[] };

/** Finds an order by the id that its shop gave it, or by `SHOP/ID` where several shops gave the same. */
export async function findOrder(db: Kysely<Database>, name: string): Promise<FoundOrder> {
  const slash = name.indexOf('/');
  const found = await db
    .selectFrom('shop_order')
    .select(['order_id', 'shop_id', 'shop_order_id'])
    .where((eb) =>
      eb.or([
        eb('shop_order_id', '=', name),
        eb.and([
          eb('shop_id', '=', slash === -1 ? '' : name.slice(0, slash)),
          eb('shop_order_id', '=', name.slice(slash + 1)),
        ]),
      ]),
    )
    .orderBy('order_id')
    .limit(5)
    .execute();
  const [first, ...more] = found;
  if (first === undefined) return { outcome: 'missing' };
  if (more.length > 0)
    return { outcome: 'several', names: found.map((order) => `${order.shop_id}/${order.shop_order_id}`) };
  return { outcome: 'found', orderId: first.order_id };
}
