import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import type { Rereading } from './deposit.table.ts';
import { bySecond, endsOfAll, joinTrails, trailsOfRows, type TimedRow } from './balance-trails.ts';
import type { FreshRow, IdentifiedRead, KnownRow } from './row-identity.ts';
import type { Range } from './read-plan.ts';

export interface Cursor {
  readonly beginsAt: Date;
  readonly readThrough: Date;
  /** Where the last reading broke off, if it did. */
  readonly resumeAt: Date | null;
  /** What the part before that showed of the balances. */
  readonly resumeChain: IdentifiedRead['chain'];
  readonly rereadOn: string | null;
  readonly rereading: RereadProgress | undefined;
}

/** What reads have shown, counted. */
export interface ReadCounts {
  readonly rows: number;
  readonly fresh: number;
  readonly repeated: number;
  readonly chain: IdentifiedRead['chain'];
}

/** How far a reading again of earlier days has come: from `from` to right before `next`, none of it earlier than `beganAt`. */
export interface RereadProgress extends ReadCounts {
  readonly from: Date;
  readonly next: Date;
  readonly beganAt: Date;
}

/** So many rows at an account's beginning, or before a read's range, are looked at for its balance there: several seconds, since one may lead round to where it began. */
const ROWS_AT_SEAM = 50;

/** From when the first order counts, while no account was read yet and so few orders can be there. */
export async function readFirstOrderAt(trx: Transaction<Database>): Promise<Date | undefined> {
  const first = await trx
    .selectFrom('shop_order')
    .select((eb) => eb.fn.min('opens_at').as('opens_at'))
    .executeTakeFirst();
  return first?.opens_at ?? undefined;
}

/** The cursor of an account that is new, which begins at `beginsAt`. */
export async function beginCursor(
  trx: Transaction<Database>,
  account: string,
  beginsAt: Date,
): Promise<Cursor> {
  await trx
    .insertInto('collect_cursor')
    .values({ account, begins_at: beginsAt, read_through: beginsAt, reread_on: null })
    .onConflict((oc) => oc.column('account').doNothing())
    .execute();
  return await readCursor(trx, account);
}

/** @throws when the account was never read. */
export async function readCursor(db: Kysely<Database>, account: string): Promise<Cursor> {
  const cursor = await findCursor(db, account);
  if (cursor === undefined)
    throw new Error(`account ${account} has no cursor: collect begins one before anything else is done`);
  return cursor;
}

export async function findCursor(db: Kysely<Database>, account: string): Promise<Cursor | undefined> {
  const row = await db
    .selectFrom('collect_cursor')
    .select(['begins_at', 'read_through', 'resume_at', 'resume_chain', 'reread_on', 'rereading'])
    .where('account', '=', account)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    beginsAt: row.begins_at,
    readThrough: row.read_through,
    resumeAt: row.resume_at,
    resumeChain: (row.resume_at === null ? null : row.resume_chain) ?? 'whole',
    rereadOn: row.reread_on,
    rereading: row.rereading === null ? undefined : progressOf(row.rereading),
  };
}

function progressOf({ from, next, began_at: beganAt, ...counts }: Rereading): RereadProgress {
  return { ...counts, from: new Date(from), next: new Date(next), beganAt: new Date(beganAt) };
}

/** The stored rows of a range, and the balances that the account may have had right before it, as far as the rows there tell. */
export async function readKnownRows(
  db: Kysely<Database>,
  account: string,
  range: Range,
): Promise<{ rows: KnownRow[]; balancesBefore: ReadonlySet<bigint> | undefined }> {
  const rows = await db
    .selectFrom('statement_row')
    .select(['occurred_at', 'direction', 'amount', 'balance_after', 'text'])
    .where('account', '=', account)
    .where('occurred_at', '>=', range.from)
    .where('occurred_at', '<=', range.to)
    .execute();
  const latest = await db
    .selectFrom('statement_row')
    .select(TRAIL_COLUMNS)
    .where('account', '=', account)
    .where('occurred_at', '<', range.from)
    .orderBy('occurred_at', 'desc')
    .limit(ROWS_AT_SEAM)
    .execute();
  return {
    rows: rows.map((row) => ({
      occurredAt: row.occurred_at,
      direction: row.direction,
      amount: row.amount as KnownRow['amount'],
      balanceAfter: row.balance_after as KnownRow['balanceAfter'],
      text: row.text,
    })),
    balancesBefore: balancesAfter(latest.map(timedRowOf).reverse(), latest.length === ROWS_AT_SEAM),
  };
}

const TRAIL_COLUMNS = ['occurred_at', 'direction', 'amount', 'balance_after', 'possible_duplicate'] as const;

function timedRowOf(row: {
  readonly occurred_at: Date;
  readonly direction: 'in' | 'out';
  readonly amount: bigint;
  readonly balance_after: bigint;
  readonly possible_duplicate: boolean;
}): TimedRow {
  return {
    occurredAt: row.occurred_at,
    direction: row.direction,
    amount: row.amount,
    balanceAfter: row.balance_after,
    possibleDuplicate: row.possible_duplicate,
  };
}

