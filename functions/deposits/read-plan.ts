import { addDays, kstDate, kstMidnight, wholeSecond } from '../bank/kst.ts';

/** Rows may show up late: each read goes back so far over what was read before, ms. */
export const OVERLAP_MS = 60 * 60_000;

/** Days that are read again, whole, once a day. */
const REREAD_DAYS = 3;

export interface Range {
  readonly from: Date;
  readonly to: Date;
}

/**
 * Where the reading of a new account begins: with the day of the first order, since its buyer may have paid before the first cycle ran, on the day before
 * even; but no earlier than what is read again once a day.
 */
export function planBeginning(now: Date, firstOrderAt: Date | undefined): Date {
  const first = firstOrderAt !== undefined && firstOrderAt < now ? firstOrderAt : now;
  const earliest = kstMidnight(addDays(kstDate(now), 1 - REREAD_DAYS));
  const begins = kstMidnight(kstDate(first));
  return begins > earliest ? begins : earliest;
}

/**
 * What of an account is to be read now, in whole seconds up to the last one that is over: back over the overlap, or from where the last
 * reading broke off. That one had begun with the overlap: a slow bank that were asked for it each time might never come to what is new.
 *
 * @returns nothing when no second has passed since the account's beginning.
 */
export function planRead(
  cursor: { beginsAt: Date; readThrough: Date; resumeAt: Date | null },
  now: Date,
): Range | undefined {
  const to = new Date(wholeSecond(now).getTime() - 1000);
  const start = cursor.resumeAt?.getTime() ?? wholeSecond(cursor.readThrough).getTime() - OVERLAP_MS;
  const from = new Date(Math.max(start, cursor.beginsAt.getTime()));
  return from > to ? undefined : { from, to };
}

/**
 * What is to be read again before what a cycle has just read: once a day the last three days; and, while a transfer's absence is to be proven,
 * every date since its send.
 *
 * @param readFrom where the cycle's reading of new rows began.
 * @param proveSince the oldest KST date, `YYYY-MM-DD`, that a proof of absence needs.
 */
export function planReread(
  cursor: { beginsAt: Date; rereadOn: string | null },
  readFrom: Date,
  now: Date,
  proveSince?: string,
): Range | undefined {
  const today = kstDate(now);
  const starts = [readFrom.getTime()];
  if (cursor.rereadOn !== today) starts.push(kstMidnight(addDays(today, 1 - REREAD_DAYS)).getTime());
  if (proveSince !== undefined) starts.push(kstMidnight(proveSince).getTime());
  const from = new Date(Math.max(Math.min(...starts), cursor.beginsAt.getTime()));
  return from < readFrom ? { from, to: new Date(readFrom.getTime() - 1000) } : undefined;
}

/** Splits a range at every midnight in Korea: the bank's queries are by date. */
export function splitByDate(range: Range): Range[] {
  const parts: Range[] = [];
  let from = range.from;
  while (from <= range.to) {
    const nextMidnight = kstMidnight(addDays(kstDate(from), 1));
    const last = new Date(nextMidnight.getTime() - 1000);
    const to = last < range.to ? last : range.to;
    parts.push({ from, to });
    from = nextMidnight;
  }
  return parts;
}

/** Splits a range into two of whole seconds; a single second stays whole. */
export function halve(range: Range): Range[] {
  const seconds = Math.round((range.to.getTime() - range.from.getTime()) / 1000);
  return splitBefore(range, new Date(range.from.getTime() + (Math.floor(seconds / 2) + 1) * 1000));
}

/** Splits a range so that the second part begins at an instant; where that leaves one part empty, the range stays whole. */
export function splitBefore(range: Range, at: Date): Range[] {
  if (at <= range.from || at > range.to) return [range];
  return [
    { from: range.from, to: new Date(at.getTime() - 1000) },
    { from: at, to: range.to },
  ];
}
