import type { Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { parsePersonId, parseReason, type Acting } from '../../functions/people/person.ts';
import type { Refused } from '../../functions/people/refusal.ts';
import { isConnectionTrouble, type WorldDatabase } from './connections.ts';
import type { TroubleName } from './plan.ts';
import { Sandbox } from './sandbox.ts';
import type { WorldState } from './world-state.ts';

/** What the use cases of people answer. */
export type Outcome = { readonly outcome: 'done'; readonly result: unknown } | Refused;

/** What somebody enters at a terminal. */
export interface Command {
  /** As the history tells it. */
  readonly what: string;
  /** What it is counted as when it is done, if it is. */
  readonly kind?: TroubleName;
  readonly run: (db: Kysely<Database>, acting: Acting) => Promise<Outcome>;
  /** Called with what it answered, where it answered that it is done. */
  readonly done?: (result: unknown) => void;
}

/** How long people look at a program that has died before they enter the same again, ms. */
const AGAIN_AFTER_MS = [2_000, 90_000] as const;
/** How often somebody enters a command whose answer never comes. */
const ENTERED_MAX = 3;

/**
 * Terminals. A command runs in a program of its own, which may die or lose its connection at any statement, as a function may. Whoever gets no answer
 * enters the same command again, though it may have been done.
 */
export class Desk {
  readonly #state: WorldState;
  readonly #database: WorldDatabase;
  readonly #idle: Sandbox[] = [];
  #made = 0;

  constructor(state: WorldState, database: WorldDatabase) {
    this.#state = state;
    this.#database = database;
  }

  /** Reads, and enters the command that follows from what was read, if any does. */
  lookAndEnter(who: string, look: (db: Kysely<Database>) => Promise<Command | undefined>): void {
    this.#run(
      who,
      'looks',
      (sandbox) => look(sandbox.db),
      (command) => {
        if (command !== undefined) this.enter(who, command);
      },
      () => undefined,
    );
  }

  enter(who: string, command: Command, entered = 1): void {
    const { timeline, random } = this.#state;
    this.#run(
      who,
      `enters: ${command.what}`,
      async (sandbox) => {
        sandbox.pool.countAnew();
        const outcome = await command.run(sandbox.db, this.#actingAs(who));
        this.#judge(sandbox, command, outcome);
        return outcome;
      },
      (outcome) => {
        if (outcome.outcome === 'done') command.done?.(outcome.result);
      },
      () => {
        if (entered < ENTERED_MAX && !this.#state.hasCeased && random.chance(0.7))
          timeline.after(random.integer(...AGAIN_AFTER_MS), () => {
            if (!this.#state.hasCeased) this.enter(who, command, entered + 1);
          });
      },
    );
  }

  /** A refused command leaves the state as it was. */
  #judge(sandbox: Sandbox, command: Command, outcome: Outcome): void {
    if (outcome.outcome === 'done') {
      if (command.kind !== undefined) this.#state.count(command.kind);
      this.#state.record(sandbox, `has done: ${command.what}`, true);
      return;
    }
    this.#state.record(sandbox, `refuses: ${command.what}: ${outcome.code}`, true);
    const written = sandbox.pool.rowsWrittenLast;
    if (written > 0)
      this.#state.violate(
        'refused_leaves_no_trace',
        `${command.what} was refused (${outcome.code}), and ${written} rows were written`,
      );
  }

  /** Runs a program until it answers, dies or loses its connection. That it throws for any other reason is a mistake of the program. */
  #run<Result>(
    who: string,
    what: string,
    work: (sandbox: Sandbox) => Promise<Result>,
    ended: (result: Result) => void,
    unanswered: () => void,
  ): void {
    const sandbox = this.#idle.pop() ?? this.#makeOne();
    this.#state.record(sandbox, `${who} ${what}`, true);
    sandbox.onDeath = unanswered;
    work(sandbox).then(
      (result) => {
        if (!sandbox.alive) return;
        this.#idle.push(sandbox);
        ended(result);
      },
      (error: unknown) => {
        if (!sandbox.alive) return;
        this.#idle.push(sandbox);
        const message = error instanceof Error ? error.message : String(error);
        this.#state.record(sandbox, `throws ${message}`, true);
        if (isConnectionTrouble(error)) unanswered();
        else this.#state.violate('command_threw', `${who} ${what}: ${message}`);
      },
    );
  }

  #makeOne(): Sandbox {
    this.#made += 1;
    return new Sandbox(this.#state, this.#database, `terminal${this.#made}`, true);
  }

  #actingAs(who: string): Acting {
    return actingAs(who, this.#state.timeline.now());
  }
}

export function actingAs(who: string, at: Date): Acting {
  const [by, reason] = [parsePersonId(who), parseReason('as simulated')];
  if (by === undefined || reason === undefined) throw new Error(`"${who}" is no person's id`);
  return { by, reason, at };
}
