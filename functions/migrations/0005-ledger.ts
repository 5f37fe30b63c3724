import { sql, type Kysely } from 'kysely';

/** The books. A posting is balanced by its shape: one row debits one account and credits another by one amount. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table posting (
      posting_id bigint generated always as identity primary key,
      debit text not null,
      credit text not null,
      amount bigint not null check (amount > 0),
      kind text not null check (
        kind in ('opening', 'deposit', 'allocation', 'fee', 'hold', 'post', 'void', 'return', 'reversal', 'classified', 'unexplained', 'correction')
      ),
      row_id bigint,
      order_id bigint,
      transfer_id bigint,
      attempt_id bigint,
      at timestamptz not null,
      written_at timestamptz not null default clock_timestamp(),
      constraint posting_two_accounts check (debit <> credit),
      constraint posting_known_accounts check (
        debit ~ '^(bank:.+|seller:.+|in_transit|unallocated|fees|bank_fees|interest|tax|owner|opening|suspense)$'
        and credit ~ '^(bank:.+|seller:.+|in_transit|unallocated|fees|bank_fees|interest|tax|owner|opening|suspense)$'
      )
    )`.execute(db);
  // Written twice, these would make money: one opening an account, one deposit a row, one payment an attempt.
  await sql`create index posting_of_row on posting (row_id) where row_id is not null`.execute(db);
  await sql`create unique index posting_one_opening on posting (debit, credit) where kind = 'opening'`.execute(
    db,
  );
  await sql`
    create unique index posting_one_a_row on posting (row_id)
    where kind in ('deposit', 'return', 'classified', 'unexplained') and row_id is not null`.execute(db);
  await sql`create unique index posting_one_post_an_attempt on posting (attempt_id) where kind = 'post'`.execute(
    db,
  );

  // Hashes stand apart from the postings, which never change, and are written after the postings have committed.
  await sql`
    create table posting_seal (
      position bigint primary key check (position >= 1),
      posting_id bigint not null unique,
      hash bytea not null check (octet_length(hash) = 32),
      sealed_at timestamptz not null default clock_timestamp()
    )`.execute(db);

  // Sums over the sealed postings, moved by the sealer alone: a balance is this row and the few postings that are not sealed yet.
  await sql`
    create table account_balance (
      account text primary key,
      debits bigint not null check (debits >= 0),
      credits bigint not null check (credits >= 0)
    )`.execute(db);

  // Every posting up to this id is sealed, with no id between left out. Ids of transactions that rolled back are gaps; the sealer steps over them
  // once no transaction can be left that could still fill them.
  await sql`
    create table seal_progress (
      only_row boolean primary key default true check (only_row),
      sealed_through bigint not null
    )`.execute(db);
  await sql`insert into seal_progress (sealed_through) values (0)`.execute(db);
}
