import { renameSync, writeFileSync } from 'node:fs';
import { machineTiming, type Clock } from '../functions/shared/clock.ts';

/** A clock that stands until it is moved; functions in other processes read the same instant from a file. */
export interface SteppedClock extends Clock {
  readonly file: string;
  moveTo(at: Date): void;
}

/** Replaced as a whole, so that a reader in another process sees the old instant or the new one, and never half of one. */
export function createSteppedClock(file: string, start: Date): SteppedClock {
  let now = start;
  const write = (): void => {
    writeFileSync(`${file}.next`, now.toISOString());
    renameSync(`${file}.next`, file);
  };
  write();
  return {
    file,
    ...machineTiming,
    now: () => now,
    moveTo(at) {
      if (at < now)
        throw new Error(
          `the clock stands at ${now.toISOString()} and does not go back to ${at.toISOString()}`,
        );
      now = at;
      write();
    },
  };
}
