import { sql, type Kysely } from 'kysely';

/** A command that is sent again after its answer was lost is recognised by its key: the trace of what it did bears it, in the same transaction. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table audit
      add column request_key text check (char_length(request_key) between 8 and 64),
      add column request_fingerprint text,
      add constraint audit_request check ((request_key is null) = (request_fingerprint is null))`.execute(db);
  await sql`create unique index audit_request_once on audit (actor, request_key) where request_key is not null`.execute(
    db,
  );
}
