import { balanceBefore } from '../bank/balance-before.ts';
import type { StatementRow } from '../bank/bank.ts';
import {
  joinTrails,
  lengthOf,
  mostWithGaps,
  orderOf,
  trailsOf,
  type JoinedSecond,
  type Step,
  type Trail,
} from './balance-trails.ts';

/** What of a stored row its identity is made of. */
export type KnownRow = Pick<StatementRow, 'occurredAt' | 'direction' | 'amount' | 'balanceAfter' | 'text'>;

export interface FreshRow {
  readonly row: StatementRow;
  /** Which one it is among rows that are equal in everything, from 1. */
  readonly ordinal: number;
  /** Another row agrees with it in time, direction and amount, and the balances do not tell whether it is a row of its own. */
  readonly possibleDuplicate: boolean;
}

export interface IdentifiedRead {
  /** In time's order; rows of one second in the order of their balances, where these tell it. */
  readonly fresh: readonly FreshRow[];
  /** Rows that the balances prove to be repetitions of others: a page that overlaps, or a stored row whose text has changed. */
  readonly repeated: number;
  /** Whether the rows that remain form one chain of balances; `mended` when repetitions had to be dropped for it. */
  readonly chain: 'whole' | 'mended' | 'broken';
}

/**
 * Tells which rows of a complete read are new. The bank gives rows no id (KFTC Open Banking v2.0 transaction list), so a row is known by all
 * that it says, and equal ones by their ordinal: the same second can hold +1, −1, +1.
 *
 * A row is in doubt when another one, stored or read, has its time, direction and amount. Then the balances decide, second by second: true
 * rows lead, each once, from the balance at which the second before ends to the one at which the next begins. What they leave undecided is
 * called a possible duplicate, so that it is never matched by itself.
 *
 * @param balancesBefore the balances that the account may have had right before the read's range; nothing where that is not known.
 */
export function identifyRows(
  read: readonly StatementRow[],
  stored: readonly KnownRow[],
  balancesBefore?: ReadonlySet<bigint>,
): IdentifiedRead {
  const seconds = secondsOf(read, stored);
  const joined = joinTrails(
    seconds.map((second) => trailsOf(second.steps)),
    balancesBefore,
  );
  const fresh: FreshRow[] = [];
  let repeated = 0;
  let broken = false;
  for (const [index, second] of seconds.entries()) {
    const here = joined[index] ?? { trails: [], joined: false };
    const next = joined[index + 1];
    const gapAfter = next !== undefined && next.trails.length > 0 && !next.joined;
    if (here.trails.length === 0 || !here.joined) broken = true;
    const judged = judgeSecond(second, here, gapAfter);
    fresh.push(...judged.fresh);
    repeated += judged.repeated;
  }
  return { fresh, repeated, chain: broken ? 'broken' : repeated > 0 ? 'mended' : 'whole' };
}

/** The rows of one step: those stored, and those read beyond them. */
interface StepRows extends Step {
  /** Direction and amount, by which rows of one second are alike. */
  readonly likeness: string;
  readonly stored: number;
  readonly unseen: readonly StatementRow[];
}

interface Second {
  readonly steps: readonly StepRows[];
  /** The second's rows in the order in which the bank showed them. */
  readonly read: readonly StatementRow[];
  /** How many stored rows there are of each identity. */
  readonly ordinals: ReadonlyMap<string, number>;
}

function secondsOf(read: readonly StatementRow[], stored: readonly KnownRow[]): Second[] {
  const readBySecond = Map.groupBy(read, timeOf);
  const storedBySecond = Map.groupBy(stored, timeOf);
  const times = [...new Set([...readBySecond.keys(), ...storedBySecond.keys()])].sort((a, b) => a - b);
  return times.map((time) => secondOf(readBySecond.get(time) ?? [], storedBySecond.get(time) ?? []));
}

function secondOf(read: readonly StatementRow[], stored: readonly KnownRow[]): Second {
  const ordinals = countBy(stored, identityOf);
  const notShown = new Map(ordinals);
  const unseen = read.filter((row) => {
    const identity = identityOf(row);
    const left = notShown.get(identity) ?? 0;
    notShown.set(identity, left - 1);
    return left <= 0;
  });
  const storedByStep = countBy(stored, stepOf);
  const unseenByStep = Map.groupBy(unseen, stepOf);
  const examples = new Map<string, KnownRow>([...stored, ...read].map((row) => [stepOf(row), row]));
  const steps = [...examples].map(([key, row]) => {
    const storedRows = storedByStep.get(key) ?? 0;
    const unseenRows = unseenByStep.get(key) ?? [];
    return {
      from: balanceBefore(row),
      to: row.balanceAfter,
      least: Math.max(storedRows, 1),
      most: storedRows + unseenRows.length,
      likeness: likenessOf(row),
      stored: storedRows,
      unseen: unseenRows,
    };
  });
  return { steps, read, ordinals };
}

