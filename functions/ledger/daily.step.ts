import type { Kysely } from 'kysely';
import type { CycleLog } from '../cycle/cycle-context.ts';
import type { Database } from '../database.ts';
import { haltAndSayOnce, raiseAlarm } from '../transfers/stops.repository.ts';
import { readLastClose } from './close.repository.ts';
import { closeDays } from './close.step.ts';
import { compareWhole } from './compare.step.ts';
import type { HeadArchive, KeepOutcome } from './head-archive.ts';
import { verifyLedger, type Verification } from './verify.step.ts';

export interface DailyContext {
  readonly db: Kysely<Database>;
  /** Nothing where heads are kept nowhere but in the database. */
  readonly archive: HeadArchive | undefined;
  readonly now: Date;
  /** Whether there is time to begin another page. */
  readonly hasTime: () => boolean;
  readonly log: CycleLog;
}

/** What the daily check found. Ids are text. */
export interface DailyResult {
  /** `broken`: the ledger is not what it was; `different`: orders and ledger differ. Either halts payouts. */
  readonly ended: 'sound' | 'broken' | 'different' | 'out_of_time';
  readonly entries: number;
  readonly head_hash: string;
  readonly first_broken: {
    readonly position: string | null;
    readonly posting_id: string | null;
    readonly what: string;
  } | null;
  readonly unsealed: number;
  /** The days that were closed, `YYYY-MM-DD`. */
  readonly closed: readonly string[];
  readonly archived: KeepOutcome | 'nothing_to_keep' | 'no_archive';
  /** Null when the comparison was not done. */
  readonly book_differences: number | null;
  readonly ms: number;
}

/**
 * What is done once a day: replays the whole ledger, closes the days that are over, keeps the chain's head where the database's owner cannot rewrite it, and
 * compares all orders, deposits and transfers with the ledger. A broken ledger is neither closed nor archived. It can run again at any time.
 */
export async function checkDaily(context: DailyContext): Promise<DailyResult> {
  const { db, archive, now, hasTime, log } = context;
  const began = performance.now();
  const verification = await verifyLedger(db, await archive?.latest(), hasTime);
  const { firstBroken } = verification;
  if (firstBroken !== undefined) await haltOnBroken(context, verification);
  let closed: readonly string[] = [];
  let archived: DailyResult['archived'] = archive === undefined ? 'no_archive' : 'nothing_to_keep';
  if (verification.ok) {
    closed = await closeDays(db, now);
    if (archive !== undefined) archived = await keepHead(context, archive);
  }
  const compared = await compareWhole({ db, now, hasTime, log });
  const outOfTime = !verification.whole || compared.outcome === 'out_of_time';
  if (outOfTime) await sayUnfinished(context, verification);
  const differences = compared.outcome === 'compared' ? compared.differences.length : null;
  return {
    ended:
      firstBroken !== undefined || archived === 'exists_with_another_head'
        ? 'broken'
        : (differences ?? 0) > 0
          ? 'different'
          : outOfTime
            ? 'out_of_time'
            : 'sound',
    entries: verification.entries,
    head_hash: verification.headHash,
    first_broken: toText(firstBroken),
    unsealed: verification.unsealed,
    closed,
    archived,
    book_differences: differences,
    ms: Math.round(performance.now() - began),
  };
}

function toText(broken: Verification['firstBroken']): DailyResult['first_broken'] {
  if (broken === undefined) return null;
  const { position, postingId, what } = broken;
  return { position: position?.toString() ?? null, posting_id: postingId?.toString() ?? null, what };
}

async function haltOnBroken(
  { db, now, log }: DailyContext,
  { firstBroken, entries }: Verification,
): Promise<void> {
  const broken = toText(firstBroken);
  const position = broken?.position ?? undefined;
  const where = position === undefined ? '' : ` at position ${position}`;
  const reason = `the ledger is not what it was${where}: ${broken?.what ?? ''}`;
  await db
    .transaction()
    .execute(async (trx) => await haltAndSayOnce(trx, 'ledger_broken', reason, { ...broken }, now));
  log.error('the ledger is broken; payouts are halted', { ...broken, entries });
}

/** Keeps the head of the last close; one that is kept for that day already must be the same. */
async function keepHead(
  { db, now, log }: DailyContext,
  archive: HeadArchive,
): Promise<DailyResult['archived']> {
  const head = await readLastClose(db);
  if (head === undefined) return 'nothing_to_keep';
  const outcome = await archive.keep(head);
  if (outcome === 'exists_with_another_head') {
    const { businessDate, position } = head;
    const reason = `the close of ${businessDate} has another head than the one that is archived`;
    await db
      .transaction()
      .execute(async (trx) => await haltAndSayOnce(trx, 'ledger_broken', reason, { position }, now));
    log.error('the archived head is another; payouts are halted', {
      businessDate,
      position: position.toString(),
    });
  }
  return outcome;
}

/** A check that does not come to its end proves nothing: somebody has to give it more time. */
async function sayUnfinished(
  { db, now, log }: DailyContext,
  { entries, whole }: Verification,
): Promise<void> {
  const detail = { entries, replayed: whole };
  await db.transaction().execute(async (trx) => await raiseAlarm(trx, 'daily_check_unfinished', detail, now));
  log.error('the daily check had no time for all of it', detail);
}
