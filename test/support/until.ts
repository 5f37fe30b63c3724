import { setTimeout as delay } from 'node:timers/promises';

/** Waits until something is so, looking every few milliseconds, and fails when it does not come to be. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const ends = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > ends) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await delay(5);
  }
}
