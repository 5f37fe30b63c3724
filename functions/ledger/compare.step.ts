import type { Kysely } from 'kysely';
import type { CycleContext, CycleLog } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import type { Trx } from '../shared/postgres.ts';
import { haltAndSayOnce } from '../transfers/stops.repository.ts';
import {
  compareDeposits,
  compareItems,
  compareOrders,
  compareTotals,
  compareTransfers,
  insertComparison,
  lastPostingId,
  readLastEqual,
  readMarks,
  readNextIds,
  readTouched,
  strayPostings,
  type KeptComparison,
  type Subjects,
} from './compare.repository.ts';
import { nameDifferences, type Difference } from './difference.ts';

/** Ids a statement, and the most of one kind that a cycle looks at. */
const PAGE = 5_000;
const TOUCHED_MAX = 100_000;
/** Postings a statement where strays are looked for. */
const POSTINGS_A_PAGE = 200_000n;

const NOTHING: Subjects = { orders: [], deposits: [], transfers: [] };

/** How many of each were compared. */
export type Counts = Readonly<Record<keyof Subjects, number>>;

export type Comparison =
  | { readonly outcome: 'compared'; readonly differences: readonly Difference[] }
  /** There was no time for all of it: nothing is kept, and the next comparison begins where this one did. */
  | { readonly outcome: 'out_of_time' };

/**
 * Compares orders, deposits and transfers with the ledger, as far as they may have changed since the last comparison that found no difference. Each row
 * is read with its postings in one statement, and whoever changes the one posts the other in one transaction: what differs differs, whatever is under way,
 * and halts payouts at once.
 */
export async function compareTouched(context: CycleContext): Promise<Comparison> {
  const { db, now, token, hasTime, log } = context;
  const marks = await readMarks(db);
  const since = await readLastEqual(db);
  const touched = await readTouched(db, since, TOUCHED_MAX);
  const differences: Difference[] = [];
  for (const page of pagesOf(touched)) {
    if (!hasTime()) return { outcome: 'out_of_time' };
    differences.push(...(await comparePage(db, page)));
  }
  differences.push(
    ...(await strays(db, since?.marks.postings ?? 0n)),
    ...(await db.transaction().setIsolationLevel('repeatable read').execute(compareTotals)),
  );
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await keep(trx, { scope: 'touched', at: now, marks, differences, compared: countsOf(touched) });
  });
  logDifferences(log, differences);
  return { outcome: 'compared', differences };
}

/**
 * Compares everything there is, once a day: also what no cycle has touched. It is no part of a cycle and holds no lease; it writes what it found, and
 * halts payouts if that is a difference.
 */
export async function compareWhole(context: {
  readonly db: Kysely<Database>;
  readonly now: Date;
  readonly hasTime: () => boolean;
  readonly log: CycleLog;
}): Promise<Comparison> {
  const { db, now, hasTime, log } = context;
  const marks = await readMarks(db);
  const found = await findDifferences(db, hasTime);
  if (found === undefined) return { outcome: 'out_of_time' };
  const { differences } = found;
  await db
    .transaction()
    .execute(async (trx) => await keep(trx, { scope: 'whole', at: now, marks, ...found }));
  logDifferences(log, differences);
  return { outcome: 'compared', differences };
}

/** Looks for differences in everything there is, and writes nothing; no answer when the time was out before the end. */
export async function findDifferences(
  db: Kysely<Database>,
  hasTime: () => boolean = () => true,
): Promise<{ readonly differences: Difference[]; readonly compared: Counts } | undefined> {
  const differences: Difference[] = [];
  const compared = { orders: 0, deposits: 0, transfers: 0 };
  for (const subject of ['orders', 'deposits', 'transfers'] as const) {
    for (let after = 0n; ;) {
      if (!hasTime()) return undefined;
      const ids = await readNextIds(db, subject, after, PAGE);
      const last = ids.at(-1);
      if (last === undefined) break;
      differences.push(...(await comparePage(db, { ...NOTHING, [subject]: ids })));
      compared[subject] += ids.length;
      after = last;
    }
  }
  differences.push(
    ...(await strays(db, 0n)),
    ...(await db.transaction().setIsolationLevel('repeatable read').execute(compareTotals)),
  );
  return { differences, compared };
}

function* pagesOf(subjects: Subjects): Generator<Subjects> {
  const longest = Math.max(subjects.orders.length, subjects.deposits.length, subjects.transfers.length);
  for (let start = 0; start < longest; start += PAGE) {
    const page = (ids: readonly bigint[]) => ids.slice(start, start + PAGE);
    yield {
      orders: page(subjects.orders),
      deposits: page(subjects.deposits),
      transfers: page(subjects.transfers),
    };
  }
}

async function comparePage(db: Kysely<Database>, ids: Subjects): Promise<Difference[]> {
  const some = async (compared: readonly bigint[], compare: typeof compareOrders) =>
    compared.length === 0 ? [] : await compare(db, compared);
  return [
    ...(await some(ids.orders, compareOrders)),
    ...(await some(ids.deposits, compareDeposits)),
    ...(await some(ids.transfers, compareTransfers)),
    ...(await some(ids.transfers, compareItems)),
  ];
}

async function strays(db: Kysely<Database>, after: bigint): Promise<Difference[]> {
  const last = await lastPostingId(db);
  const found: Difference[] = [];
  for (let from = after; from < last; from += POSTINGS_A_PAGE) {
    found.push(...(await strayPostings(db, from, from + POSTINGS_A_PAGE)));
  }
  return found;
}

function countsOf({ orders, deposits, transfers }: Subjects): Counts {
  return { orders: orders.length, deposits: deposits.length, transfers: transfers.length };
}

async function keep(
  trx: Trx<Database>,
  found: Pick<KeptComparison, 'scope' | 'at' | 'marks'> & {
    readonly differences: readonly Difference[];
    readonly compared: Counts;
  },
): Promise<void> {
  const { scope, at, marks, differences, compared } = found;
  const named = nameDifferences(differences);
  const count = differences.length;
  await insertComparison(trx, {
    scope,
    at,
    marks,
    differences: count,
    detail: { compared, differences: named },
  });
  if (count === 0) return;
  const reason = `orders and ledger differ in ${count} ${count === 1 ? 'place' : 'places'}, first in ${named[0] ?? ''}`;
  await haltAndSayOnce(trx, 'books_differ', reason, { count, differences: named }, at);
}

function logDifferences(log: CycleLog, differences: readonly Difference[]): void {
  const count = differences.length;
  if (count > 0)
    log.error('orders and ledger differ; payouts are halted', {
      count,
      differences: nameDifferences(differences),
    });
}
