import { sql, type Kysely } from 'kysely';

/** What the bank said of our accounts, and what became of each row. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The bank gives its rows no id. Equal rows of a complete read are told apart by their ordinal.
  await sql`
    create table statement_row (
      row_id bigint generated always as identity primary key,
      account text not null,
      occurred_at timestamptz not null check (occurred_at = date_trunc('second', occurred_at)),
      direction text not null check (direction in ('in', 'out')),
      amount bigint not null check (amount between 1 and 999999999999),
      balance_after bigint not null,
      text text not null,
      kind text not null,
      branch text not null,
      ordinal integer not null check (ordinal >= 1),
      possible_duplicate boolean not null,
      collected_at timestamptz not null,
      constraint statement_row_once unique (account, occurred_at, direction, amount, balance_after, text, ordinal)
    )`.execute(db);

  // A read of a range to its last page: the ground on which "our reference is not on the statement" stands.
  await sql`
    create table statement_read (
      read_id bigint generated always as identity primary key,
      account text not null,
      covers_from timestamptz not null,
      covers_to timestamptz not null check (covers_to >= covers_from),
      began_at timestamptz not null,
      rows integer not null check (rows >= 0),
      fresh_rows integer not null check (fresh_rows >= 0),
      repeated_rows integer not null check (repeated_rows >= 0),
      chain text not null check (chain in ('whole', 'mended', 'broken'))
    )`.execute(db);
  await sql`create index statement_read_latest on statement_read (account, covers_to desc)`.execute(db);

  await sql`
    create table collect_cursor (
      account text primary key,
      begins_at timestamptz not null,
      read_through timestamptz not null,
      resume_at timestamptz,
      reread_on date,
      rereading jsonb,
      opening_posted boolean not null default false,
      booked_through bigint not null default 0
    )`.execute(db);

  // A row that came in. A statement row that has no row here yet is what docs/architecture.md calls a new deposit. No foreign key to
  // statement_row or shop_order: they were measured to cost a quarter of a page's time, and the same transaction has just read both.
  await sql`
    create table deposit (
      row_id bigint primary key,
      account text not null,
      occurred_at timestamptz not null,
      amount bigint not null check (amount > 0),
      remaining bigint not null,
      text text not null,
      names text[] not null,
      state text not null check (
        state in ('matched', 'in_review', 'assigned', 'refund_pending', 'refunded', 'ignored', 'return_of', 'classified', 'reversed')
      ),
      reason text check (
        reason in ('unprocessable', 'possible_duplicate', 'ambiguous', 'duplicate_payment', 'order_cancelled', 'order_expired',
                   'paid_before_order', 'split', 'combined', 'amount_under', 'amount_over', 'number_mistyped', 'number_missing',
                   'name_unknown')
      ),
      candidates bigint[] not null default '{}',
      return_of_transfer_id bigint,
      decided_at timestamptz not null,
      constraint deposit_remaining check (remaining between 0 and amount),
      constraint deposit_reason check (state <> 'in_review' or reason is not null),
      constraint deposit_matched_whole check (state <> 'matched' or remaining = 0),
      constraint deposit_return check ((state = 'return_of') = (return_of_transfer_id is not null))
    ) with (fillfactor = 90)`.execute(db);
  await sql`create index deposit_open_review_names on deposit using gin (names) where state = 'in_review'`.execute(
    db,
  );
  await sql`create unique index deposit_one_return on deposit (return_of_transfer_id) where return_of_transfer_id is not null`.execute(
    db,
  );

  // A row that went out: one of our transfers, something a rule explains, a deposit that the bank took back, or unexplained.
  await sql`
    create table withdrawal (
      row_id bigint primary key,
      account text not null,
      occurred_at timestamptz not null,
      amount bigint not null check (amount > 0),
      text text not null,
      state text not null check (state in ('transfer', 'classified', 'reversal', 'unexplained')),
      attempt_id bigint,
      ledger_account text,
      decided_at timestamptz not null,
      constraint withdrawal_transfer check ((state = 'transfer') = (attempt_id is not null))
    )`.execute(db);
  await sql`create unique index withdrawal_one_attempt on withdrawal (attempt_id) where attempt_id is not null`.execute(
    db,
  );

  await sql`create index withdrawal_unexplained on withdrawal (account) where state = 'unexplained'`.execute(
    db,
  );

  // Automatic allocations: one a deposit and one an order, whatever the code does. A person's are bounded by remaining and outstanding.
  await sql`
    create table allocation (
      allocation_id bigint generated always as identity primary key,
      deposit_row_id bigint not null,
      order_id bigint not null,
      amount bigint not null check (amount > 0),
      kind text not null check (kind in ('automatic', 'manual')),
      live boolean not null default true,
      made_by text,
      made_at timestamptz not null,
      undone_at timestamptz,
      constraint allocation_actor check ((kind = 'manual') = (made_by is not null)),
      constraint allocation_undone check (live = (undone_at is null))
    )`.execute(db);
  await sql`create unique index allocation_one_automatic_a_deposit on allocation (deposit_row_id) where kind = 'automatic' and live`.execute(
    db,
  );
  await sql`create unique index allocation_one_automatic_an_order on allocation (order_id) where kind = 'automatic' and live`.execute(
    db,
  );

  await sql`
    create table classification_rule (
      rule_id bigint generated always as identity primary key,
      account text not null,
      direction text not null check (direction in ('in', 'out')),
      text_equals text,
      kind_equals text,
      ledger_account text not null check (ledger_account in ('interest', 'tax', 'bank_fees', 'owner')),
      added_by text not null,
      added_at timestamptz not null,
      reason text not null check (reason <> ''),
      removed_at timestamptz,
      constraint classification_rule_says_something check (text_equals is not null or kind_equals is not null or direction = 'out')
    )`.execute(db);
}
