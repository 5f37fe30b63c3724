import { sql, type Kysely } from 'kysely';
import type { TestDatabase } from './database.ts';

type Row = Readonly<Record<string, unknown>>;

/**
 * What an act has changed in the whole database, table by table: `transfer 7: state, settled_at` for a row that is otherwise now, `posting: +2` for rows that came. A
 * test that names it all sees what was changed beside what was meant, in whichever table.
 */
export async function changesOf(
  { owner }: Pick<TestDatabase, 'owner'>,
  act: () => Promise<unknown>,
): Promise<string[]> {
  const db = owner as Kysely<unknown>;
  const before = await photograph(db);
  await act();
  const after = await photograph(db);
  const came = new Map<string, number>();
  const changes: string[] = [];
  for (const [key, { table, row }] of after) {
    const was = before.get(key)?.row;
    if (was === undefined) came.set(table, (came.get(table) ?? 0) + 1);
    else {
      const columns = Object.keys(row).filter(
        (column) => JSON.stringify(row[column]) !== JSON.stringify(was[column]),
      );
      if (columns.length > 0) changes.push(`${key}: ${columns.sort().join(', ')}`);
    }
  }
  for (const [table, count] of came) changes.push(`${table}: +${count}`);
  for (const key of before.keys()) if (!after.has(key)) changes.push(`${key}: is gone`);
  return changes.sort();
}

/** Changes with rows called by a test's names for them, such as `transfer 7` by `transfer own`. */
export function called(changes: readonly string[], names: ReadonlyMap<string, string>): string[] {
  return changes
    .map((line) => {
      const [key = line, what = ''] = line.split(': ');
      return `${names.get(key) ?? key}: ${what}`;
    })
    .sort();
}

/** Every row of every table that has a primary key, which is every one, by table and key. */
async function photograph(db: Kysely<unknown>): Promise<Map<string, { table: string; row: Row }>> {
  const { rows: tables } = await sql<{ name: string; columns: string[] }>`
    select c.relname as name, array_agg(a.attname::text order by array_position(i.indkey::smallint[], a.attnum)) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
    where i.indisprimary and c.relnamespace = 'public'::regnamespace
    group by c.relname`.execute(db);
  const photographs = tables.map(
    ({ name, columns }) =>
      sql`select ${name}::text as "table", concat_ws(' ', ${sql.join(columns.map((column) => sql`t.${sql.id(column)}`))}) as key,
        to_jsonb(t) as row from ${sql.table(name)} t`,
  );
  const { rows } = await sql<{ table: string; key: string; row: Row }>`${sql.join(
    photographs,
    sql` union all `,
  )}`.execute(db);
  return new Map(rows.map(({ table, key, row }) => [`${table} ${key}`, { table, row }]));
}
