import { balanceBefore } from '../bank/balance-before.ts';
import { joinTrails, trailsOfRows, type TrailRow } from './balance-trails.ts';

/** One of an account's first rows. */
export interface FirstRow extends TrailRow {
  readonly occurredAt: Date;
}

/**
 * The balance that an account had before its first row. Which row of a second was the first, only all of them tell, and rows that lead round to where they
 * began tell it together with the seconds after them. So more of it may be known later, when rows show up late.
 *
 * What is booked already stays, unless the rows prove that it was another: a second of which a row is missing, or of which one is there twice, proves nothing,
 * and what the books are off by then is a drift for people to look at.
 *
 * @param rows in time's order, those of a second in the order in which they were stored; whole seconds, at least one row.
 * @param booked the opening balance in the books, won, once there is one.
 */
export function openingBalance(rows: readonly FirstRow[], booked?: bigint): bigint {
  const seconds = [...Map.groupBy(rows, (row) => row.occurredAt.getTime()).values()];
  const [first] = joinTrails(seconds.map(trailsOfRows), undefined);
  const possible = new Set(first?.trails.map((trail) => trail.from));
  const [any] = possible;
  const [stored] = rows;
  if (stored === undefined) throw new Error('an account without a row has no opening balance');
  const beforeStored = balanceBefore(stored);
  if (any === undefined) return booked ?? beforeStored;
  if (booked !== undefined && possible.has(booked)) return booked;
  return possible.has(beforeStored) ? beforeStored : any;
}
