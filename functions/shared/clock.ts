import { readFileSync } from 'node:fs';

/** What time it is, for every rule that compares times. Durations inside one invocation use `performance.now()` instead. */
export interface Clock {
  now(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };

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
    now() {
      const text = readFileSync(file, 'utf8').trim();
      const instant = new Date(text);
      if (Number.isNaN(instant.getTime()))
        throw new Error(`CLOCK_FILE ${file} holds "${text}", which is no ISO 8601 instant`);
      return instant;
    },
  };
}
