import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { DryRunCheck } from '../shared/dry-run.ts';
import { SCHEMA } from './schema.ts';

/** Migrations are applied in their order: where the newest is, all are. */
export function schemaCheck(db: Kysely<Database>): DryRunCheck {
  return [
    'the database and its schema',
    async () => {
      const { rows } = await sql<{ name: string }>`
        select name from kysely_migration where name >= ${SCHEMA} order by name limit 1`.execute(db);
      if (rows[0]?.name !== SCHEMA)
        throw new Error(`it lacks the migration ${SCHEMA}: run the migration function first`);
    },
  ];
}

/** The login that owns the schema gets in, and may make logins. Whether the schema is up to date is what it is there to change. */
export function ownerCheck(open: () => Kysely<unknown>): DryRunCheck {
  return [
    "the database as the schema's owner",
    async () => {
      const db = open();
      try {
        const { rows } = await sql<{ may: boolean }>`
          select rolcreaterole or rolsuper as may from pg_roles where rolname = current_user`.execute(db);
        if (rows[0]?.may !== true) throw new Error('its login may make no logins');
      } finally {
        await db.destroy();
      }
    },
  ];
}
