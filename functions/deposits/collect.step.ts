import type { Bank, BankRefusal, Exchange, StatementRow } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import { kstDate, kstMidnight } from '../bank/kst.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { halve, planRead, splitBefore, splitByDate, type Range } from './read-plan.ts';
import { identifyRows, type IdentifiedRead } from './row-identity.ts';
import { advanceCursor, insertFreshRows, readKnownRows, readOrBeginCursor } from './statement.repository.ts';

/** A range that takes more pages than this is split, so that a long backlog is stored piece by piece: 5,000 rows. */
const PAGES_MAX = 200;

export type CollectOutcome =
  | { readonly outcome: 'complete'; readonly fresh: number }
  | { readonly outcome: 'out_of_time'; readonly fresh: number }
  | { readonly outcome: 'refused'; readonly fresh: number; readonly refusal: BankRefusal };

/**
 * Reads an account's statement and stores each row once. What was read is stored range by range, each to its last page, so that a cycle that
 * runs out of time, or a bank that stops answering, leaves a cursor from which the next cycle goes on. New rows come first: reading earlier days
 * again can take longer than a cycle has, and must never keep a deposit waiting.
 *
 * @param proveSince the oldest KST date that a proof of a transfer's absence needs; the read then covers it.
 */
export async function collect(
  context: CycleContext,
  account: string,
  proveSince?: string,
): Promise<CollectOutcome> {
  const { db, now, token } = context;
  const cursor = await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    return await readOrBeginCursor(trx, account, kstMidnight(kstDate(now)));
  });
  const plan = planRead(cursor, now, proveSince);
  if (plan === undefined) return { outcome: 'complete', fresh: 0 };

  const totals: Totals = { rows: 0, fresh: 0, repeated: 0, chain: 'whole' };
  const recent = await readAndStore(context, account, plan.recent, totals);
  if (recent.outcome !== 'complete') return { ...recent, fresh: totals.fresh };
  const earlier =
    plan.earlier === undefined ? recent : await readAndStore(context, account, plan.earlier, totals);
  const again = earlier.outcome === 'complete';
  const covered = again && plan.earlier ? { from: plan.earlier.from, to: plan.recent.to } : plan.recent;
  await recordCompleteRead(context, account, covered, again, totals);
  return earlier.outcome === 'refused'
    ? { ...earlier, fresh: totals.fresh }
    : { outcome: 'complete', fresh: totals.fresh };
}

interface Totals {
  rows: number;
  fresh: number;
  repeated: number;
  chain: IdentifiedRead['chain'];
}

type Stored = { readonly outcome: 'complete' | 'out_of_time' } | Refused;

interface Refused {
  readonly outcome: 'refused';
  readonly refusal: BankRefusal;
}

/** Reads a range, oldest first, and stores it part by part; `totals` counts what is stored, also when the rest is not reached. */
async function readAndStore(
  context: CycleContext,
  account: string,
  whole: Range,
  totals: Totals,
): Promise<Stored> {
  const waiting = splitByDate(whole);
  for (let range = waiting.shift(); range !== undefined; range = waiting.shift()) {
    const read = await readRange(context, account, range);
    if (read.outcome === 'too_long') {
      waiting.unshift(...read.parts);
      continue;
    }
    if (read.outcome !== 'complete') return read;
    const identified = await storeRange(context, account, range, read);
    totals.rows += read.rows.length;
    totals.fresh += identified.fresh.length;
    totals.repeated += identified.repeated;
    if (identified.chain !== 'whole' && totals.chain !== 'broken') totals.chain = identified.chain;
  }
  return { outcome: 'complete' };
}

type RangeRead =
  | {
      readonly outcome: 'complete';
      readonly rows: readonly StatementRow[];
      readonly exchanges: readonly Exchange[];
    }
  | { readonly outcome: 'too_long'; readonly parts: readonly Range[] }
  | { readonly outcome: 'out_of_time' }
  | Refused;

/** Reads every page of a range. Half a range is worth nothing: ordinals among equal rows need all of it. */
async function readRange(
  { bank, hasTime }: Pick<CycleContext, 'bank' | 'hasTime'>,
  account: string,
  range: Range,
): Promise<RangeRead> {
  const rows: StatementRow[] = [];
  const exchanges: Exchange[] = [];
  let page: string | undefined;
  do {
    if (!hasTime()) return { outcome: 'out_of_time' };
    if (exchanges.length >= PAGES_MAX) {
      const parts = partsOf(range, rows);
      if (parts.length > 1) return { outcome: 'too_long', parts };
    }
    const answer: Awaited<ReturnType<Bank['listTransactions']>> = await bank.listTransactions({
      account,
      ...range,
      ...(page === undefined ? {} : { page }),
    });
    if (answer.outcome === 'refused') return { outcome: 'refused', refusal: answer };
    // A bank that answers whole days shows rows that belong to another range; there they are read, and known, completely.
    rows.push(...answer.rows.filter((row) => row.occurredAt >= range.from && row.occurredAt <= range.to));
    exchanges.push(answer.exchange);
    page = answer.nextPage;
  } while (page !== undefined);
  return { outcome: 'complete', rows, exchanges };
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

async function storeRange(
  { db, vault, token, now, log }: CycleContext,
  account: string,
  range: Range,
  read: { rows: readonly StatementRow[]; exchanges: readonly Exchange[] },
): Promise<IdentifiedRead> {
  const known = await readKnownRows(db, account, range);
  const identified = identifyRows(read.rows, known.rows, known.balanceBefore);
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await insertFreshRows(trx, account, identified.fresh, now);
    await journal(
      trx,
      vault,
      read.exchanges.map((exchange) => ({ exchange, part: 'exchange' })),
    );
    await advanceCursor(trx, account, range.to);
  });
  if (identified.chain === 'broken') {
    log.warn('the balances of a statement range form no chain: a row may be late', {
      from: range.from,
      to: range.to,
    });
  }
  return identified;
}

async function recordCompleteRead(
  { db, token, now }: CycleContext,
  account: string,
  covered: Range,
  again: boolean,
  totals: Totals,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await trx
      .insertInto('statement_read')
      .values({
        account,
        covers_from: covered.from,
        covers_to: covered.to,
        began_at: now,
        rows: totals.rows,
        fresh_rows: totals.fresh,
        repeated_rows: totals.repeated,
        chain: totals.chain,
      })
      .execute();
    if (!again) return;
    await trx
      .updateTable('collect_cursor')
      .set({ reread_on: kstDate(now) })
      .where('account', '=', account)
      .execute();
  });
}
