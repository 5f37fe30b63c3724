import { sql, type Kysely } from 'kysely';

/**
 * What the part of a reading that is stored showed of the balances, for the cycle that goes on with it: a reading is as whole as all of its parts. A release
 * before this one leaves nothing there.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table collect_cursor add column resume_chain text check (resume_chain in ('whole', 'mended', 'broken'))`.execute(
    db,
  );
}
