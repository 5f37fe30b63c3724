import { sql, type Kysely } from 'kysely';
import { databaseIdentity } from '../shared/database-identity.ts';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** What a database needs to know that it was set back: who it is, which bank ids it may still give out, and that it has to wait for people. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const role = sql.id(APPLICATION_ROLE);

  // The application cannot insert a stop, so a list of names here would only have to be repeated by every migration that adds one.
  await sql`
    alter table payout_stop drop constraint payout_stop_name_check,
      add constraint payout_stop_name_check check (name ~ '^(halt|pause)_[a-z]+$')`.execute(db);
  await sql`
    insert into payout_stop (name, active, reason, changed_by, changed_at)
    values ('halt_restore', false, '', 'migration', now())`.execute(db);

  // Until now only the cluster was remembered. A database that is still where it was keeps its word; one that was restored must still be noticed.
  await sql`
    update installation set database_identity = ${databaseIdentity(undefined)}
    where database_identity = (select system_identifier::text from pg_control_system())`.execute(db);
  await sql`
    alter table installation add column bank_ids_from bigint not null default 0 check (bank_ids_from >= 0)`.execute(
    db,
  );
  await sql`
    create function installation_only_rises() returns trigger language plpgsql as $$
    begin
      if new.id_epoch < old.id_epoch or new.bank_ids_from < old.bank_ids_from then
        raise exception 'the installation''s bank ids never go back: epoch % to %, from % to %',
          old.id_epoch, new.id_epoch, old.bank_ids_from, new.bank_ids_from;
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger installation_only_rises before update on installation
    for each row execute function installation_only_rises()`.execute(db);

  await sql`
    create table database_restore (
      restore_id bigint generated always as identity primary key,
      noticed_at timestamptz not null,
      noticed_by text not null check (noticed_by in ('claim', 'cycle', 'statement')),
      identity_before text not null,
      identity_seen text not null,
      id_epoch integer not null,
      known_until timestamptz not null,
      resumed_at timestamptz check (resumed_at >= noticed_at)
    )`.execute(db);
  await sql`grant select, insert, update on database_restore to ${role}`.execute(db);

  // A row that was given up may have paid an order that turns up later: its payout waits for people. There are few such rows.
  await sql`create index withdrawal_given_up on withdrawal (amount) where state = 'classified' and ledger_account = 'suspense'`.execute(
    db,
  );
  await sql`
    alter table transfer drop constraint transfer_held_reason_check,
      add constraint transfer_held_reason_check check (
        held_reason in ('limit', 'approval', 'seller_debt', 'attempts', 'unsendable', 'restore')
      )`.execute(db);
}
