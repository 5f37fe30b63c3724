import { Random } from '../random.ts';
import { FAULT_NAMES, type FaultName } from '../bank-simulator/faults.ts';
import { createHistory, type History } from './history.ts';
import { ALL_TROUBLES, type AnyTrouble, type WorldPlan } from './plan.ts';
import { Timeline, type Owner } from './timeline.ts';

/** A rule that was broken, in the words of whoever found it. */
export interface Violation {
  readonly invariant: string;
  readonly detail: string;
}

/** What every part of a world shares: its time, its chance, its history, and what has gone wrong. */
export class WorldState {
  readonly plan: WorldPlan;
  readonly timeline: Timeline;
  readonly history: History;
  readonly random: Random;
  readonly violations: Violation[] = [];
  /** Whether the world is coming to its end: nothing goes wrong any more, and nobody buys. */
  hasCeased = false;
  /** The bank reads these as they stand, so that they can cease. */
  readonly bankFaults: Partial<Record<FaultName, number>> = {};
  readonly #rates = new Map<AnyTrouble, number>();
  readonly #times = new Map<AnyTrouble, number>();

  constructor(plan: WorldPlan, keepAll: boolean) {
    this.plan = plan;
    this.timeline = new Timeline(plan.startsAt);
    this.history = createHistory(keepAll);
    this.random = new Random(plan.seed * 40_503 + 7);
    for (const name of ALL_TROUBLES) this.#rates.set(name, plan.troubles[name] ?? 0);
    for (const name of FAULT_NAMES) this.bankFaults[name] = plan.troubles[name] ?? 0;
  }

  record(who: Owner | string, what: string, notable = false): void {
    this.history.record(this.timeline.nowMs, typeof who === 'string' ? who : who.name, what, notable);
  }

  /** Whether something befalls the world here, which is counted. */
  befalls(trouble: AnyTrouble, rate = this.rateOf(trouble)): boolean {
    if (!this.isTried(trouble, rate)) return false;
    this.count(trouble);
    return true;
  }

  /** Whether somebody sets about something here. Whether it is done shows later, and is counted then. */
  isTried(trouble: AnyTrouble, rate = this.rateOf(trouble)): boolean {
    return rate > 0 && this.random.chance(rate);
  }

  rateOf(trouble: AnyTrouble): number {
    return this.#rates.get(trouble) ?? 0;
  }

  count(trouble: AnyTrouble, times = 1): void {
    this.#times.set(trouble, (this.#times.get(trouble) ?? 0) + times);
  }

  times(): ReadonlyMap<AnyTrouble, number> {
    return this.#times;
  }

  /** From now on nothing goes wrong any more. */
  cease(): void {
    this.hasCeased = true;
    for (const name of ALL_TROUBLES) this.#rates.set(name, 0);
    for (const name of FAULT_NAMES) this.bankFaults[name] = 0;
  }

  violate(invariant: string, detail: string): void {
    // The first words are what went wrong; what follows from it need not be told a hundred times.
    if (this.violations.length >= 20) return;
    this.record('INVARIANT', `${invariant}: ${detail}`, true);
    this.violations.push({ invariant, detail });
  }

  /** How long a step takes, ms: most are short, some are long, and some stand still for minutes. */
  stepMs(): number {
    const kind = this.random.fraction();
    if (kind < 0.8) return this.random.integer(0, 3);
    if (kind < 0.97) return this.random.integer(3, 30);
    if (kind < 0.999) return this.random.integer(30, 600);
    return this.random.integer(600, 5000);
  }
}
