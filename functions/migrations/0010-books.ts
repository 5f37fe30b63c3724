import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

const JOURNALS = ['books_comparison', 'daily_close', 'daily_close_account'];

/** Orders against the ledger, and the daily closes: their journals, and the indexes that make the comparison cheap enough for each cycle. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // All postings of one order or one transfer: what a comparison adds up, and what a person asks for.
  await sql`create index posting_of_order on posting (order_id) where order_id is not null`.execute(db);
  await sql`create index posting_of_transfer on posting (transfer_id) where transfer_id is not null`.execute(
    db,
  );
  await sql`create index shop_order_by_payment on shop_order (paid_at) where paid_at is not null`.execute(db);
  await sql`create index allocation_by_hand on allocation (order_id) where kind = 'manual'`.execute(db);
  await sql`create index transfer_item_not_live on transfer_item (order_id) where not live`.execute(db);
  await sql`create index deposit_remaining_won on deposit (row_id) include (remaining) where remaining > 0`.execute(
    db,
  );

  // Each comparison of orders, deposits and transfers with the ledger. `postings_through`, `rows_through` and `transfers_through` say up to where
  // nothing new can appear below: the next one begins there, unless this one found a difference.
  await sql`
    create table books_comparison (
      comparison_id bigint generated always as identity primary key,
      scope text not null check (scope in ('touched', 'whole')),
      at timestamptz not null,
      postings_through bigint not null,
      rows_through bigint not null,
      transfers_through bigint not null,
      differences integer not null check (differences >= 0),
      detail jsonb not null
    )`.execute(db);

  // A close is a range of the chain, so that closes always join. `to_position` is `from_position` - 1 on a day without postings.
  await sql`
    create table daily_close (
      business_date date primary key,
      from_position bigint not null check (from_position >= 1),
      to_position bigint not null check (to_position >= from_position - 1),
      head_hash bytea not null check (octet_length(head_hash) = 32),
      closed_at timestamptz not null
    )`.execute(db);
  await sql`
    create table daily_close_account (
      business_date date not null references daily_close,
      account text not null,
      opening bigint not null,
      money_in bigint not null check (money_in >= 0),
      money_out bigint not null check (money_out >= 0),
      closing bigint not null,
      late_in bigint not null check (late_in between 0 and money_in),
      late_out bigint not null check (late_out between 0 and money_out),
      primary key (business_date, account),
      constraint daily_close_adds_up check (closing = opening + money_in - money_out)
    )`.execute(db);

  for (const journal of JOURNALS) {
    await sql`
      create trigger append_only before update or delete on ${sql.table(journal)}
      for each row execute function refuse_change()`.execute(db);
    await sql`
      create trigger append_only_truncate before truncate on ${sql.table(journal)}
      for each statement execute function refuse_change()`.execute(db);
    await sql`grant select, insert on ${sql.table(journal)} to ${sql.id(APPLICATION_ROLE)}`.execute(db);
  }
}
