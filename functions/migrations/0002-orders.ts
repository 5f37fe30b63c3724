import { sql, type Kysely } from 'kysely';

/** Orders and the names by which their deposits are recognised. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // `outstanding` can be taken below zero by no code whatever: that is how no won of an order is allocated twice.
  await sql`
    create table shop_order (
      order_id bigint generated always as identity primary key,
      shop_id text not null check (shop_id <> ''),
      shop_order_id text not null check (shop_order_id <> ''),
      seller_id text not null references seller,
      recipient_name text not null,
      recipient_letters text not null,
      depositor_name text not null check (depositor_name <> ''),
      depositor_letters text not null,
      depositor_name_issued boolean not null,
      amount bigint not null check (amount between 1 and 999999999999),
      outstanding bigint not null,
      state text not null check (state in ('awaiting_deposit', 'paid', 'expired', 'cancelled')),
      opens_at timestamptz not null,
      expires_at timestamptz check (expires_at >= opens_at),
      paid_at timestamptz,
      closed_at timestamptz,
      created_at timestamptz not null,
      constraint shop_order_once unique (shop_id, shop_order_id),
      constraint shop_order_outstanding check (outstanding between 0 and amount),
      constraint shop_order_paid_in_full check ((state = 'paid') = (outstanding = 0)),
      constraint shop_order_paid_at check ((state = 'paid') = (paid_at is not null)),
      constraint shop_order_closed_at check ((state = 'awaiting_deposit') = (closed_at is null)),
      constraint shop_order_issued_form check (not depositor_name_issued or char_length(depositor_name) = 7)
    ) with (fillfactor = 80)`.execute(db);

  // One live order an issued depositor name. Names that were imported from a file may repeat: the matcher calls them ambiguous.
  await sql`
    create unique index shop_order_live_issued_name on shop_order (depositor_name)
    where depositor_name_issued and state = 'awaiting_deposit'`.execute(db);
  await sql`create index shop_order_by_name on shop_order (depositor_name)`.execute(db);
  await sql`create index shop_order_by_letters on shop_order (depositor_letters, amount)`.execute(db);
  await sql`create index shop_order_by_recipient on shop_order (recipient_letters, amount)`.execute(db);
  await sql`create index shop_order_awaiting_amount on shop_order (amount) where state = 'awaiting_deposit'`.execute(
    db,
  );
  await sql`create index shop_order_awaiting_expiry on shop_order (expires_at) where state = 'awaiting_deposit'`.execute(
    db,
  );
}
