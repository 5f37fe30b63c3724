import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from '../../../functions/migrations/0007-roles.ts';

/** A schema as functions see it that were written for it. */
export interface Schema {
  /** What they use, each a line: it must not go. */
  readonly offers: ReadonlySet<string>;
  /** What their writes must fulfil, each a line, by table: nothing may be added to a table that they know. */
  readonly demands: ReadonlyMap<string, ReadonlySet<string>>;
}

export async function readSchema(db: Kysely<unknown>): Promise<Schema> {
  const { rows: offers } = await sql<{ line: string }>`
    select format('column %s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) as line
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
    union all
    select format('right to %s %s.%s', privilege_type, table_name, column_name)
      from information_schema.column_privileges where table_schema = 'public' and grantee = ${APPLICATION_ROLE}
    union all
    select format('sequence %s', object_name) from information_schema.usage_privileges
      where object_schema = 'public' and object_type = 'SEQUENCE' and grantee = ${APPLICATION_ROLE}
    union all
    select format('function %s(%s) %s', p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid))
      from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
        and has_function_privilege(${APPLICATION_ROLE}, p.oid, 'execute')
    union all
    select format('unique %s', regexp_replace(pg_get_indexdef(i.indexrelid), '^.* ON ', ''))
      from pg_index i join pg_class c on c.oid = i.indrelid
      where c.relnamespace = 'public'::regnamespace and i.indisunique`.execute(db);
  const { rows: demands } = await sql<{ table_name: string; line: string | null }>`
    select c.relname as table_name, null as line from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    union all
    select c.relname, format('a value for %s', a.attname)
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
        and a.attnotnull and not a.atthasdef and a.attidentity = ''
    union all
    select c.relname, format('no null in %s', a.attname)
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
        and a.attnotnull
    union all
    select c.relname, pg_get_constraintdef(k.oid)
      from pg_constraint k join pg_class c on c.oid = k.conrelid
      where k.connamespace = 'public'::regnamespace and k.contype in ('c', 'f', 'x')
    union all
    select c.relname, format('unique %s', regexp_replace(pg_get_indexdef(i.indexrelid), '^.* ON ', ''))
      from pg_index i join pg_class c on c.oid = i.indrelid
      where c.relnamespace = 'public'::regnamespace and i.indisunique
    union all
    select c.relname, pg_get_triggerdef(t.oid)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'public'::regnamespace and not t.tgisinternal`.execute(db);
  const byTable = new Map<string, Set<string>>();
  for (const { table_name: table, line } of demands) {
    const lines = byTable.get(table) ?? new Set();
    if (line !== null) lines.add(line);
    byTable.set(table, lines);
  }
  return { offers: new Set(offers.map(({ line }) => line)), demands: byTable };
}

/** What functions of an earlier schema lack in a later one, or do not know that they owe it; nothing where the later one only adds. */
export function brokenFor(before: Schema, after: Schema): string[] {
  const gone = [...before.offers].filter((line) => !after.offers.has(line));
  const isNullInNew = (table: string, demand: string): boolean => {
    const [, column] = /^no null in (.+)$/.exec(demand) ?? [];
    return (
      column !== undefined &&
      ![...before.offers].some((line) => line.startsWith(`column ${table}.${column} `))
    );
  };
  const owed = [...before.demands].flatMap(([table, known]) =>
    [...(after.demands.get(table) ?? [])]
      // Whoever does not know a column writes no null into it.
      .filter((line) => !known.has(line) && !isNullInNew(table, line))
      .map((line) => `${table} demands ${line}`),
  );
  return [...gone.map((line) => `gone: ${line}`), ...owed];
}
