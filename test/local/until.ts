import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer is yes, and fails after a bound that only a broken machine reaches. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  msMax = 10_000,
): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${msMax} ms in vain until ${what}`);
    await delay(5);
  }
}