/** The balances with which rows may end, as far as they tell: oldest first, and where `isCut`, not the whole of their first second. */
function balancesAfter(rows: readonly TimedRow[], isCut: boolean): ReadonlySet<bigint> | undefined {
  const seconds = bySecond(rows);
  const joined = joinTrails((isCut ? seconds.slice(1) : seconds).map(trailsOfRows), undefined);
  return endsOfAll(joined.at(-1)?.trails ?? []);
}

/** An account's first stored rows, booked or not, in time's order, those of a second in the order in which they were stored: whole seconds of them. */
export async function readFirstRows(trx: Transaction<Database>, account: string): Promise<TimedRow[]> {
  const inOrder = trx
    .selectFrom('statement_row')
    .select(TRAIL_COLUMNS)
    .where('account', '=', account)
    .orderBy('occurred_at')
    .orderBy('row_id');
  const rows = await inOrder.limit(ROWS_AT_SEAM).execute();
  const [first, last] = [rows[0]?.occurred_at, rows.at(-1)?.occurred_at];
  if (first === undefined || last === undefined || rows.length < ROWS_AT_SEAM) return rows.map(timedRowOf);
  if (first.getTime() < last.getTime()) return rows.filter((row) => row.occurred_at < last).map(timedRowOf);
  return (await inOrder.where('occurred_at', '=', first).execute()).map(timedRowOf);
}

/** Stores rows that a read showed for the first time, in the read's order, so that their ids follow it. */
export async function insertFreshRows(
  trx: Transaction<Database>,
  account: string,
  fresh: readonly FreshRow[],
  now: Date,
): Promise<void> {
  if (fresh.length === 0) return;
  const rows = fresh.map(({ row, ordinal, possibleDuplicate }, n) => ({
    n,
    occurred_at: row.occurredAt,
    direction: row.direction,
    amount: row.amount,
    balance_after: row.balanceAfter,
    text: row.text,
    kind: row.kind,
    branch: row.branch,
    ordinal,
    possible_duplicate: possibleDuplicate,
  }));
  const columns =
    'n integer, occurred_at timestamptz, direction text, amount bigint, balance_after bigint, text text, kind text, branch text, ordinal integer, possible_duplicate boolean';
  const inserted = await sql`
    insert into statement_row (account, occurred_at, direction, amount, balance_after, text, kind, branch, ordinal, possible_duplicate, collected_at)
    select ${account}, occurred_at, direction, amount, balance_after, text, kind, branch, ordinal, possible_duplicate, ${now}
    from ${recordset('r', columns, rows)}
    order by n`.execute(trx);
  assertRows('statement rows stored', Number(inserted.numAffectedRows), fresh.length);
}

/**
 * Moves the cursor over what was read to its last page, never back; the reading goes on there if it breaks off, and remembers what its balances showed up
 * to there.
 */
export async function advanceCursor(
  trx: Transaction<Database>,
  account: string,
  readThrough: Date,
  chain: IdentifiedRead['chain'],
): Promise<void> {
  await trx
    .updateTable('collect_cursor')
    .set({
      read_through: sql<Date>`greatest(read_through, ${readThrough})`,
      resume_at: new Date(readThrough.getTime() + 1000),
      resume_chain: chain,
    })
    .where('account', '=', account)
    .execute();
}

/** The reading has come to its end: the next one goes back over the overlap again. */
export async function endReading(trx: Transaction<Database>, account: string): Promise<void> {
  await trx
    .updateTable('collect_cursor')
    .set({ resume_at: null, resume_chain: null })
    .where('account', '=', account)
    .execute();
}

/** Keeps how far a reading again has come, so that the next cycle goes on there. */
export async function keepRereading(
  trx: Transaction<Database>,
  account: string,
  { from, next, beganAt, ...counts }: RereadProgress,
): Promise<void> {
  const rereading: Rereading = {
    ...counts,
    from: from.toISOString(),
    next: next.toISOString(),
    began_at: beganAt.toISOString(),
  };
  await trx
    .updateTable('collect_cursor')
    .set({ rereading: JSON.stringify(rereading) })
    .where('account', '=', account)
    .execute();
}

/** The days before a KST date and it were read again to the end. */
export async function endRereading(
  trx: Transaction<Database>,
  account: string,
  rereadOn: string,
): Promise<void> {
  await trx
    .updateTable('collect_cursor')
    .set({ rereading: null, reread_on: rereadOn })
    .where('account', '=', account)
    .execute();
}

/** Says that a range was read to its last page, each second of it at `beganAt` or later. */
export async function insertRead(
  trx: Transaction<Database>,
  account: string,
  covered: Range,
  beganAt: Date,
  counts: ReadCounts,
): Promise<void> {
  await trx
    .insertInto('statement_read')
    .values({
      account,
      covers_from: covered.from,
      covers_to: covered.to,
      began_at: beganAt,
      rows: counts.rows,
      fresh_rows: counts.fresh,
      repeated_rows: counts.repeated,
      chain: counts.chain,
    })
    .execute();
}
