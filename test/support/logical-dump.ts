import { sql, type Kysely } from 'kysely';

/** All rows of all tables and where every sequence stands, as of one snapshot: what `pg_dump --data-only` writes. */
export interface LogicalDump {
  /** A table's rows as one JSON text, which stays text: no number of it ever becomes one of JavaScript's. */
  readonly tables: ReadonlyMap<string, string>;
  readonly sequences: ReadonlyMap<string, bigint>;
}

export async function dumpDatabase<Tables>(owner: Kysely<Tables>): Promise<LogicalDump> {
  return await owner
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const tables = new Map<string, string>();
      for (const table of await tablesOf(trx)) {
        const { rows } = await sql<{ content: string }>`
          select coalesce(json_agg(t), '[]')::text as content from ${sql.table(table)} t`.execute(trx);
        tables.set(table, rows[0]!.content);
      }
      const { rows } = await sql<{ name: string; last_value: bigint | null }>`
        select sequencename as name, last_value from pg_sequences where schemaname = 'public'`.execute(trx);
      const used = rows.flatMap(({ name, last_value }) =>
        last_value === null ? [] : [[name, last_value] as const],
      );
      return { tables, sequences: new Map(used) };
    });
}

/** Puts a dump in place of all that a migrated database holds, as `pg_restore --data-only --disable-triggers` would. */
export async function loadDump<Tables>(owner: Kysely<Tables>, dump: LogicalDump): Promise<void> {
  await owner.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    for (const table of await tablesOf(trx)) await sql`delete from ${sql.table(table)}`.execute(trx);
    for (const [table, content] of dump.tables) {
      const name = sql.table(table);
      const columns = sql.join((await givenColumnsOf(trx, table)).map((column) => sql.ref(column)));
      await sql`
        insert into ${name} (${columns}) overriding system value
        select ${columns} from jsonb_populate_recordset(null::${name}, ${content}::jsonb)`.execute(trx);
    }
    for (const [sequence, last] of dump.sequences)
      await sql`select setval(${sequence}::regclass, ${last}::bigint)`.execute(trx);
  });
}

async function tablesOf<Tables>(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name`.execute(db);
  return rows.map((row) => row.name);
}

/** A table's columns but those that PostgreSQL computes itself. */
async function givenColumnsOf<Tables>(db: Kysely<Tables>, table: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select column_name as name from information_schema.columns
    where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER' order by ordinal_position`.execute(
    db,
  );
  return rows.map((row) => row.name);
}
