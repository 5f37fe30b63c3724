import type { Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import type { Vault } from '../../functions/shared/encryption.ts';
import type { SimulatedBank } from '../bank-simulator/simulated-bank.ts';
import type { Desk } from './desk.ts';
import type { NamedAccounts } from './named-accounts.ts';
import { CYCLE_MS } from './world-settings.ts';
import type { WorldState } from './world-state.ts';

export const MINUTE_MS = 60_000;

/** How long people go on paying, cancelling and deciding after the last order, at most. */
export const AFTERWARDS_MS = 12 * MINUTE_MS;

/** While a cycle is at work, its functions hold locks and read states: about so long, ms. */
const CYCLE_AT_WORK_MS = 2500;

export interface SimulatedSeller {
  readonly sellerId: string;
  readonly bankCode: string;
  readonly holder: string;
  /** The number of the account that it is paid to, if it has told one. */
  accountNumber: string | undefined;
}

/** What people see of a world, and what they do it with. */
export interface People {
  readonly state: WorldState;
  readonly bank: SimulatedBank;
  readonly vault: Vault;
  /** A program of theirs that nothing befalls, with the application's rights; statements are events of the world. */
  readonly db: Kysely<Database>;
  /** Where operators and shops work, with programs that may die. */
  readonly desk: Desk;
  readonly named: NamedAccounts;
  readonly accounts: { readonly collection: string; readonly payout: string };
  readonly sellers: readonly SimulatedSeller[];
  /** How long orders are placed, ms after the beginning. */
  readonly untilMs: number;
  /** When the first cycle begins, ms after the beginning; the others follow as scheduled. */
  readonly firstCycleMs: number;
  /** Does something now, as one of them; a failure is a mistake of the program. */
  act(who: string, what: string, work: () => Promise<void>): void;
}

/** One kind of people. Whatever it does, it does by events that `begin` schedules. */
export interface Person {
  readonly name: string;
  begin(people: People): void;
}

/** Every so many minutes something happens. */
export function nowAndThen(
  { state, untilMs }: Pick<People, 'state' | 'untilMs'>,
  everyMinutes: number,
  happen: () => void,
): void {
  const everyMs = everyMinutes * MINUTE_MS;
  for (let atMs = state.random.integer(0, everyMs); atMs < untilMs; atMs += everyMs)
    state.timeline.after(atMs, happen);
}

/**
 * Some moment of the next so many ms, and every other time one shortly after it, at which a cycle is at work: there people and functions meet.
 *
 * @returns how long until then, ms.
 */
export function someMomentMs(
  { state, firstCycleMs }: Pick<People, 'state' | 'firstCycleMs'>,
  withinMs: number,
): number {
  const { plan, random, timeline } = state;
  const inMs = random.integer(0, withinMs);
  if (random.chance(0.5)) return inMs;
  const sinceFirstMs = timeline.nowMs + inMs - plan.startsAt.getTime() - firstCycleMs;
  const untilCycleMs = (CYCLE_MS - (((sinceFirstMs % CYCLE_MS) + CYCLE_MS) % CYCLE_MS)) % CYCLE_MS;
  return inMs + untilCycleMs + random.integer(0, CYCLE_AT_WORK_MS);
}
