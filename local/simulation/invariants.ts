import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { Database } from '../../functions/database.ts';
import { poolOptions, type Login, type PostgresAddress } from '../../functions/shared/postgres.ts';
import type { Violation } from './world-state.ts';

/** What the checks between two looks need to know of the last one. */
export interface Moment {
  /** Whether anything stops payouts. */
  readonly stopped: boolean;
}

/** Balances as the books have them: what is sealed, and the postings since. */
const BALANCES = sql`
  unsealed as materialized (
    select p.debit, p.credit, p.amount from posting p
    where p.posting_id > (select sealed_through from seal_progress)
      and not exists (select from posting_seal s where s.posting_id = p.posting_id)
  ), balance as materialized (
    select account, (case when account like 'bank:%' then sum(debits) - sum(credits) else sum(credits) - sum(debits) end)::bigint as won
    from (
      select account, debits, credits from account_balance
      union all select debit, amount, 0 from unsealed
      union all select credit, 0, amount from unsealed
    ) moved group by account
  )`;

/**
 * What must hold of the database at every moment, each with the rows that break it:
 *
 * - `signed_balance`: what the bank holds is the sum of all that has a claim on it.
 * - `in_transit`: what is in transit is what open claims hold.
 * - `posted_as_state_says`: a transfer is held while it is open, and paid exactly once when it has succeeded.
 * - `live_items`: orders are live in a payout exactly while it is neither failed, cancelled nor returned.
 * - `order_twice`: no order is in two live transfers.
 * - `transfer_amount`: a payout is its orders' amounts less its fee.
 * - `deposit_used`: each won of a deposit is nobody's yet, an order's, refunded, or ignored, and only one of these; nothing of one that the bank took back is.
 * - `refund_state`: a deposit is refunded, or being refunded, as the state of its one live refund says.
 * - `unallocated`: what is nobody's is what deposits have left, the parts of orders that are not paid, and refunds that are not sent.
 * - `sent_for_nothing`: what is sent pays out paid orders, unless the bank has taken a deposit of them back.
 * - `order_outstanding`: what an order still awaits is its amount less what is allocated to it.
 * - `owed_to_seller`: a seller's balance is what its paid orders brought, less what was paid out or is under way.
 * - `fees`: fees are those of the paid orders.
 * - `open_attempt`: a transfer has an unproven attempt exactly while it is open or has succeeded.
 * - `chain`: seals are numbered without a gap, one a posting.
 */
