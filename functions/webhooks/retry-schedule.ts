const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** How long after each failed attempt the next one is due. After the last one a delivery is parked: about a day in all. */
export const RETRIES_AFTER_MS = [
  MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
  8 * HOUR_MS,
  8 * HOUR_MS,
] as const;

/** A part of each wait is left to chance, so that what failed together is not tried again together. */
const JITTER = 0.2;

/**
 * How long to wait after a failed attempt, ms; nothing when it was the last.
 *
 * @param attempt counts from 1.
 * @param chance a number from 0 up to 1.
 */
export function retryAfterMs(attempt: number, chance: number): number | undefined {
  const wait = RETRIES_AFTER_MS[attempt - 1];
  return wait === undefined ? undefined : Math.round(wait * (1 - JITTER + 2 * JITTER * chance));
}
