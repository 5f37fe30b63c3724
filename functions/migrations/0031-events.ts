import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/**
 * Events: what became of an order, a deposit, a transfer or the payouts, written by the very transaction that changes it, whoever changes it. Triggers write them, a
 * statement at a time, so that no code can forget one, and a page of a thousand orders stays a handful of statements.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table event (
      event_id bigint generated always as identity primary key,
      id uuid not null default gen_random_uuid() unique,
      type text not null,
      version integer not null default 1,
      subject_kind text not null check (subject_kind in ('order', 'deposit', 'transfer', 'payouts')),
      subject_id text not null,
      sequence bigint not null check (sequence >= 1),
      shop_id text,
      data jsonb not null,
      occurred_at timestamptz not null,
      written_at timestamptz not null default clock_timestamp(),
      published_at timestamptz,
      publishing_until timestamptz,
      constraint event_sequence unique (subject_kind, subject_id, sequence)
    ) with (fillfactor = 80)`.execute(db);
  await sql`create index event_to_publish on event (event_id) where published_at is null`.execute(db);
  await sql`create index event_of_shop on event (shop_id, event_id desc) where shop_id is not null`.execute(
    db,
  );
  const role = sql.id(APPLICATION_ROLE);
  await sql`grant select, insert, update (published_at, publishing_until) on event to ${role}`.execute(db);

  await sql`
    create function next_sequence(kind text, subject text) returns bigint language sql stable as $$
      select coalesce(max(sequence), 0) + 1 from event where subject_kind = kind and subject_id = subject
    $$`.execute(db);
  // A shop knows its sellers without the shop's own id before them.
  await sql`
    create function own_seller_id(shop text, seller text) returns text language sql immutable as $$
      select case when starts_with(seller, shop || '.') then substr(seller, length(shop) + 2) else seller end
    $$`.execute(db);

  await orderEvents(db);
  await depositEvents(db);
  await transferEvents(db);
  await payoutEvents(db);
}

async function orderEvents(db: Kysely<unknown>): Promise<void> {
  const columns = sql`'order', n.order_id::text, next_sequence('order', n.order_id::text), n.shop_id,
    jsonb_build_object('order_id', n.order_id::text, 'shop_id', n.shop_id, 'shop_order_id', n.shop_order_id,
      'seller_id', own_seller_id(n.shop_id, n.seller_id), 'state', n.state, 'amount', n.amount, 'outstanding', n.outstanding,
      'depositor_name', n.depositor_name)`;
  await sql`
    create function order_placed() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select 'order.placed', ${columns}, n.created_at from new_rows n order by n.order_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger order_placed after insert on shop_order referencing new table as new_rows
    for each statement execute function order_placed()`.execute(db);
  await sql`
    create function order_changed() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select case n.state when 'awaiting_deposit' then 'order.unpaid' else 'order.' || n.state end, ${columns},
        coalesce(n.paid_at, n.closed_at, clock_timestamp())
      from new_rows n join old_rows o on o.order_id = n.order_id
      where n.state <> o.state
      order by n.order_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger order_changed after update on shop_order referencing old table as old_rows new table as new_rows
    for each statement execute function order_changed()`.execute(db);
}

async function depositEvents(db: Kysely<unknown>): Promise<void> {
  // A matched deposit is told by its order. The payer's text is theirs: it is read by the API, by who may, and is on no bus.
  const told = sql`('in_review', 'assigned', 'refund_pending', 'refunded', 'ignored', 'reversed')`;
  const columns = sql`'deposit', n.row_id::text, next_sequence('deposit', n.row_id::text),
    (select min(c.shop_id) from shop_order c where c.order_id = any(n.candidates) having count(distinct c.shop_id) = 1),
    jsonb_build_object('deposit_id', n.row_id::text, 'state', n.state, 'reason', n.reason, 'amount', n.amount, 'remaining', n.remaining,
      'deposited_at', to_char(n.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'candidates', (select coalesce(jsonb_agg(o.shop_order_id order by array_position(n.candidates, o.order_id)), '[]')
        from shop_order o where o.order_id = any(n.candidates)))`;
  await sql`
    create function deposit_stored() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select 'deposit.' || n.state, ${columns}, n.decided_at from new_rows n where n.state in ${told} order by n.row_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger deposit_stored after insert on deposit referencing new table as new_rows
    for each statement execute function deposit_stored()`.execute(db);
  await sql`
    create function deposit_changed() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select 'deposit.' || n.state, ${columns}, n.decided_at
      from new_rows n join old_rows w on w.row_id = n.row_id
      where n.state in ${told} and (n.state <> w.state or n.reason is distinct from w.reason)
      order by n.row_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger deposit_changed after update on deposit referencing old table as old_rows new table as new_rows
    for each statement execute function deposit_changed()`.execute(db);
}

async function transferEvents(db: Kysely<unknown>): Promise<void> {
  // On its way a transfer changes hands often: queued and sending are of no use to anybody else.
  const told = sql`('planned', 'held', 'succeeded', 'failed', 'unknown', 'returned', 'cancelled')`;
  const columns = sql`'transfer', n.transfer_id::text, next_sequence('transfer', n.transfer_id::text), s.shop_id,
    jsonb_build_object('transfer_id', n.transfer_id::text, 'kind', n.kind, 'shop_id', s.shop_id,
      'seller_id', own_seller_id(s.shop_id, n.seller_id), 'deposit_id', n.deposit_row_id::text, 'state', n.state, 'held_reason', n.held_reason,
      'failed_reason', n.failed_reason, 'retry_of', n.retry_of::text, 'amount', n.amount, 'fee', n.fee, 'bank_code', n.bank_code,
      'account_number_masked', n.account_number_masked)`;
  await sql`
    create function transfer_stored() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select 'transfer.' || n.state, ${columns}, n.planned_at
      from new_rows n left join seller s on s.seller_id = n.seller_id
      where n.state in ${told} order by n.transfer_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger transfer_stored after insert on transfer referencing new table as new_rows
    for each statement execute function transfer_stored()`.execute(db);
  await sql`
    create function transfer_changed() returns trigger language plpgsql as $$
    begin
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select 'transfer.' || n.state, ${columns}, case when n.state = 'succeeded' then n.settled_at else clock_timestamp() end
      from new_rows n join old_rows w on w.transfer_id = n.transfer_id left join seller s on s.seller_id = n.seller_id
      where n.state in ${told} and (n.state, n.held_reason) is distinct from (w.state, w.held_reason)
      order by n.transfer_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger transfer_changed after update on transfer referencing old table as old_rows new table as new_rows
    for each statement execute function transfer_changed()`.execute(db);
}

async function payoutEvents(db: Kysely<unknown>): Promise<void> {
  // Several stops may change at once, in transactions of their own, and all are of one subject: they take turns, so that no halt fails for a number.
  await sql`
    create function payouts_changed() returns trigger language plpgsql as $$
    begin
      if not exists (select from new_rows n join old_rows o on o.name = n.name where n.active <> o.active) then
        return null;
      end if;
      perform pg_advisory_xact_lock(hashtextextended('smart-transfer payouts events', 0));
      insert into event (type, subject_kind, subject_id, sequence, shop_id, data, occurred_at)
      select case when n.active then case when n.name like 'halt%' then 'payouts.halted' else 'payouts.paused' end else 'payouts.resumed' end,
        'payouts', 'payouts', next_sequence('payouts', 'payouts') + row_number() over (order by n.name) - 1, null,
        jsonb_build_object('stop', n.name, 'active', n.active, 'reason', n.reason, 'changed_by', n.changed_by), n.changed_at
      from new_rows n join old_rows o on o.name = n.name
      where n.active <> o.active;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger payouts_changed after update on payout_stop referencing old table as old_rows new table as new_rows
    for each statement execute function payouts_changed()`.execute(db);
}
