import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { FEES, IN_TRANSIT, UNALLOCATED } from './accounts.ts';
import type { Difference } from './difference.ts';
import { readBalances } from './ledger.repository.ts';
import { sealedThrough } from './seal.repository.ts';

/** Ids below which nothing new can appear any more, or which are looked at again each time. */
export interface Marks {
  readonly postings: bigint;
  readonly rows: bigint;
  readonly transfers: bigint;
}

/** What a comparison is about. */
export interface Subjects {
  readonly orders: readonly bigint[];
  readonly deposits: readonly bigint[];
  readonly transfers: readonly bigint[];
}

type Db = Kysely<Database> | Transaction<Database>;

/** The marks as of now. Postings that are not sealed yet lie above theirs, since one with a lower id may still commit. */
export async function readMarks(db: Db): Promise<Marks> {
  const { rows } = await sql<Marks>`
    select ${sealedThrough} as postings, coalesce((select max(row_id) from deposit), 0)::bigint as rows,
      coalesce((select max(transfer_id) from transfer), 0)::bigint as transfers`.execute(db);
  const [marks] = rows;
  if (marks === undefined) throw new Error('no marks: a select without from has one row');
  return marks;
}

export interface LastComparison {
  readonly at: Date;
  readonly marks: Marks;
}

