import type { Clock } from '../../functions/shared/clock.ts';

/** Whoever waits for an event. What waits for the dead never happens. */
export interface Owner {
  readonly name: string;
  readonly alive: boolean;
}

interface Entry {
  readonly atMs: number;
  /** Ties are broken by who came first. */
  readonly order: number;
  readonly run: () => void | Promise<void>;
  readonly owner: Owner | undefined;
  called: boolean;
}

/** A thing that is to happen, once its time has come. */
export interface Event {
  readonly run: () => void | Promise<void>;
}

/**
 * The simulated time. It stands still while something happens, and jumps to whatever happens next. All that a world waits for is an event
 * here, so that one thing happens at a time, in an order that hangs on nothing but the delays that were drawn.
 */
export class Timeline {
  #nowMs: number;
  #order = 0;
  readonly #heap: Entry[] = [];

  constructor(startsAt: Date) {
    this.#nowMs = startsAt.getTime();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  /** Runs something in so many milliseconds, unless its owner is dead by then; answers how to call it off. */
  after(ms: number, run: () => void | Promise<void>, owner?: Owner): () => void {
    this.#order += 1;
    const entry: Entry = {
      atMs: this.#nowMs + Math.max(0, Math.ceil(ms)),
      order: this.#order,
      run,
      owner,
      called: true,
    };
    this.#push(entry);
    return () => {
      entry.called = false;
    };
  }

  /** The next event, with the clock moved to it; nothing when nobody waits for anything. */
  next(): Event | undefined {
    for (let entry = this.#pop(); entry !== undefined; entry = this.#pop()) {
      if (!entry.called || entry.owner?.alive === false) continue;
      this.#nowMs = entry.atMs;
      return entry;
    }
    return undefined;
  }

  /** The clock of somebody who may die. */
  clockOf(owner?: Owner): Clock {
    return {
      now: () => this.now(),
      monotonicMs: () => this.#nowMs,
      after: (ms, run) => this.after(ms, run, owner),
    };
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[index] = above;
      heap[parent] = entry;
      index = parent;
    }
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const child = other !== undefined && isBefore(other, one) ? left + 1 : left;
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
