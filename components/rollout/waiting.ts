import { TryAgain, type RolloutClock } from './ports.ts';

/** The machine's clock. */
export const machineClock: RolloutClock = {
  now: () => new Date(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits, or until it is stopped. */
export async function sleep(clock: RolloutClock, ms: number, stop?: AbortSignal): Promise<void> {
  if (stop?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      callOff();
      stop?.removeEventListener('abort', wake);
      resolve();
    };
    const callOff = clock.after(ms, wake);
    stop?.addEventListener('abort', wake);
  });
}

/** Pauses between the tries of a call that may work in a moment, ms: the last try is 7.5 s after the first, within a poll interval. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000];

/**
 * Makes a call again while it throws {@link TryAgain}, a few times.
 *
 * @throws what the last try threw, or the first error of another kind.
 */
export async function patiently<T>(
  clock: RolloutClock,
  stop: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof TryAgain) || stop?.aborted === true) throw error;
    }
    await sleep(clock, pauseMs, stop);
  }
  return await call();
}

/** What an error says, for a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
