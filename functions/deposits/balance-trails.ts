import { balanceBefore } from '../bank/balance-before.ts';

/** Equal movements within one second: rows that step from one balance to the same other one. */
export interface Step {
  readonly from: bigint;
  readonly to: bigint;
  /** How many of the rows surely happened, at least 1, and how many are claimed to have. */
  readonly least: number;
  readonly most: number;
}

/** A way in which a second's rows can have followed each other without a gap. */
export interface Trail {
  /** How often each step was taken, in the steps' order. */
  readonly counts: readonly number[];
  readonly from: bigint;
  readonly to: bigint;
}

export interface JoinedSecond {
  /** Those of the second's trails that go on from the second before it and lead to the one after it; all of them where neither fits. */
  readonly trails: readonly Trail[];
  /** Whether some trail continues the second before, as far as that one is known. */
  readonly joined: boolean;
}

/** A second with more open questions than this is left undecided: a bound, which no real second comes near. */
const TRAILS_MAX = 512;

/** What a row's place in the chain of balances is made of. */
export interface TrailRow {
  readonly direction: 'in' | 'out';
  readonly amount: bigint;
  readonly balanceAfter: bigint;
  /** It may be a repetition of another row. */
  readonly possibleDuplicate: boolean;
}

/** A row, and its second. */
export interface TimedRow extends TrailRow {
  readonly occurredAt: Date;
}

/** Rows in time's order, a second each. */
export function bySecond(rows: readonly TimedRow[]): TimedRow[][] {
  return [...Map.groupBy(rows, (row) => row.occurredAt.getTime()).values()];
}

/**
 * Every way in which stored rows of one second can have followed each other. Each movement happened at least once; of several alike, those that may be repetitions
 * may have been none.
 */
export function trailsOfRows(rows: readonly TrailRow[]): Trail[] {
  const alike = Map.groupBy(rows, (row) => `${balanceBefore(row)} ${row.balanceAfter}`);
  return trailsOf(
    [...alike.values()].flatMap((same) => {
      const [row] = same;
      const sure = same.filter(({ possibleDuplicate }) => !possibleDuplicate).length;
      return row === undefined
        ? []
        : [
            {
              from: balanceBefore(row),
              to: row.balanceAfter,
              least: Math.max(sure, 1),
              most: same.length,
            },
          ];
    }),
  );
}

/** How many rows a trail is made of. */
export function lengthOf(trail: Trail): number {
  return trail.counts.reduce((sum, count) => sum + count, 0);
}

/** Every way in which the steps of one second can form a trail: how often each was taken, from which balance to which. */
export function trailsOf(steps: readonly Step[]): Trail[] {
  if (!hangsTogether(steps)) return [];
  const trails: Trail[] = [];
  for (const counts of countsBetween(steps)) {
    for (const [from, to] of endsOf(steps, counts)) trails.push({ counts, from, to });
  }
  return trails;
}

/**
 * How often each step was taken at most, in a second of which a row is missing, so that its steps are no trail: whatever leaves the fewest
 * loose ends. A row that is shown twice adds two.
 */
export function mostWithGaps(steps: readonly Step[]): number[] {
  let fewest = Infinity;
  let most = steps.map((step) => step.most);
  for (const counts of countsBetween(steps)) {
    const loose = [...surplusOf(steps, counts).values()].reduce((sum, surplus) => sum + Math.abs(surplus), 0);
    if (loose > fewest) continue;
    most = loose < fewest ? counts : most.map((count, index) => Math.max(count, counts[index] ?? 0));
    fewest = loose;
  }
  return most;
}

function countsBetween(steps: readonly Step[]): number[][] {
  const ways = steps.reduce((product, step) => product * (step.most - step.least + 1), 1);
  if (ways > TRAILS_MAX) return [];
  let all: number[][] = [[]];
  for (const { least, most } of steps) {
    if (least === most) {
      for (const counts of all) counts.push(most);
      continue;
    }
    all = all.flatMap((counts) =>
      Array.from({ length: most - least + 1 }, (_, more) => [...counts, least + more]),
    );
  }
  return all;
}

/**
 * Where a trail over all of the steps can begin and end: at the two balances that are left more often than entered, or the other way
 * round, and anywhere in a closed round. Nowhere, when the steps, which hang together, are no trail.
 */