const BROKEN = sql`
  with ${BALANCES},
  posted as materialized (
    select transfer_id,
      coalesce(sum(amount) filter (where kind = 'hold'), 0) - coalesce(sum(amount) filter (where kind in ('post', 'void')), 0) as held,
      coalesce(sum(amount) filter (where kind = 'post'), 0) - coalesce(sum(amount) filter (where kind = 'return'), 0) as paid
    from posting where transfer_id is not null group by transfer_id
  ), paid_order as materialized (
    select o.seller_id, o.amount, o.amount * s.fee_bp / 10000 as fee
    from shop_order o join seller s on s.seller_id = o.seller_id where o.state = 'paid'
  ), item as materialized (
    select i.transfer_id, sum(i.amount) as amount, sum(i.fee) as fee, bool_or(i.live) as some_live, bool_and(i.live) as all_live
    from transfer_item i group by i.transfer_id
  ), live_allocation as materialized (
    select deposit_row_id, order_id, amount from allocation where live
  ), live_refund as materialized (
    select deposit_row_id, amount, state from transfer
    where kind = 'refund' and state not in ('failed', 'cancelled', 'returned')
  )
  select 'signed_balance' as invariant, sum(case when account like 'bank:%' then won else -won end)::text as detail
    from balance having sum(case when account like 'bank:%' then won else -won end) <> 0
  union all
  select 'in_transit', coalesce(b.won, 0)::text || ' in transit, ' || o.won::text || ' held by open transfers'
    from (select coalesce(sum(amount), 0) as won from transfer where state in ('sending', 'unknown')) o
    left join balance b on b.account = 'in_transit' where coalesce(b.won, 0) <> o.won
  union all
  select 'posted_as_state_says', 'transfer ' || t.transfer_id || ' is ' || t.state || ', held ' || coalesce(p.held, 0) || ', paid ' || coalesce(p.paid, 0)
    from transfer t left join posted p on p.transfer_id = t.transfer_id
    where coalesce(p.held, 0) <> case when t.state in ('sending', 'unknown') then t.amount else 0 end
      or coalesce(p.paid, 0) <> case when t.state = 'succeeded' then t.amount else 0 end
  union all
  select 'live_items', 'transfer ' || t.transfer_id || ' is ' || t.state
    from transfer t join item i on i.transfer_id = t.transfer_id
    where t.kind = 'payout' and (i.some_live or i.all_live)
      <> (t.state not in ('failed', 'cancelled', 'returned')) or i.some_live <> i.all_live
  union all
  select 'order_twice', 'order ' || order_id from transfer_item where live group by order_id having count(*) > 1
  union all
  select 'transfer_amount', 'transfer ' || t.transfer_id
    from transfer t join item i on i.transfer_id = t.transfer_id
    where t.kind = 'payout' and (t.amount <> i.amount - i.fee or t.fee <> i.fee)
  union all
  select 'deposit_used', 'deposit ' || d.row_id || ' of ' || d.amount || ' is ' || d.state || ', remaining ' || d.remaining
      || ', allocated ' || coalesce(a.amount, 0) || ', refunded ' || coalesce(r.amount, 0) || ', ignored ' || coalesce(g.amount, 0)
    from deposit d left join (select deposit_row_id, sum(amount) as amount from live_allocation group by 1) a on a.deposit_row_id = d.row_id
    left join (select deposit_row_id, sum(amount) as amount from live_refund group by 1) r on r.deposit_row_id = d.row_id
    left join (
      select row_id, sum(amount) as amount from review_decision, unnest(deposit_rows) as row_id
      where kind = 'ignore' and state = 'standing' group by 1
    ) g on g.row_id = d.row_id
    where d.state not in ('return_of', 'classified')
      and case when d.state = 'reversed' then d.remaining + coalesce(a.amount, 0) + coalesce(g.amount, 0) <> 0
        else d.remaining + coalesce(a.amount, 0) + coalesce(r.amount, 0) + coalesce(g.amount, 0) <> d.amount end
  union all
  select 'refund_state', 'deposit ' || coalesce(d.row_id, r.deposit_row_id) || ' is ' || coalesce(d.state, 'none') || ', its refund ' || coalesce(r.state, 'none')
    from (select row_id, state from deposit where state in ('refund_pending', 'refunded', 'reversed')) d
    full join live_refund r on r.deposit_row_id = d.row_id
    where d.state is distinct from 'reversed'
      and d.state is distinct from case r.state when 'succeeded' then 'refunded' else 'refund_pending' end
  union all
  select 'unallocated', coalesce(b.won, 0) || ' booked, ' || n.won || ' are nobody''s'
    from (
      select coalesce((select sum(remaining) from deposit), 0)
        + coalesce((select sum(amount - outstanding) from shop_order where state <> 'paid'), 0)
        + coalesce((select sum(amount) from live_refund where state in ('planned', 'queued', 'held')), 0) as won
    ) n left join balance b on b.account = 'unallocated' where coalesce(b.won, 0) <> n.won
  union all
  select 'sent_for_nothing', 'transfer ' || t.transfer_id || ' is ' || t.state || ', order ' || o.order_id || ' is ' || o.state
    from transfer t join transfer_item i on i.transfer_id = t.transfer_id and i.live
    join shop_order o on o.order_id = i.order_id and o.state <> 'paid'
    where t.state in ('sending', 'unknown', 'succeeded') and not exists (
      select from allocation x join deposit d on d.row_id = x.deposit_row_id where x.order_id = o.order_id and d.state = 'reversed')
  union all
  select 'order_outstanding', 'order ' || o.order_id || ' is ' || o.state || ', outstanding ' || o.outstanding || ', allocated ' || coalesce(a.amount, 0)
    from shop_order o left join (select order_id, sum(amount) as amount from live_allocation group by 1) a on a.order_id = o.order_id
    where o.outstanding <> o.amount - coalesce(a.amount, 0)
  union all
  select 'owed_to_seller', s.seller_id || ' has ' || coalesce(b.won, 0) || ', should have ' || (coalesce(p.won, 0) - coalesce(t.won, 0))
    from seller s left join balance b on b.account = 'seller:' || s.seller_id
    left join (select seller_id, sum(amount - fee) as won from paid_order group by 1) p on p.seller_id = s.seller_id
    left join (select seller_id, sum(amount) as won from transfer where state in ('sending', 'unknown', 'succeeded') group by 1) t
      on t.seller_id = s.seller_id
    where coalesce(b.won, 0) <> coalesce(p.won, 0) - coalesce(t.won, 0)
  union all
  select 'fees', coalesce(b.won, 0) || ' booked, ' || f.won || ' of paid orders'
    from (select coalesce(sum(fee), 0) as won from paid_order) f left join balance b on b.account = 'fees'
    where coalesce(b.won, 0) <> f.won
  union all
  select 'open_attempt', 'transfer ' || t.transfer_id || ' is ' || t.state
    from transfer t left join transfer_attempt a on a.transfer_id = t.transfer_id and a.state in ('open', 'succeeded')
    where (t.state in ('sending', 'unknown')) <> (a.state is not distinct from 'open')
      or (t.state in ('succeeded', 'returned')) <> (a.state is not distinct from 'succeeded')
  union all
  select 'chain', count(*) || ' seals up to position ' || max(position) from posting_seal having count(*) <> max(position)`;

