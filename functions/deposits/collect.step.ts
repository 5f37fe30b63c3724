import type { Transaction } from 'kysely';
import type { Bank, BankRefusal, Exchange, StatementRow } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import { kstDate } from '../bank/kst.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import {
  halve,
  planBeginning,
  planRead,
  planReread,
  splitBefore,
  splitByDate,
  type Range,
} from './read-plan.ts';
import { identifyRows, type IdentifiedRead } from './row-identity.ts';
import {
  advanceCursor,
  beginCursor,
  endReading,
  endRereading,
  findCursor,
  insertFreshRows,
  insertRead,
  keepRereading,
  readCursor,
  readKnownRows,
  readFirstOrderAt,
  type ReadCounts,
  type RereadProgress,
} from './statement.repository.ts';

/** A range that takes more pages than this is split, so that a long backlog is stored piece by piece: 5,000 rows. */
const PAGES_MAX = 200;

/** A range that was read to its last page, and what the read showed. */
export interface CompleteRead extends ReadCounts {
  readonly range: Range;
}

export type CollectOutcome =
  /** `read` is absent when no second has passed since the account's beginning. */
  | { readonly outcome: 'complete'; readonly fresh: number; readonly read?: CompleteRead }
  | { readonly outcome: 'out_of_time'; readonly fresh: number }
  | { readonly outcome: 'refused'; readonly fresh: number; readonly refusal: BankRefusal };

/**
 * Reads what is new on an account's statement and stores each row once. What was read is stored part by part, so that a cycle that runs out of
 * time, or a bank that stops answering, leaves a cursor from which the next cycle goes on. A reading in several cycles is as whole as its parts: a gap of the
 * balances in an earlier one is a gap of the read.
 */
export async function collect(context: CycleContext, account: string): Promise<CollectOutcome> {
  const { db, now, token } = context;
  const cursor = await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const known = await findCursor(trx, account);
    return known ?? (await beginCursor(trx, account, planBeginning(now, await readFirstOrderAt(trx))));
  });
  const range = planRead(cursor, now);
  if (range === undefined) return { outcome: 'complete', fresh: 0 };

  const before = { ...NOTHING_READ, chain: cursor.resumeChain };
  const stored = await readAndStore(context, account, range, before, async (trx, readThrough, { chain }) => {
    await advanceCursor(trx, account, readThrough, chain);
  });
  const { counts, end } = stored;
  if (end.outcome !== 'complete') return { ...end, fresh: counts.fresh };
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await insertRead(trx, account, range, now, counts);
    await endReading(trx, account);
  });
  return { outcome: 'complete', fresh: counts.fresh, read: { ...counts, range } };
}

/**
 * Reads earlier days again, for rows that have shown up late and for proofs of absence, and stores what is new in them. It can take longer than
 * a cycle has: how far it has come is kept, and the next cycle goes on there. Once the whole of it joins what this cycle has read, the read
 * is said to be complete, as of the first cycle that read for it; nothing less proves that a transfer is absent.
 *
 * @param recent what this cycle has read of what is new.
 * @param proveSince the oldest KST date that a proof of a transfer's absence needs; a reading under way is brought to its end first.
 */
export async function rereadEarlier(
  context: CycleContext,
  account: string,
  recent: CompleteRead,
  proveSince?: string,
): Promise<CollectOutcome> {
  const { db, now, token } = context;
  const cursor = await readCursor(db, account);
  const run = cursor.rereading ?? beginRun(planReread(cursor, recent.range.from, now, proveSince), now);
  if (run === undefined) {
    if (cursor.rereadOn !== kstDate(now)) await recordRereading(context, account, kstDate(now));
    return { outcome: 'complete', fresh: 0 };
  }
  const rest = { from: run.next, to: new Date(recent.range.from.getTime() - 1000) };
  const { counts, end } = await readAndStore(context, account, rest, run, async (trx, readThrough, sofar) => {
    const next = new Date(readThrough.getTime() + 1000);
    await keepRereading(trx, account, { ...sofar, from: run.from, next, beganAt: run.beganAt });
  });
  const fresh = counts.fresh - run.fresh;
  if (end.outcome !== 'complete') return { ...end, fresh };
  const whole = { from: run.from, to: recent.range.to };
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await insertRead(trx, account, whole, run.beganAt, addCounts(counts, recent));
    await endRereading(trx, account, kstDate(run.beganAt));
  });
  return { outcome: 'complete', fresh };
}

function beginRun(range: Range | undefined, now: Date): RereadProgress | undefined {
  return range && { ...NOTHING_READ, from: range.from, next: range.from, beganAt: now };
}

async function recordRereading(
  { db, token }: CycleContext,
  account: string,
  rereadOn: string,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await endRereading(trx, account, rereadOn);
  });
}

const NOTHING_READ: ReadCounts = { rows: 0, fresh: 0, repeated: 0, chain: 'whole' };

function addCounts(one: ReadCounts, other: ReadCounts): ReadCounts {
  const chains = [one.chain, other.chain];
  return {
    rows: one.rows + other.rows,
    fresh: one.fresh + other.fresh,
    repeated: one.repeated + other.repeated,
    chain: chains.includes('broken') ? 'broken' : chains.includes('mended') ? 'mended' : 'whole',
  };
}

type End =
  | { readonly outcome: 'complete' | 'out_of_time' }
  | { readonly outcome: 'refused'; readonly refusal: BankRefusal };

