import { balanceBefore } from '../bank/balance-before.ts';
import { bySecond, joinTrails, lengthOf, trailsOfRows, type TimedRow } from './balance-trails.ts';

/**
 * The balance that an account had before its first row. Which row of a second was the first, only all of them tell, and rows that lead round to where they
 * began tell it together with the seconds after them. So more of it may be known later, when rows show up late.
 *
 * What is booked already stays, unless the rows prove that it was another: a second of which a row is missing, or of which one is there twice, proves nothing,
 * and what the books are off by then is a drift for people to look at. Before anything is booked, the way counts that takes the fewest rows for true: a row that
 * may be a repetition must not move the opening, or nothing would show that it is one.
 *
 * @param rows in time's order, those of a second in the order in which they were stored; whole seconds, at least one row.
 * @param booked the opening balance in the books, won, once there is one.
 */
export function openingBalance(rows: readonly TimedRow[], booked?: bigint): bigint {
  const [first] = joinTrails(bySecond(rows).map(trailsOfRows), undefined);
  const trails = first?.trails ?? [];
  const fewest = Math.min(...trails.map(lengthOf));
  const likely = booked === undefined ? trails.filter((trail) => lengthOf(trail) === fewest) : trails;
  const possible = new Set(likely.map((trail) => trail.from));
  const [any] = possible;
  const [stored] = rows;
  if (stored === undefined) throw new Error('an account without a row has no opening balance');
  const beforeStored = balanceBefore(stored);
  if (any === undefined) return booked ?? beforeStored;
  if (booked !== undefined && possible.has(booked)) return booked;
  return possible.has(beforeStored) ? beforeStored : any;
}