/** The invariants that do not hold. */
export async function brokenInvariants(db: Kysely<Database>): Promise<Violation[]> {
  const { rows } = await sql<Violation>`${BROKEN}`.execute(db);
  return rows;
}

export interface Alarm {
  readonly alarmId: bigint;
  readonly name: string;
  readonly detail: string;
}

interface MomentRow {
  readonly invariant: string | null;
  readonly detail: string;
  readonly stopped: boolean;
  readonly alarms: readonly { readonly alarm_id: number; readonly name: string; readonly detail: object }[];
}

/** Looks at a world's database after each commit, by one statement that is planned once. */
export interface Watch {
  /** What does not hold, this moment, and the alarms raised after the one named. */
  look(afterAlarm: bigint): Promise<{ violations: Violation[]; moment: Moment; alarms: Alarm[] }>;
  close(): Promise<void>;
}

export async function openWatch(address: PostgresAddress, superuser: Login): Promise<Watch> {
  const client = new pg.Client(poolOptions(address, superuser, 1));
  await client.connect();
  // The plan is made while the tables are empty: joins must not be chosen for that.
  await client.query('set enable_nestloop = off');
  const compiler: Kysely<Database> = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool() }) });
  const text = sql`
    select b.invariant, b.detail, m.stopped, m.alarms
    from (
      select (select bool_or(active) from payout_stop) as stopped,
        (select coalesce(jsonb_agg(a order by alarm_id), '[]') from alarm a where alarm_id > $1) as alarms
    ) m left join (${BROKEN}) b on true`.compile(compiler).sql;
  return {
    async look(afterAlarm) {
      const { rows } = await client.query<MomentRow>({ name: 'look', text, values: [afterAlarm.toString()] });
      const [first] = rows;
      if (first === undefined) throw new Error('a moment has always one row');
      const { stopped, alarms } = first;
      return {
        violations: rows.flatMap(({ invariant, detail }) =>
          invariant === null ? [] : [{ invariant, detail }],
        ),
        moment: { stopped },
        alarms: alarms.map(({ alarm_id, name, detail }) => ({
          alarmId: BigInt(alarm_id),
          name,
          detail: JSON.stringify(detail),
        })),
      };
    },
    close: () => client.end(),
  };
}
