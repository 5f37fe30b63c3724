import type { Clock } from '../shared/clock.ts';

/** The time that one call to the bank may take in all: waiting for a place, the token, the connection and the answer. */
export interface Deadline {
  elapsedMs(): number;
  /** At least 0. */
  remainingMs(): number;
  /** Runs something once when the time is over, and answers how to call that off. */
  whenOver(run: () => void): () => void;
}

export function startDeadline(clock: Clock, limitMs: number): Deadline {
  const startedAtMs = clock.monotonicMs();
  const elapsedMs = () => clock.monotonicMs() - startedAtMs;
  const remainingMs = () => Math.max(0, limitMs - elapsedMs());
  return { elapsedMs, remainingMs, whenOver: (run) => clock.after(remainingMs(), run) };
}

/** Waits for a promise, but no longer than the deadline. A rejection is passed on. */
export async function withinDeadline<T>(
  deadline: Deadline,
  work: Promise<T>,
): Promise<{ done: true; value: T } | { done: false }> {
  const { promise: late, resolve } = Promise.withResolvers<{ done: false }>();
  const callOff = deadline.whenOver(() => resolve({ done: false }));
  try {
    return await Promise.race([work.then((value) => ({ done: true as const, value })), late]);
  } finally {
    callOff();
  }
}
