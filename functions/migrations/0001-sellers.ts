import { sql, type Kysely } from 'kysely';

/** Sellers and the accounts they are paid out to. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table seller (
      seller_id text primary key check (seller_id <> ''),
      name text not null,
      fee_bp integer not null check (fee_bp between 0 and 10000),
      payout_grouping text not null default 'page' check (payout_grouping in ('page', 'order')),
      transfer_limit_won bigint check (transfer_limit_won > 0),
      daily_limit_won bigint check (daily_limit_won > 0),
      may_owe boolean not null default false,
      created_at timestamptz not null
    )`.execute(db);

  // The account number itself is only ever stored encrypted. The fingerprint is a keyed hash: equal numbers can be recognised, none can be read.
  await sql`
    create table payout_account (
      payout_account_id bigint generated always as identity primary key,
      seller_id text not null references seller,
      bank_code text not null check (bank_code ~ '^[0-9]{3}$'),
      account_number_ciphertext bytea not null,
      account_number_key_id text not null,
      account_number_masked text not null,
      account_fingerprint text not null,
      account_holder text not null check (account_holder <> ''),
      state text not null check (state in ('requested', 'approved', 'retired')),
      requested_by text not null,
      requested_at timestamptz not null,
      approved_by text,
      approved_at timestamptz,
      constraint payout_account_second_person check (
        state <> 'approved' or (approved_by is not null and approved_at is not null and approved_by <> requested_by)
      )
    )`.execute(db);
  await sql`create unique index payout_account_one_approved on payout_account (seller_id) where state = 'approved'`.execute(
    db,
  );
}