/** The last comparison that found no difference; nothing before the first. */
export async function readLastEqual(db: Db): Promise<LastComparison | undefined> {
  const last = await db
    .selectFrom('books_comparison')
    .selectAll()
    .where('differences', '=', 0)
    .orderBy('comparison_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last === undefined) return undefined;
  const { at, postings_through, rows_through, transfers_through } = last;
  return { at, marks: { postings: postings_through, rows: rows_through, transfers: transfers_through } };
}

/** A payment's transaction may commit so long after the time that it names, minutes: the login's limits are far below. */
const LATE_MINUTES = 10;

/**
 * What may have changed since a comparison: whatever has a posting since, orders paid and transfers settled since, new deposits and transfers, and all that is
 * in flight. The youngest `limit` of each, so that a cycle's work has a bound; the daily comparison looks at all.
 */
export async function readTouched(
  db: Db,
  since: LastComparison | undefined,
  limit: number,
): Promise<Subjects> {
  const { postings, rows, transfers } = since?.marks ?? { postings: 0n, rows: 0n, transfers: 0n };
  const at = new Date((since?.at.getTime() ?? 0) - LATE_MINUTES * 60_000);
  const ids = async (touched: RawBuilder<unknown>) => {
    const { rows: found } = await sql<{ id: bigint }>`
      select id from (${touched}) touched where id is not null order by id desc limit ${limit}`.execute(db);
    return found.map(({ id }) => id);
  };
  return {
    orders: await ids(sql`
      select order_id as id from posting where posting_id > ${postings}
      union select order_id from shop_order where paid_at >= ${at}`),
    deposits: await ids(sql`
      select row_id as id from posting where posting_id > ${postings}
      union select row_id from deposit where row_id > ${rows}`),
    transfers: await ids(sql`
      select transfer_id as id from posting where posting_id > ${postings}
      union select transfer_id from transfer where transfer_id > ${transfers}
      union select transfer_id from transfer where settled_at >= ${at}
      union select transfer_id from transfer where state in ('sending', 'unknown')`),
  };
}

/** Tables of which everything is compared, a page of ids at a time, with the postings that name ids which are not in them. */
const ID_COLUMNS = {
  orders: { table: 'shop_order', id: 'order_id' },
  deposits: { table: 'deposit', id: 'row_id' },
  transfers: { table: 'transfer', id: 'transfer_id' },
} as const;

/** The next ids of all that there is, in their order. */
export async function readNextIds(
  db: Db,
  subject: keyof Subjects,
  after: bigint,
  limit: number,
): Promise<bigint[]> {
  const { table, id } = ID_COLUMNS[subject];
  const column = sql.ref(id);
  const { rows } = await sql<{ id: bigint }>`
    select id from (
      (select ${column} as id from ${sql.table(table)} where ${column} > ${after} order by ${column} limit ${limit})
      union
      (select distinct ${column} from posting where ${column} > ${after} and ${column} is not null order by ${column} limit ${limit})
    ) ids order by id limit ${limit}`.execute(db);
  return rows.map((row) => row.id);
}

/** `amount` where a posting `p` credits an account, and less `amount` where it debits it, added up. */
function credited(account: RawBuilder<unknown>): RawBuilder<bigint> {
  return sql`coalesce(sum(case ${account} when p.credit then p.amount when p.debit then -p.amount else 0 end), 0)::bigint`;
}

const unallocated = sql.lit(UNALLOCATED);

/**
 * Orders of which row, allocations and ledger do not say the same: what is allocated to it; that the whole of it went to its own seller and the fees exactly
 * while it is paid, and nothing of it before; and that what its seller is owed is in a transfer.
 */
export async function compareOrders(db: Db, ids: readonly bigint[]): Promise<Difference[]> {
  const { rows } = await sql<{
    order_id: bigint;
    known: boolean;
    paid: bigint;
    given: bigint;
    allocated: bigint;
    taken: bigint;
    to_seller: bigint;
    fee: bigint;
    planned: boolean;
  }>`
    select * from (
      select w.order_id, o.order_id is not null as known, case when o.state = 'paid' then o.amount else 0 end as paid,
        coalesce(o.amount - o.outstanding, 0) as given, a.allocated, -l.unallocated as taken,
        l.to_seller, l.fee,
        o.state is distinct from 'paid' or l.to_seller <= 0
          or exists (select from transfer_item i where i.order_id = w.order_id and i.live)
          or exists (select from transfer_item i where i.order_id = w.order_id and not i.live) as planned
      from unnest(${idList(ids)}) as w(order_id)
      left join shop_order o on o.order_id = w.order_id
      cross join lateral (
        select coalesce(sum(amount), 0)::bigint as allocated from (
          select amount from allocation where order_id = w.order_id and kind = 'automatic' and live
          union all select amount from allocation where order_id = w.order_id and kind = 'manual' and live
        ) live
      ) a
      cross join lateral (
        select ${credited(unallocated)} as unallocated, ${credited(sql`'seller:' || o.seller_id`)} as to_seller,
          ${credited(sql.lit(FEES))} as fee
        from posting p where p.order_id = w.order_id
      ) l
    ) compared
    where not known or paid <> taken or allocated <> given or to_seller + fee <> taken or to_seller < 0 or fee < 0 or not planned
    order by order_id`.execute(db);
  return rows.map((row) => ({
    subject: 'order',
    id: row.order_id,
    what: !row.known
      ? `the ledger pays it ${row.taken.toString()} won, and there is no such order`
      : row.planned || row.paid !== row.taken || row.given !== row.allocated
        ? `given ${row.given.toString()} won by its row, ${row.allocated.toString()} by allocations; paid ${row.paid.toString()} by its state, ${row.taken.toString()} by the ledger ` +
          `(${row.to_seller.toString()} to its seller, ${row.fee.toString()} fee)`
        : `its seller is owed ${row.to_seller.toString()} won of it, and no transfer was ever planned for them`,
  }));
}

/** Deposits of which row and ledger do not say the same: what is nobody's yet of it, parts of orders that are not paid yet included. */
export async function compareDeposits(db: Db, ids: readonly bigint[]): Promise<Difference[]> {
  const { rows } = await sql<{ row_id: bigint; state: string | null; expected: bigint; found: bigint }>`
    select * from (
      select w.row_id, coalesce(d.state, v.state) as state,
        -- What a deposit is taken back by is another row: the deposit's own postings leave its amount, those of the other row take it.
        case when d.state = 'reversed' then d.amount when d.row_id is not null then d.remaining + u.unpaid when v.state = 'reversal' then -v.amount else 0 end
          as expected,
        l.unallocated - r.refunded as found
      from unnest(${idList(ids)}) as w(row_id)
      left join deposit d on d.row_id = w.row_id
      left join withdrawal v on v.row_id = w.row_id
      cross join lateral (
        select ${credited(unallocated)} as unallocated from posting p where p.row_id = w.row_id and p.transfer_id is null
      ) l
      cross join lateral (
        select coalesce(sum(amount), 0)::bigint as refunded from transfer
        where deposit_row_id = w.row_id and state not in ('failed', 'cancelled', 'returned')
      ) r
      cross join lateral (
        select coalesce(sum(a.amount), 0)::bigint as unpaid from allocation a join shop_order o on o.order_id = a.order_id
        where a.deposit_row_id = w.row_id and a.kind = 'manual' and a.live and o.state <> 'paid'
      ) u
    ) compared where expected <> found order by row_id`.execute(db);
  return rows.map((row) => ({
    subject: 'deposit',
    id: row.row_id,
    what: `${row.expected.toString()} won of it are left by its row (${row.state ?? 'there is none'}), ${row.found.toString()} by the ledger`,
  }));
}

/** Transfers of which row, orders and ledger do not say the same: what is held and paid, out of whose account, and for which orders. */
export async function compareTransfers(db: Db, ids: readonly bigint[]): Promise<Difference[]> {
  const { rows } = await sql<{
    transfer_id: bigint;
    state: string | null;
    amount: bigint;
    held: bigint;
    paid: bigint;
    taken: bigint;
    of_items: bigint;
  }>`
    select * from (
      select w.transfer_id, t.state, coalesce(t.amount, 0) as amount, l.held, l.paid, -l.from_payer as taken,
        case when t.kind = 'refund' then t.amount else i.amount end as of_items,
        t.kind = 'payout' and i.fee <> t.fee as other_fee
      from unnest(${idList(ids)}) as w(transfer_id)
      left join transfer t on t.transfer_id = w.transfer_id
      cross join lateral (
        select
          coalesce(sum(case p.kind when 'hold' then p.amount when 'post' then -p.amount when 'void' then -p.amount else 0 end), 0)::bigint as held,
          coalesce(sum(case p.kind when 'post' then p.amount when 'return' then -p.amount else 0 end), 0)::bigint as paid,
          ${credited(sql`case t.kind when 'refund' then ${unallocated} else 'seller:' || t.seller_id end`)} as from_payer
        from posting p where p.transfer_id = w.transfer_id
      ) l
      cross join lateral (
        select coalesce(sum(amount - fee), 0)::bigint as amount, coalesce(sum(fee), 0)::bigint as fee
        from transfer_item where transfer_id = w.transfer_id
      ) i
    ) compared
    where state is null
      or held <> case when state in ('sending', 'unknown') then amount else 0 end
      or paid <> case when state = 'succeeded' then amount else 0 end
      or taken <> held + paid or of_items <> amount or other_fee
    order by transfer_id`.execute(db);
  return rows.map((row) => ({
    subject: 'transfer',
    id: row.transfer_id,
    what:
      `${row.state ?? 'not there'} with ${row.amount.toString()} won by its row, ${row.of_items.toString()} by its orders; by the ledger ` +
      `${row.held.toString()} are held and ${row.paid.toString()} paid, ${row.taken.toString()} of them out of its payer's account`,
  }));
}

/** Orders of live transfers that the transfer pays otherwise than they were paid: another amount, another seller, another fee than was booked. */
export async function compareItems(db: Db, transferIds: readonly bigint[]): Promise<Difference[]> {
  const { rows } = await sql<{
    order_id: bigint;
    transfer_id: bigint;
    amount: bigint;
    fee: bigint;
    of_order: bigint | null;
  }>`
    select i.order_id, i.transfer_id, i.amount, i.fee, o.amount as of_order
    from unnest(${idList(transferIds)}) as w(transfer_id)
    join transfer t on t.transfer_id = w.transfer_id
    join transfer_item i on i.transfer_id = w.transfer_id and i.live
    left join shop_order o on o.order_id = i.order_id
    cross join lateral (
      -- An order that was unpaid and paid anew while its transfer was under way has two allocations; the transfer pays by one of them.
      select ${credited(sql`'seller:' || t.seller_id`)} as to_seller,
        coalesce(bool_or(p.kind = 'allocation' and p.amount = i.amount - i.fee or p.kind = 'fee' and p.amount = i.amount and i.fee = i.amount), false)
          as once
      from posting p where p.order_id = i.order_id
    ) l
    where o.amount is distinct from i.amount or o.seller_id is distinct from t.seller_id
      or not (l.once or l.to_seller = i.amount - i.fee or exists (
        -- Several deposits that paid it together were posted together.
        select from posting p where p.order_id = i.order_id and p.kind = 'allocation' and p.credit = 'seller:' || t.seller_id
        group by p.at having sum(p.amount) = i.amount - i.fee))
    order by i.order_id`.execute(db);
  return rows.map((row) => ({
    subject: 'order',
    id: row.order_id,
    what:
      `transfer ${row.transfer_id.toString()} pays it out as ${row.amount.toString()} won less ${row.fee.toString()}; ` +
      `it is an order of ${row.of_order?.toString() ?? 'no'} won, and the ledger has no such part of its seller's`,
  }));
}

/**
 * Postings that belong to nothing that could be compared: with none of them, a seller's balance is what its orders brought less what its transfers took.
 * A person's corrections and openings are of that kind, and leave traces of their own.
 */
export async function strayPostings(db: Db, after: bigint, through: bigint): Promise<Difference[]> {
  const { rows } = await sql<{ posting_id: bigint; debit: string; credit: string; amount: bigint }>`
    select posting_id, debit, credit, amount from posting p
    where posting_id > ${after} and posting_id <= ${through} and kind not in ('opening', 'correction')
      and (
        transfer_id is null and ${IN_TRANSIT} in (debit, credit)
        or transfer_id is null and row_id is null and ${UNALLOCATED} in (debit, credit)
        or transfer_id is null and order_id is null and (${FEES} in (debit, credit) or debit like 'seller:%' or credit like 'seller:%')
      )
    order by posting_id`.execute(db);
  return rows.map((row) => ({
    subject: 'posting',
    id: row.posting_id,
    what: `moves ${row.amount.toString()} won from ${row.debit} to ${row.credit}, and names no order, row or transfer for it`,
  }));
}

/** The last posting there is. */
export async function lastPostingId(db: Db): Promise<bigint> {
  const { rows } = await sql<{
    id: bigint;
  }>`select coalesce(max(posting_id), 0)::bigint as id from posting`.execute(db);
  return rows[0]?.id ?? 0n;
}

/** Accounts of which the whole balance is not what the rows add up to: a row that was changed without a posting shows here, in the same cycle. */
export async function compareTotals(trx: Transaction<Database>): Promise<Difference[]> {
  const { rows } = await sql<{ in_flight: bigint; unallocated: bigint }>`
    select coalesce((select sum(amount) from transfer where state in ('sending', 'unknown')), 0)::bigint as in_flight,
      coalesce((select sum(remaining) from deposit where remaining > 0), 0)::bigint
        + coalesce((select sum(amount - outstanding) from shop_order where state <> 'paid' and outstanding < amount), 0)::bigint
        + coalesce((select sum(amount) from transfer where state in ('planned', 'queued', 'held') and kind = 'refund'), 0)::bigint
        as unallocated`.execute(trx);
  const [sums] = rows;
  const balances = await readBalances(trx, [IN_TRANSIT, UNALLOCATED]);
  const compared = [
    [IN_TRANSIT, sums?.in_flight ?? 0n, 'transfers in flight'],
    [
      UNALLOCATED,
      sums?.unallocated ?? 0n,
      'deposits, parts of orders that are not paid, and refunds that are not sent',
    ],
  ] as const;
  return compared.flatMap(([account, expected, of]) => {
    const found = balances.get(account) ?? 0n;
    if (found === expected) return [];
    return [
      {
        subject: 'account' as const,
        id: account,
        what: `holds ${found.toString()} won, and its ${of} add up to ${expected.toString()}`,
      },
    ];
  });
}

export interface KeptComparison {
  readonly scope: 'touched' | 'whole';
  readonly at: Date;
  readonly marks: Marks;
  readonly differences: number;
  readonly detail: object;
}

export async function insertComparison(trx: Transaction<Database>, kept: KeptComparison): Promise<void> {
  await trx
    .insertInto('books_comparison')
    .values({
      scope: kept.scope,
      at: kept.at,
      postings_through: kept.marks.postings,
      rows_through: kept.marks.rows,
      transfers_through: kept.marks.transfers,
      differences: kept.differences,
      detail: sql`${JSON.stringify(kept.detail)}::jsonb`,
    })
    .execute();
}

function idList(ids: readonly bigint[]): RawBuilder<unknown> {
  return sql`${ids.map(String)}::bigint[]`;
}
