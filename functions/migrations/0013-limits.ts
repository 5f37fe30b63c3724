import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** Limits of all sellers together, what two people let go, corrections of the books, and accounts that were not approved. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The matcher's settings, where everybody who plans a payout finds them. Null is no limit.
  await sql`
    create table payout_limit (
      only_row boolean primary key default true check (only_row),
      transfer_limit_won bigint check (transfer_limit_won > 0),
      daily_limit_won bigint check (daily_limit_won > 0),
      changed_at timestamptz not null
    )`.execute(db);
  await sql`insert into payout_limit (changed_at) values (now())`.execute(db);
  await sql`grant select, update on payout_limit to ${sql.id(APPLICATION_ROLE)}`.execute(db);

  await sql`alter table approval drop constraint approval_action_check`.execute(db);
  await sql`
    alter table approval add constraint approval_action_check check (
      action in ('transfer_release', 'transfer_close', 'refund_to_typed_account', 'payouts_resume', 'ledger_correction')
    )`.execute(db);

  // When a transfer that was held was last let go, by itself or by two people, whose approval is named. It counts towards the limit of that day; one that
  // was never held counts towards the day on which it was planned.
  await sql`alter table transfer add column let_go_at timestamptz`.execute(db);
  await sql`alter table transfer add column approval_id bigint references approval`.execute(db);
  await sql`create index transfer_let_go on transfer (coalesce(let_go_at, planned_at))`.execute(db);

  // An attempt of ours that left the bank although its transfer cannot have it: paid by another, cancelled, or returned.
  await sql`alter table withdrawal drop constraint withdrawal_state_check`.execute(db);
  await sql`
    alter table withdrawal add constraint withdrawal_state_check check (
      state in ('transfer', 'classified', 'reversal', 'unexplained', 'unexpected')
    )`.execute(db);
  await sql`alter table withdrawal drop constraint withdrawal_transfer`.execute(db);
  await sql`
    alter table withdrawal add constraint withdrawal_transfer check ((state in ('transfer', 'unexpected')) = (attempt_id is not null))`.execute(
    db,
  );
  await sql`create index withdrawal_in_suspense on withdrawal (account) where ledger_account = 'suspense'`.execute(
    db,
  );

  await sql`alter table payout_account drop constraint payout_account_state_check`.execute(db);
  await sql`
    alter table payout_account add constraint payout_account_state_check check (
      state in ('requested', 'approved', 'retired', 'rejected')
    )`.execute(db);
  await sql`create unique index payout_account_one_requested on payout_account (seller_id) where state = 'requested'`.execute(
    db,
  );
}
