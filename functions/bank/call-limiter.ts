import type { Clock } from '../shared/clock.ts';

/** Bounds how many calls run at once, first come, first served. */
export interface CallLimiter {
  /**
   * Waits for a place, at most `waitMsMax`. Answers the function that gives the place back, or `undefined` when the wait was too
   * long.
   */
  enter(waitMsMax: number): Promise<(() => void) | undefined>;
}

/** @throws if `callsMax` is not a whole number of at least 1. */
export function createCallLimiter(callsMax: number, clock: Pick<Clock, 'after'>): CallLimiter {
  if (!Number.isInteger(callsMax) || callsMax < 1) {
    throw new Error(`maxConcurrentCalls is ${callsMax}; it must be a whole number of at least 1`);
  }
  const waiting = new Set<() => void>();
  let running = 0;

  /** Takes a place and answers how to give it back, which passes it on to whoever has waited longest. */
  function take(): () => void {
    running += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      running -= 1;
      const [longest] = waiting;
      longest?.();
    };
  }

  function wait(waitMsMax: number): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      const enter = () => {
        callOff();
        waiting.delete(enter);
        resolve(take());
      };
      const callOff = clock.after(Math.max(0, waitMsMax), () => {
        waiting.delete(enter);
        resolve(undefined);
      });
      waiting.add(enter);
    });
  }

  return {
    enter: (waitMsMax) => (running < callsMax ? Promise.resolve(take()) : wait(waitMsMax)),
  };
}
