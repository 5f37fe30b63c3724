import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** What one person asks for and another approves. Who did what and why stands in `audit`. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table approval (
      approval_id bigint generated always as identity primary key,
      action text not null check (action in ('transfer_release', 'transfer_close', 'refund_to_typed_account', 'payouts_resume')),
      subject text not null check (subject <> ''),
      detail jsonb not null,
      state text not null default 'requested' check (state in ('requested', 'approved', 'lapsed')),
      requested_by text not null check (requested_by <> ''),
      requested_at timestamptz not null,
      request_reason text not null check (request_reason <> ''),
      decided_by text,
      decided_at timestamptz,
      decision_reason text,
      constraint approval_second_person check (
        state <> 'approved'
        or (decided_by is not null and decided_at is not null and decision_reason is not null and decided_by <> requested_by)
      )
    )`.execute(db);
  // One open request a subject: the second person cannot approve one while the first meant another.
  await sql`create unique index approval_one_open on approval (action, subject) where state = 'requested'`.execute(
    db,
  );
  await sql`grant select, insert, update on approval to ${sql.id(APPLICATION_ROLE)}`.execute(db);
  // What was asked never changes, and a decision is made once.
  await sql`
    create function approval_keeps_its_word() returns trigger language plpgsql as $$
    begin
      if old.state <> 'requested'
         or (old.action, old.subject, old.detail, old.requested_by, old.requested_at, old.request_reason)
         is distinct from (new.action, new.subject, new.detail, new.requested_by, new.requested_at, new.request_reason) then
        raise exception 'approval %: what was asked or decided never changes', old.approval_id;
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger approval_keeps_its_word before update on approval
    for each row execute function approval_keeps_its_word()`.execute(db);
}
