export interface Slots {
  /** Answers whether a slot came free within that many milliseconds; 0 asks for one that is free now. */
  take(waitMsMax: number, signal?: AbortSignal): Promise<boolean>;
  giveBack(): void;
  /** Nobody gets a slot any more. */
  close(): void;
}

/** A fixed number of places, given to those who wait in the order in which they came. */
export function createSlots(count: number): Slots {
  if (!Number.isInteger(count) || count < 1) throw new Error(`A concurrency of ${count} lets nothing run`);
  const waiting: ((granted: boolean) => void)[] = [];
  let free = count;
  return {
    async take(waitMsMax, signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return true;
      }
      return waitMsMax > 0 && (await waitInLine(waiting, waitMsMax, signal));
    },
    giveBack() {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next(true);
    },
    close() {
      free = 0;
      for (const leave of waiting.splice(0)) leave(false);
    },
  };
}

async function waitInLine(
  waiting: ((granted: boolean) => void)[],
  waitMsMax: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const leave = (then: () => void) => () => {
    const place = waiting.indexOf(resolve);
    if (place === -1) return;
    waiting.splice(place, 1);
    then();
  };
  const timer = setTimeout(
    leave(() => resolve(false)),
    waitMsMax,
  );
  const abort = leave(() => reject(signal?.reason as Error));
  signal?.addEventListener('abort', abort);
  waiting.push(resolve);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
