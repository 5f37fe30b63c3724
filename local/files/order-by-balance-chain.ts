import { balanceBefore } from '../../functions/bank/balance-before.ts';
import type { Won } from '../../functions/shared/money.ts';
import type { ChainRow } from './balance-chain.ts';
import { findChainBreaks } from './balance-chain.ts';

/**
 * Puts a statement's rows in time's order. Rows of the same second are put so that each balance leads to the next, where such an
 * order exists, and otherwise stay in the file's order (turned round when the file is newest first).
 *
 * Each row is an edge from the balance before it to the balance after it, so an order that keeps the chain is a trail that uses
 * every edge once: it is found in linear time, however many rows share a second or, in exports without seconds, a minute.
 */
export function orderByBalanceChain<Row extends ChainRow>(rows: readonly Row[]): Row[] {
  const groups = groupBySecond(oldestFirst(rows));
  const starts = possibleStarts(groups);
  const ordered: Row[] = [];
  for (const [index, group] of groups.entries()) {
    const start = chooseStart(group, ordered.at(-1)?.balanceAfter, starts[index]);
    for (const row of chainFrom(group, start)) ordered.push(row);
  }
  return ordered;
}

function oldestFirst<Row extends ChainRow>(rows: readonly Row[]): Row[] {
  const [first, last] = [rows[0], rows.at(-1)];
  const newestFirst = first !== undefined && last !== undefined && first.occurredAt > last.occurredAt;
  const inFileOrder = newestFirst ? rows.toReversed() : rows;
  return inFileOrder.toSorted((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
}

function groupBySecond<Row extends ChainRow>(rows: readonly Row[]): Row[][] {
  const groups: Row[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    if (group?.[0]?.occurredAt.getTime() === row.occurredAt.getTime()) group.push(row);
    else groups.push([row]);
  }
  return groups;
}

/** The balances at which a group's trail can begin: one of them; each, where it leads back to its beginning; nothing where there is no trail. */
type Starts = ReadonlySet<Won> | undefined;

/** A group that leads back to its beginning says nothing about where that is; the groups after it do. */
function possibleStarts(groups: readonly (readonly ChainRow[])[]): Starts[] {
  let next: Starts;
  const starts = groups.toReversed().map((group) => (next = startsOf(group, next)));
  return starts.reverse();
}

function startsOf(group: readonly ChainRow[], next: Starts): Starts {
  const surplus = new Map<Won, number>();
  const add = (balance: Won, count: number) => surplus.set(balance, (surplus.get(balance) ?? 0) + count);
  for (const row of group) {
    add(balanceBefore(row), 1);
    add(row.balanceAfter, -1);
  }
  const uneven = [...surplus].filter(([, count]) => count !== 0);
  if (uneven.length === 0) {
    const all = new Set(surplus.keys());
    const joined = next === undefined ? all : new Set([...all].filter((balance) => next.has(balance)));
    return joined.size > 0 ? joined : all;
  }
  const [start, ...others] = uneven.filter(([, count]) => count > 0);
  return start?.[1] === 1 && others.length === 0 ? new Set([start[0]]) : undefined;
}

function chooseStart(group: readonly ChainRow[], previous: Won | undefined, starts: Starts): Won | undefined {
  if (starts === undefined) return undefined;
  if (previous !== undefined && starts.has(previous)) return previous;
  const inFile = group[0] && balanceBefore(group[0]);
  return inFile !== undefined && starts.has(inFile) ? inFile : [...starts][0];
}

function chainFrom<Row extends ChainRow>(group: readonly Row[], start: Won | undefined): readonly Row[] {
  if (start === undefined || group.length === 1 || isChainFrom(group, start)) return group;
  const trail = trailFrom(group, start);
  return trail.length === group.length ? trail : group;
}

function isChainFrom(group: readonly ChainRow[], start: Won): boolean {
  return group[0] !== undefined && balanceBefore(group[0]) === start && findChainBreaks(group).length === 0;
}

/** Hierholzer's algorithm. It misses rows when the group falls into parts that no balance connects. */
function trailFrom<Row extends ChainRow>(group: readonly Row[], start: Won): Row[] {
  const leaving = Map.groupBy(group.toReversed(), balanceBefore);
  const path: { balance: Won; row: Row | undefined }[] = [{ balance: start, row: undefined }];
  const trail: Row[] = [];
  for (let end = path.at(-1); end !== undefined; end = path.at(-1)) {
    const row = leaving.get(end.balance)?.pop();
    if (row !== undefined) {
      path.push({ balance: row.balanceAfter, row });
    } else {
      path.pop();
      if (end.row !== undefined) trail.push(end.row);
    }
  }
  return trail.reverse();
}
