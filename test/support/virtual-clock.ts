import type { RolloutClock } from '../../components/rollout/ports.ts';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * A clock that jumps to whatever is waited for next, as soon as nothing else is to be done: hours pass in milliseconds, in the order of real life. What is
 * not waited for by this clock, such as an answer over HTTP, must not go on beside it.
 */
export class VirtualClock implements RolloutClock {
  #nowMs: number;
  #timers: Timer[] = [];
  #pumping = false;

  constructor(startsAt: string) {
    this.#nowMs = Date.parse(startsAt);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    // Those that are due at the same time run in the order in which they were set.
    this.#timers.push(timer);
    this.#timers.sort((a, b) => a.atMs - b.atMs);
    this.#pump();
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  #pump(): void {
    if (this.#pumping || this.#timers.length === 0) return;
    this.#pumping = true;
    // All that promises have to do is done before this runs.
    setImmediate(() => {
      this.#pumping = false;
      const timer = this.#timers.shift();
      if (timer !== undefined) {
        this.#nowMs = Math.max(this.#nowMs, timer.atMs);
        timer.run();
      }
      this.#pump();
    });
  }
}
