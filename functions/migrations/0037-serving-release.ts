import { sql, type Kysely } from 'kysely';

/** Which release's functions serve, all of them, by the schema that they were written for. The migration alone reads and writes it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table serving_release (
      one boolean primary key default true check (one),
      schema text not null check (schema <> ''),
      since timestamptz not null
    )`.execute(db);
}
