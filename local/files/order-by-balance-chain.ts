import { balanceBefore } from '../../functions/bank/balance-before.ts';
import {
  joinTrails,
  orderOf,
  trailsOf,
  type Step,
  type Trail,
} from '../../functions/deposits/balance-trails.ts';
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
  const joined = joinTrails(
    groups.map((group) => trailsOf(stepsOf(group))),
    undefined,
  );
  const ordered: Row[] = [];
  for (const [index, group] of groups.entries()) {
    const trail = chooseTrail(group, ordered.at(-1)?.balanceAfter, joined[index]?.trails ?? []);
    for (const row of inOrder(group, trail)) ordered.push(row);
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

/** Every row of a file happened, once. */
function stepsOf(group: readonly ChainRow[]): Step[] {
  return group.map((row) => ({ from: balanceBefore(row), to: row.balanceAfter, least: 1, most: 1 }));
}

/** The one that goes on from the row before; else the one that begins with the first row of the file. */
function chooseTrail(
  group: readonly ChainRow[],
  previous: bigint | undefined,
  trails: readonly Trail[],
): Trail | undefined {
  const inFile = group[0] && balanceBefore(group[0]);
  return (
    trails.find(({ from }) => from === previous) ?? trails.find(({ from }) => from === inFile) ?? trails[0]
  );
}

function inOrder<Row extends ChainRow>(group: readonly Row[], trail: Trail | undefined): readonly Row[] {
  if (trail === undefined || group.length === 1 || isChainFrom(group, trail.from)) return group;
  return orderOf(stepsOf(group), trail).flatMap((index) => group[index] ?? []);
}

function isChainFrom(group: readonly ChainRow[], start: bigint): boolean {
  return group[0] !== undefined && balanceBefore(group[0]) === start && findChainBreaks(group).length === 0;
}