function judgeSecond(
  { steps, read, ordinals }: Second,
  { trails, joined }: JoinedSecond,
  gapAfter: boolean,
): { fresh: FreshRow[]; repeated: number } {
  const sound = trails.length > 0 && joined && !gapAfter;
  const most =
    trails.length === 0
      ? mostWithGaps(steps)
      : steps.map((_, index) => Math.max(...trails.map((trail) => trail.counts[index] ?? 0)));
  const alike = new Map<string, number>();
  steps.forEach(({ likeness }, index) => {
    alike.set(likeness, (alike.get(likeness) ?? 0) + (most[index] ?? 0));
  });
  const inOrder = sound && isShownAsWalk(steps, trails, read);
  const judged = steps.map((step, index) => {
    const claimed = most[index] ?? 0;
    const proven = inOrder ? claimed : Math.min(...trails.map((trail) => trail.counts[index] ?? 0));
    const certain = sound ? proven : (alike.get(step.likeness) ?? 0) > 1 ? 0 : claimed;
    return step.unseen.slice(0, claimed - step.stored).map((row, nth) => ({
      row,
      possibleDuplicate: step.stored + nth >= certain,
    }));
  });
  const kept = judged.flat();
  const counted = new Map(ordinals);
  const fresh = inWalkOrder(steps, trails, judged).map(({ row, possibleDuplicate }) => {
    const ordinal = (counted.get(identityOf(row)) ?? 0) + 1;
    counted.set(identityOf(row), ordinal);
    return { row, ordinal, possibleDuplicate };
  });
  const unseen = steps.reduce((sum, step) => sum + step.unseen.length, 0);
  return { fresh, repeated: unseen - kept.length };
}

/** Puts rows of a second, given by step, into the order of their balances: of the longest trail, since it alone has room for all of them. */
function inWalkOrder<Row>(
  steps: readonly Step[],
  trails: readonly Trail[],
  rows: readonly (readonly Row[])[],
): Row[] {
  const [longest] = [...trails].sort((a, b) => lengthOf(b) - lengthOf(a));
  if (longest === undefined) return rows.flat();
  const ordered: Row[] = [];
  const waiting = rows.map((ofStep) => [...ofStep]);
  for (const step of orderOf(steps, longest)) {
    const next = waiting[step]?.shift();
    if (next !== undefined) ordered.push(next);
  }
  return [...ordered, ...waiting.flat()];
}

/**
 * Whether the rows of a second, as the bank showed them, follow each other from balance to balance, with no run of them shown twice in a row. A
 * page that overlaps repeats its last rows right after them, so such rows are all true.
 */
function isShownAsWalk(
  steps: readonly StepRows[],
  trails: readonly Trail[],
  read: readonly StatementRow[],
): boolean {
  const claimed = steps.reduce((sum, step) => sum + step.most, 0);
  if (claimed !== read.length) return false;
  if (!trails.some((trail) => trail.counts.every((count, index) => count === steps[index]?.most)))
    return false;
  const gapless = read.every(
    (row, index) => index === 0 || read[index - 1]?.balanceAfter === balanceBefore(row),
  );
  return gapless && !repeatsARun(read.map(stepOf));
}

/** More rows of one second than this are not searched for repeated runs, which takes time that grows with the cube of their number. */
const SEARCHED_MAX = 64;

function repeatsARun(steps: readonly string[]): boolean {
  if (new Set(steps).size === steps.length) return false;
  if (steps.length > SEARCHED_MAX) return true;
  for (let length = 1; length * 2 <= steps.length; length += 1) {
    for (let start = 0; start + length * 2 <= steps.length; start += 1) {
      const run = steps.slice(start, start + length);
      if (run.every((step, index) => step === steps[start + length + index])) return true;
    }
  }
  return false;
}

function timeOf(row: KnownRow): number {
  return row.occurredAt.getTime();
}

function likenessOf(row: KnownRow): string {
  return `${row.direction} ${row.amount.toString()}`;
}

function stepOf(row: KnownRow): string {
  return `${likenessOf(row)} ${row.balanceAfter.toString()}`;
}

function identityOf(row: KnownRow): string {
  return `${timeOf(row).toString()} ${stepOf(row)} ${row.text}`;
}

function countBy<Row>(rows: readonly Row[], key: (row: Row) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return counts;
}