function endsOf(steps: readonly Step[], counts: readonly number[]): [bigint, bigint][] {
  const surpluses = surplusOf(steps, counts);
  const uneven = [...surpluses].filter(([, surplus]) => surplus !== 0);
  if (uneven.length === 0) return [...surpluses.keys()].map((balance) => [balance, balance]);
  const begin = uneven.find(([, surplus]) => surplus === -1);
  const end = uneven.find(([, surplus]) => surplus === 1);
  return uneven.length === 2 && begin && end ? [[begin[0], end[0]]] : [];
}

/** How much oftener each balance is entered than left. */
function surplusOf(steps: readonly Step[], counts: readonly number[]): Map<bigint, number> {
  const surpluses = new Map<bigint, number>();
  steps.forEach(({ from, to }, index) => {
    const count = counts[index] ?? 0;
    surpluses.set(from, (surpluses.get(from) ?? 0) - count);
    surpluses.set(to, (surpluses.get(to) ?? 0) + count);
  });
  return surpluses;
}

/** Whether each balance is reached from each other one. Every step is taken at least once, so how often does not matter. */
function hangsTogether(steps: readonly Step[]): boolean {
  const neighbours = new Map<bigint, bigint[]>();
  const join = (one: bigint, other: bigint) => neighbours.set(one, [...(neighbours.get(one) ?? []), other]);
  for (const { from, to } of steps) {
    join(from, to);
    join(to, from);
  }
  const [first] = neighbours.keys();
  const waiting = first === undefined ? [] : [first];
  const reached = new Set(waiting);
  for (let balance = waiting.pop(); balance !== undefined; balance = waiting.pop()) {
    for (const next of neighbours.get(balance) ?? []) {
      if (reached.has(next)) continue;
      reached.add(next);
      waiting.push(next);
    }
  }
  return reached.size === neighbours.size;
}

/**
 * Keeps of each second's trails those that fit its neighbours: where one second ends, the next one begins. A second that does not continue
 * the one before (a row is late, or wrong) begins anew.
 *
 * @param seconds each second's trails, in time's order.
 * @param balancesBefore the balances at which the time before the first second may have ended; nothing where that is not known.
 */
export function joinTrails(
  seconds: readonly (readonly Trail[])[],
  balancesBefore: ReadonlySet<bigint> | undefined,
): JoinedSecond[] {
  const joined: { trails: readonly Trail[]; joined: boolean }[] = [];
  let ends = balancesBefore;
  for (const trails of seconds) {
    const reached = ends;
    const continuing = reached === undefined ? trails : trails.filter((trail) => reached.has(trail.from));
    const joins = continuing.length > 0;
    const kept = joins ? continuing : trails;
    joined.push({ trails: kept, joined: joins });
    ends = endsOfAll(kept);
  }
  for (let index = joined.length - 2; index >= 0; index -= 1) {
    const [second, next] = [joined[index], joined[index + 1]];
    if (!second || !next?.joined || second.trails.length === 0) continue;
    const begins = new Set(next.trails.map((trail) => trail.from));
    joined[index] = { ...second, trails: second.trails.filter((trail) => begins.has(trail.to)) };
  }
  return joined;
}

/** The balances at which one of the trails ends; nothing where there is no trail. */
export function endsOfAll(trails: readonly Trail[]): ReadonlySet<bigint> | undefined {
  return trails.length === 0 ? undefined : new Set(trails.map((trail) => trail.to));
}

/** The order in which a trail takes its steps, as indices of `steps`: from its beginning, every step as often as it counts (Hierholzer). */
export function orderOf(steps: readonly Step[], trail: Trail): number[] {
  const leaving = new Map<bigint, number[]>();
  steps.forEach(({ from }, index) => {
    const times = Array.from({ length: trail.counts[index] ?? 0 }, () => index);
    leaving.set(from, [...times, ...(leaving.get(from) ?? [])]);
  });
  const path: { balance: bigint; step: number | undefined }[] = [{ balance: trail.from, step: undefined }];
  const order: number[] = [];
  for (let end = path.at(-1); end !== undefined; end = path.at(-1)) {
    const step = leaving.get(end.balance)?.pop();
    const to = step === undefined ? undefined : steps[step]?.to;
    if (step !== undefined && to !== undefined) {
      path.push({ balance: to, step });
    } else {
      if (end.step !== undefined) order.push(end.step);
      path.pop();
    }
  }
  return order.reverse();
}
