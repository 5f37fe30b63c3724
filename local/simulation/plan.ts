import { kstMidnight } from '../../functions/bank/kst.ts';
import { FAULT_NAMES, type FaultName } from '../bank-simulator/faults.ts';
import { Random } from '../random.ts';

/**
 * What befalls a world beside the bank's own faults.
 *
 * - `kill`: a function dies at an await: before a statement, or after it was executed and before its answer; before or after a write to the bank or to the queue.
 * - `stall`: a function stands still for seconds or minutes; past its time limit it is killed, never thawed.
 * - `connection_lost`: the database connection breaks, before a statement or between it and its answer, and the function lives on.
 * - `bank_unreachable`: no connection to the bank comes about.
 * - `request_lost`: a message was written and never reaches the bank.
 * - `request_late`: it reaches the bank later, though before the claim's lease ends.
 * - `queue_lost`: the queue restarts and has forgotten everything.
 * - `message_twice`, `message_out_of_order`, `message_late`: what the queue does to a message. `message_kept`: a message is delivered again although it was acknowledged.
 * - `cycle_overlaps`, `cycle_left_out`: the schedule.
 * - `deposit_reversed`, `withdrawal_unexplained`, `withdrawal_by_owner`, `destination_closed`, `order_cancelled`, `payouts_halted`: what people and the bank do.
 * - `order_cancelled_as_it_is_paid`: about when its deposit is matched.
 * - `review_decided` (assigned, split, combined, ignored), `deposit_refunded`, `review_undone`, `transfer_approved`, `transfer_cancelled`, `account_changed`:
 *   what operators do. The probability is that somebody sets about it; what is counted is what was done.
 */
export const TROUBLE_NAMES = [
  'kill',
  'stall',
  'connection_lost',
  'bank_unreachable',
  'request_lost',
  'request_late',
  'queue_lost',
  'message_twice',
  'message_out_of_order',
  'message_late',
  'message_kept',
  'cycle_overlaps',
  'cycle_left_out',
  'deposit_reversed',
  'withdrawal_unexplained',
  'withdrawal_by_owner',
  'destination_closed',
  'order_cancelled',
  'payouts_halted',
  'order_cancelled_as_it_is_paid',
  'review_decided',
  'deposit_refunded',
  'review_undone',
  'transfer_approved',
  'transfer_cancelled',
  'account_changed',
] as const;

export type TroubleName = (typeof TROUBLE_NAMES)[number];

export const ALL_TROUBLES = [...FAULT_NAMES, ...TROUBLE_NAMES] as const;
export type AnyTrouble = FaultName | TroubleName;

/** The highest probability of each, per occasion. A world draws a part of it, up to 1, or nothing. */
const HIGHEST: Readonly<Record<AnyTrouble, number>> = {
  execute_then_timeout: 0.1,
  execute_late: 0.1,
  repeat_duplicate: 1,
  say_failed_after_executing: 0.1,
  paid_then_returned: 0.05,
  forget_id: 0.2,
  lying_inquiry: 0.3,
  rows_late: 0.1,
  rows_twice: 0.3,
  rows_out_of_order: 0.1,
  mangled_names: 0.1,
  http_5xx: 0.08,
  slow: 0.08,
  cut_mid_body: 0.08,
  maintenance_window: 0.15,
  kill: 0.008,
  stall: 0.004,
  connection_lost: 0.004,
  bank_unreachable: 0.05,
  request_lost: 0.05,
  request_late: 0.1,
  queue_lost: 0.05,
  message_twice: 0.2,
  message_out_of_order: 0.3,
  message_late: 0.1,
  message_kept: 0.05,
  cycle_overlaps: 0.2,
  cycle_left_out: 0.2,
  deposit_reversed: 0.03,
  withdrawal_unexplained: 0.1,
  withdrawal_by_owner: 0.3,
  destination_closed: 0.05,
  order_cancelled: 0.05,
  payouts_halted: 0.3,
  order_cancelled_as_it_is_paid: 0.1,
  review_decided: 2,
  deposit_refunded: 2,
  review_undone: 1,
  transfer_approved: 2,
  transfer_cancelled: 1,
  account_changed: 0.3,
};

/** A small world, all of which follows from a seed. */
export interface WorldPlan {
  readonly seed: number;
  readonly startsAt: Date;
  /** Orders that the shops place, and over how many minutes. */
  readonly orders: number;
  readonly minutes: number;
  readonly sellers: number;
  /** Settlement functions that work at the same time at most. */
  readonly workers: number;
  /** Whether payouts leave an account of their own, which must be funded. */
  readonly ownPayoutAccount: boolean;
  /** The invariants are held against the database after every so many commits. */
  readonly lookEvery: number;
  readonly troubles: Readonly<Partial<Record<AnyTrouble, number>>>;
}

/** What a person, or the shrinking of a failure, takes away from a world. */
export interface PlanChanges {
  readonly orders?: number;
  readonly minutes?: number;
  readonly sellers?: number;
  readonly workers?: number;
  readonly lookEvery?: number;
  readonly without?: readonly AnyTrouble[];
  /** Troubles with a probability of their own, in place of those that the seed draws. */
  readonly troubles?: Readonly<Partial<Record<AnyTrouble, number>>>;
}

/** About two of three orders come to a transfer of their own: at most some 200 a world. */
const ORDERS_MAX = 280;

export function planWorld(seed: number, changes: PlanChanges = {}): WorldPlan {
  const random = new Random(seed * 2_654_435_761 + 1);
  const minutes = random.integer(15, 40);
  // Four of ten worlds see midnight in Korea, at which a bank date ends.
  const midnight = kstMidnight('2026-03-03').getTime();
  const startsAt = random.chance(0.4)
    ? new Date(midnight - random.integer(5, minutes) * 60_000)
    : new Date(midnight - random.integer(3 * 60, 20 * 60) * 60_000);
  const orders = random.integer(200, ORDERS_MAX);
  const sellers = random.integer(2, 6);
  const workers = random.integer(2, 4);
  const ownPayoutAccount = random.chance(0.25);
  const lookEvery = random.pick([1, 5, 10, 20]);
  const troubles: Partial<Record<AnyTrouble, number>> = {};
  // One of eight worlds is wild.
  const times = random.chance(1 / 8) ? 3 : 1;
  for (const name of ALL_TROUBLES) {
    const part = random.fraction();
    if (random.chance(0.6)) troubles[name] = Math.min(HIGHEST[name] * part * times, 1);
  }
  Object.assign(troubles, changes.troubles);
  for (const name of changes.without ?? []) Reflect.deleteProperty(troubles, name);
  return {
    seed,
    startsAt,
    orders: Math.min(changes.orders ?? orders, ORDERS_MAX),
    minutes: changes.minutes ?? minutes,
    sellers: changes.sellers ?? sellers,
    workers: changes.workers ?? workers,
    ownPayoutAccount,
    lookEvery: changes.lookEvery ?? lookEvery,
    troubles,
  };
}
