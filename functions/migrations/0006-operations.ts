import { sql, type Kysely } from 'kysely';

/** Cycles and their lease, reconciliations, alarms, the audit trail, and which database this is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table lease (
      name text primary key,
      token bigint not null,
      holder text not null,
      ends_at timestamptz not null
    )`.execute(db);
  await sql`insert into lease (name, token, holder, ends_at) values ('cycle', 0, 'nobody', '-infinity')`.execute(
    db,
  );

  await sql`
    create table cycle (
      cycle_id bigint generated always as identity primary key,
      token bigint not null unique,
      began_at timestamptz not null,
      ended_at timestamptz,
      ended_as text check (ended_as in ('complete', 'out_of_time', 'failed_in_part')),
      summary jsonb
    )`.execute(db);

  await sql`
    create table reconciliation (
      reconciliation_id bigint generated always as identity primary key,
      cycle_token bigint not null,
      account text not null,
      at timestamptz not null,
      statement_balance bigint not null,
      expected_balance bigint not null,
      drift bigint not null,
      unexplained_rows integer not null,
      complete boolean not null,
      detail jsonb not null
    )`.execute(db);
  await sql`create index reconciliation_latest on reconciliation (account, reconciliation_id desc)`.execute(
    db,
  );

  await sql`
    create table alarm (
      alarm_id bigint generated always as identity primary key,
      name text not null,
      detail jsonb not null,
      raised_at timestamptz not null
    )`.execute(db);

  await sql`
    create table audit (
      audit_id bigint generated always as identity primary key,
      actor text not null check (actor <> ''),
      action text not null,
      subject text not null,
      reason text not null check (reason <> ''),
      detail jsonb not null default '{}',
      at timestamptz not null
    )`.execute(db);

  // A database that finds itself in another cluster was restored or cloned, and must not pay anybody before a person has looked.
  await sql`
    create table installation (
      only_row boolean primary key default true check (only_row),
      database_identity text not null,
      id_epoch integer not null check (id_epoch between 0 and 1295),
      installed_at timestamptz not null
    )`.execute(db);

  await sql`
    create function refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception '% is append-only: % refused', tg_table_name, lower(tg_op);
    end $$`.execute(db);
  for (const journal of [
    'statement_row',
    'statement_read',
    'attempt_evidence',
    'bank_message',
    'posting',
    'posting_seal',
    'reconciliation',
    'alarm',
    'audit',
  ]) {
    await sql`
      create trigger append_only before update or delete on ${sql.table(journal)}
      for each row execute function refuse_change()`.execute(db);
    await sql`
      create trigger append_only_truncate before truncate on ${sql.table(journal)}
      for each statement execute function refuse_change()`.execute(db);
  }
}
