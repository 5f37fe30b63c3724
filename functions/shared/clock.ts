import { readFileSync } from 'node:fs';

/** What time it is, for every rule that compares times; how long something takes; and what is to be done later. */
export interface Clock {
  now(): Date;
  /** Milliseconds since some moment, for durations inside one invocation: it never goes back, whoever sets the time of day. */
  monotonicMs(): number;
  /** Runs something once after so many milliseconds, and answers how to call that off. */
  after(ms: number, run: () => void): () => void;
}

/** How the machine measures durations, for a clock whose time of day comes from elsewhere. */
export const machineTiming: Omit<Clock, 'now'> = {
  monotonicMs: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date(), ...machineTiming };

/**
 * The clock of a function: the machine's, unless `CLOCK_FILE` names a file that holds an instant in ISO 8601. The local system
 * uses such a file to run a user's statement at the statement's own times; the Pulumi program never sets it.
 *
 * @throws if the file does not hold an instant: a wrong time would expire orders and end leases.
 */
export function clockFromEnvironment(env: Readonly<Record<string, string | undefined>>): Clock {
  const file = env['CLOCK_FILE'];
  if (file === undefined || file === '') return systemClock;
  return {
    ...machineTiming,
    now() {
      const text = readFileSync(file, 'utf8').trim();
      const instant = new Date(text);
      if (Number.isNaN(instant.getTime()))
        throw new Error(`CLOCK_FILE ${file} holds "${text}", which is no ISO 8601 instant`);
      return instant;
    },
  };
}
