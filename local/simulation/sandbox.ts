import { Kysely, PostgresDialect } from 'kysely';
import type { Database } from '../../functions/database.ts';
import type { Clock } from '../../functions/shared/clock.ts';
import type { SimulatedPool, WorldDatabase } from './connections.ts';
import type { Owner } from './timeline.ts';
import type { AnyTrouble } from './plan.ts';
import type { WorldState } from './world-state.ts';

/** How long a function that stands still does so, ms: from what nobody notices to beyond every limit. */
const STALLS_MS = [2_000, 8_000, 15_000, 25_000, 35_000, 60_000, 130_000] as const;

/**
 * A process that works on the world: a function, or somebody's program. When it dies, whatever it waited for never comes, and its database
 * connection ends. Only a function may die: people's programs are not what is tried here.
 */
export class Sandbox implements Owner {
  readonly name: string;
  readonly clock: Clock;
  readonly pool: SimulatedPool;
  readonly db: Kysely<Database>;
  alive = true;
  /** Called once when it dies. */
  onDeath: () => void = () => undefined;
  readonly #state: WorldState;
  readonly #mortal: boolean;

  constructor(state: WorldState, database: WorldDatabase, name: string, mortal: boolean) {
    this.#state = state;
    this.#mortal = mortal;
    this.name = name;
    this.clock = state.timeline.clockOf(this);
    this.pool = database.poolFor(this);
    this.db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: this.pool }) });
  }

  /** How long its next step takes, ms. */
  stepMs(): number {
    if (this.#mortal && this.#state.befalls('stall')) {
      const stallMs = this.#state.random.pick(STALLS_MS);
      this.#state.record(this, `stands still for ${stallMs} ms`, true);
      return stallMs;
    }
    return this.#state.stepMs();
  }

  /** Waits for its next turn. */
  async turn(what: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#state.timeline.after(
        this.stepMs(),
        () => {
          if (!this.diesHere(what)) resolve();
        },
        this,
      );
    });
  }

  /** Whether it is killed at this point. Whoever asks must then not go on. */
  diesHere(where: string): boolean {
    if (!this.loses('kill', where)) return false;
    this.kill(`killed ${where}`);
    return true;
  }

  /** Whether such trouble befalls it here: a function only. */
  loses(trouble: AnyTrouble, where: string): boolean {
    if (!this.#mortal || !this.alive || !this.#state.befalls(trouble)) return false;
    this.#state.record(this, `${trouble} ${where}`, true);
    return true;
  }

  kill(why: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.#state.record(this, why, true);
    this.onDeath();
    // Nobody's event: its end does not end with it.
    this.#state.timeline.after(0, () => this.pool.destroy());
  }
}
