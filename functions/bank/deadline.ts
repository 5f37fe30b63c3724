/** The time that one call to the bank may take in all: waiting for a place, the token, the connection and the answer. */
export interface Deadline {
  elapsedMs(): number;
  /** At least 0. */
  remainingMs(): number;
}

export function startDeadline(limitMs: number): Deadline {
  const startedAtMs = performance.now();
  const elapsedMs = () => performance.now() - startedAtMs;
  return { elapsedMs, remainingMs: () => Math.max(0, limitMs - elapsedMs()) };
}

/** Waits for a promise, but no longer than the deadline. A rejection is passed on. */
export async function withinDeadline<T>(
  deadline: Deadline,
  work: Promise<T>,
): Promise<{ done: true; value: T } | { done: false }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ done: false }>((resolve) => {
    timer = setTimeout(() => resolve({ done: false }), deadline.remainingMs());
  });
  try {
    return await Promise.race([work.then((value) => ({ done: true as const, value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
