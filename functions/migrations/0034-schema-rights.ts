import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** A function looks, before it gets traffic, whether the schema is as new as its code: it reads the names of what was applied. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`grant select on kysely_migration to ${sql.id(APPLICATION_ROLE)}`.execute(db);
}