/** Called in the transaction that stores a part, with its last second and what was counted up to there. */
type Keep = (trx: Transaction<Database>, readThrough: Date, counts: ReadCounts) => Promise<void>;

/** Reads a range, oldest first, and stores it part by part; counts what is stored, also when the rest is not reached. */
async function readAndStore(
  context: CycleContext,
  account: string,
  whole: Range,
  before: ReadCounts,
  keep: Keep,
): Promise<{ counts: ReadCounts; end: End }> {
  let counts = before;
  const waiting = splitByDate(whole);
  for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
    const read = await readRange(context, account, range);
    const part = read.end === 'too_long' ? undefined : storablePart(range, read);
    if (part === undefined) {
      await journalOnly(context, read.exchanges);
    } else {
      counts = await storePart(context, account, part, read, counts, keep);
    }
    if (read.end === 'too_long') waiting.unshift(...partsOf(range, read.rows));
    else if (read.end === 'out_of_time') return { counts, end: { outcome: 'out_of_time' } };
    else if (read.end !== 'complete') return { counts, end: { outcome: 'refused', refusal: read.end } };
  }
  return { counts, end: { outcome: 'complete' } };
}

interface RangeRead {
  readonly end: 'complete' | 'too_long' | 'out_of_time' | BankRefusal;
  readonly rows: readonly StatementRow[];
  readonly exchanges: readonly Exchange[];
}

/** Reads the pages of a range, to the last one if it can. */
async function readRange(
  { bank, hasTime }: Pick<CycleContext, 'bank' | 'hasTime'>,
  account: string,
  range: Range,
): Promise<RangeRead> {
  const rows: StatementRow[] = [];
  const exchanges: Exchange[] = [];
  const asked = new Set<string>();
  let page: string | undefined;
  do {
    if (!hasTime()) return { end: 'out_of_time', rows, exchanges };
    if (exchanges.length >= PAGES_MAX && partsOf(range, rows).length > 1)
      return { end: 'too_long', rows, exchanges };
    const answer: Awaited<ReturnType<Bank['listTransactions']>> = await bank.listTransactions({
      account,
      ...range,
      ...(page === undefined ? {} : { page }),
    });
    exchanges.push(answer.exchange);
    if (answer.outcome === 'refused') return { end: answer, rows, exchanges };
    // A bank that answers whole days shows rows that belong to another range; there they are read, and known, completely.
    rows.push(...answer.rows.filter((row) => row.occurredAt >= range.from && row.occurredAt <= range.to));
    page = answer.nextPage;
    if (page !== undefined && asked.has(page)) {
      return { end: leadsInACircle(answer.exchange), rows, exchanges };
    }
    if (page !== undefined) asked.add(page);
  } while (page !== undefined);
  return { end: 'complete', rows, exchanges };
}

function leadsInACircle(exchange: Exchange): BankRefusal {
  const detail = 'the page that follows is one that was read before';
  return { outcome: 'refused', cause: 'unavailable', detail, exchange };
}

/**
 * The part of a range of which every row was read. Pages come in time's order: where a read breaks off, that is what lies before the last
 * row's second, since ordinals among equal rows need the whole second. A row that a bank shows out of order, behind that, leaves a gap in the
 * balances: the chain is broken, and such a read proves no absence.
 */
function storablePart(range: Range, { end, rows }: RangeRead): Range | undefined {
  if (end === 'complete') return range;
  const last = rows.at(-1);
  const parts = last === undefined ? [] : splitBefore(range, last.occurredAt);
  return parts.length > 1 ? parts[0] : undefined;
}

/**
 * Splits a range that is too long where the reading has come to, so that its first part is surely read in the pages that it may take; in the
 * middle, where the rows read do not tell.
 */
function partsOf(range: Range, rows: readonly StatementRow[]): Range[] {
  const last = rows.at(-1);
  const parts = last === undefined ? [range] : splitBefore(range, last.occurredAt);
  return parts.length > 1 ? parts : halve(range);
}

async function storePart(
  { db, vault, token, now, log }: CycleContext,
  account: string,
  part: Range,
  read: RangeRead,
  before: ReadCounts,
  keep: Keep,
): Promise<ReadCounts> {
  const rows = read.rows.filter((row) => row.occurredAt <= part.to);
  const known = await readKnownRows(db, account, part);
  const identified: IdentifiedRead = identifyRows(rows, known.rows, known.balancesBefore);
  const counts = addCounts(before, {
    rows: rows.length,
    fresh: identified.fresh.length,
    repeated: identified.repeated,
    chain: identified.chain,
  });
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await insertFreshRows(trx, account, identified.fresh, now);
    await journal(trx, vault, questions(read.exchanges));
    await keep(trx, part.to, counts);
  });
  if (identified.chain === 'broken') {
    log.warn('the balances of a statement range form no chain: a row may be late', {
      from: part.from,
      to: part.to,
    });
  }
  return counts;
}

/** Keeps what was asked and answered where nothing of it can be stored otherwise. */
async function journalOnly(
  { db, vault, token }: CycleContext,
  exchanges: readonly Exchange[],
): Promise<void> {
  if (exchanges.length === 0) return;
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await journal(trx, vault, questions(exchanges));
  });
}

function questions(exchanges: readonly Exchange[]) {
  return exchanges.map((exchange) => ({ exchange, part: 'exchange' as const }));
}
