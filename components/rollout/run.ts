import { listed } from './lines.ts';
import type { Shifted } from './shift.ts';

/** Where a program hears that it is told to stop. Node's process, or a test. */
export interface SignalSource {
  /** Calls back at SIGINT or SIGTERM until it is called off. */
  listen(told: (signal: string) => void): () => void;
  /** Ends the program, once its last words are out. */
  endSoon(): void;
}

/**
 * All rollouts of one run of a program. The engine begins them side by side, and a hook that fails does not stop the others: so they share this. One that fails
 * stops those in flight, and those that have not begun do not begin; those already through stay, and are named.
 */
export class RolloutRun {
  readonly #signals: SignalSource;
  readonly #inFlight = new Map<string, AbortController>();
  readonly #through: string[] = [];
  /** Why nothing more begins. */
  #failed: string | undefined;
  #told = false;
  #stopListening: (() => void) | undefined;

  constructor(signals: SignalSource) {
    this.#signals = signals;
  }

  /** Carries one rollout, and stops it when another fails or the program is told to stop. */
  async carry(name: string, to: string, work: (stop: AbortSignal) => Promise<Shifted>): Promise<Shifted> {
    if (this.#failed !== undefined) {
      const message = `${name}: version ${to} got no traffic: it was not begun, since ${this.#failed}`;
      return { outcome: 'refused', message };
    }
    const stop = new AbortController();
    this.#inFlight.set(name, stop);
    this.#stopListening ??= this.#signals.listen((signal) => {
      this.#told = true;
      this.#stopAll(`the program was told to stop (${signal})`);
    });
    try {
      return this.#ended(name, to, await work(stop.signal));
    } finally {
      this.#inFlight.delete(name);
      if (this.#inFlight.size === 0) this.#allEnded();
    }
  }

  #ended(name: string, to: string, shifted: Shifted): Shifted {
    if (shifted.outcome === 'unchanged') return shifted;
    if (shifted.outcome === 'shifted') {
      this.#through.push(`${name} (version ${to})`);
      return shifted;
    }
    if (this.#failed === undefined) {
      this.#inFlight.delete(name);
      this.#stopAll(`the rollout of ${name} failed in this run`);
    }
    if (this.#through.length === 0) return shifted;
    return {
      ...shifted,
      message: `${shifted.message}. Already through in this run, and left there: ${listed(this.#through)}`,
    };
  }

  #stopAll(reason: string): void {
    this.#failed ??= reason;
    for (const controller of this.#inFlight.values()) controller.abort(new Error(reason));
  }

  #allEnded(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    if (this.#told) this.#signals.endSoon();
  }
}
