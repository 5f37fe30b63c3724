import { intervalsOf, type Shifting } from './strategy.ts';

/** One move of traffic. */
export interface RolloutStep {
  /** The share of the new version from now on, a whole number above 0; the last step's is 100. */
  readonly percent: number;
  /** When it is due, counted from the first step, ms. */
  readonly atMs: number;
}

export interface RolloutPlan {
  /** At least one; each has more traffic, and is due later, than the one before. */
  readonly steps: readonly RolloutStep[];
  /** From the first step to the last, ms. */
  readonly shiftMs: number;
}

const MINUTE_MS = 60_000;

/** Plans the steps of a strategy: the first is due at once. */
export function plan(shifting: Shifting): RolloutPlan {
  const intervals = intervalsOf(shifting);
  const intervalMs = shifting.kind === 'all_at_once' ? 0 : shifting.intervalMinutes * MINUTE_MS;
  const steps = Array.from({ length: intervals + 1 }, (_, index) => ({
    percent: percentAfter(shifting, index, intervals),
    atMs: index * intervalMs,
  }));
  return { steps, shiftMs: intervals * intervalMs };
}

function percentAfter(shifting: Shifting, index: number, last: number): number {
  if (index === last || shifting.kind === 'all_at_once') return 100;
  return shifting.percent * (index + 1);
}
