import { machineTiming, type Clock } from '../../functions/shared/clock.ts';

/** A clock that stands still until a test moves it. */
export interface SetClock extends Clock {
  set(at: Date | string): void;
  advance(ms: number): void;
}

export function createSetClock(at: Date | string): SetClock {
  let nowMs = new Date(at).getTime();
  return {
    ...machineTiming,
    now: () => new Date(nowMs),
    set: (later) => void (nowMs = new Date(later).getTime()),
    advance: (ms) => void (nowMs += ms),
  };
}
