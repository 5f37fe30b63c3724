import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** What the bank tells of the sender of a deposit that waits for a person: where a refund would go. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A bank that does not tell is remembered, too, so that it is not asked for ever. The number is only ever stored encrypted.
  await sql`
    create table deposit_remitter (
      row_id bigint primary key references deposit,
      told boolean not null,
      bank_code text check (bank_code ~ '^[0-9]{3}$'),
      account_number_ciphertext bytea,
      account_number_key_id text,
      account_number_masked text,
      holder text check (holder <> ''),
      asked_at timestamptz not null,
      constraint deposit_remitter_told check (
        num_nonnulls(bank_code, account_number_ciphertext, account_number_key_id, account_number_masked, holder) = case when told then 5 else 0 end
      )
    )`.execute(db);
  await sql`grant select, insert on deposit_remitter to ${sql.id(APPLICATION_ROLE)}`.execute(db);
  await sql`
    create trigger append_only before update or delete on deposit_remitter
    for each row execute function refuse_change()`.execute(db);
  await sql`
    create trigger append_only_truncate before truncate on deposit_remitter
    for each statement execute function refuse_change()`.execute(db);
}
