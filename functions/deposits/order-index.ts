import { wholeSecond } from '../bank/kst.ts';
import { ascending } from './best-of.ts';
import { normaliseDepositorText, splitName } from './depositor-text.ts';
import type { CandidateOrder } from './matchable.ts';

/** How far a deposit may lie outside an order's window: the bank's clock and ours are two clocks. */
const TOLERANCE_MS = 60_000;

/** A candidate order with what matching compares, worked out once. */
export interface IndexedOrder extends Omit<CandidateOrder, 'state'> {
  /** The page's own copy, in which an order that a deposit has paid becomes `paid`. */
  state: CandidateOrder['state'];
  /** The first and the last instant, both included, at which a deposit for this order may occur: milliseconds, tolerance included. */
  readonly windowFromMs: number;
  readonly windowToMs: number;
  /** The recipient's name, normalised. */
  readonly recipient: string;
  /** The letters that a payer may have typed: those of the depositor name and those of the recipient's full name, if any. */
  readonly letterForms: readonly string[];
  /** The digits of the depositor name. */
  readonly digits: string;
}

/**
 * The candidate orders of a page, found by what a deposit shows, so that no deposit is held against every order. The orders under
 * one key stand in the order in which they opened.
 */
export interface OrderIndex {
  readonly byName: ReadonlyMap<string, readonly IndexedOrder[]>;
  readonly byLetters: ReadonlyMap<string, readonly IndexedOrder[]>;
  readonly byDigits: ReadonlyMap<string, readonly IndexedOrder[]>;
  readonly byRecipient: ReadonlyMap<string, readonly IndexedOrder[]>;
  readonly byAmount: ReadonlyMap<bigint, readonly IndexedOrder[]>;
}

/** Indexes orders. An order that is given twice counts once. */
export function indexOrders(orders: readonly CandidateOrder[]): OrderIndex {
  const distinct = new Map(orders.map((order) => [order.orderId, order]));
  const indexed = [...distinct.values()].map(prepare).sort(byOpeningThenId);
  return {
    byName: groupedBy(indexed, (order) => [order.depositorName]),
    byLetters: groupedBy(indexed, (order) => order.letterForms),
    byDigits: groupedBy(indexed, (order) => withoutEmpty(order.digits)),
    byRecipient: groupedBy(indexed, (order) => withoutEmpty(order.recipient)),
    byAmount: groupedBy(indexed, (order) => [order.amount]),
  };
}

/** All orders under any of the keys, each once. */
export function ordersUnder<Key>(
  group: ReadonlyMap<Key, readonly IndexedOrder[]>,
  keys: readonly Key[],
): readonly IndexedOrder[] {
  return [...new Set(keys.flatMap((key) => group.get(key) ?? []))];
}

/** At most `count` of the orders under one key: those that opened last before an instant, then those that opened first after it. */
export function openedAround(
  orders: readonly IndexedOrder[],
  at: Date,
  count: number,
): readonly IndexedOrder[] {
  const from = Math.max(0, openedBefore(orders, at) - count);
  return orders.slice(from, from + count);
}

function openedBefore(orders: readonly IndexedOrder[], at: Date): number {
  let low = 0;
  let high = orders.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = orders[middle];
    if (order !== undefined && order.opensAt <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function prepare(order: CandidateOrder): IndexedOrder {
  const recipient = normaliseDepositorText(order.recipientName);
  const name = splitName(order.depositorName);
  return {
    ...order,
    windowFromMs: wholeSecond(order.opensAt).getTime() - TOLERANCE_MS,
    windowToMs: order.expiresAt ? wholeSecond(order.expiresAt).getTime() + TOLERANCE_MS : Infinity,
    recipient,
    letterForms: [...new Set([name.letters, splitName(recipient).letters].flatMap(withoutEmpty))],
    digits: name.digits,
  };
}

/** No key for what a name does not have: two names without digits have no digits in common. */
function withoutEmpty(text: string): readonly string[] {
  return text === '' ? [] : [text];
}

function byOpeningThenId(a: IndexedOrder, b: IndexedOrder): number {
  return ascending(a.opensAt.getTime(), b.opensAt.getTime()) || ascending(a.orderId, b.orderId);
}

function groupedBy<Key>(
  orders: readonly IndexedOrder[],
  keysOf: (order: IndexedOrder) => readonly Key[],
): ReadonlyMap<Key, readonly IndexedOrder[]> {
  const groups = new Map<Key, IndexedOrder[]>();
  for (const order of orders) {
    for (const key of keysOf(order)) {
      const group = groups.get(key);
      if (group) group.push(order);
      else groups.set(key, [order]);
    }
  }
  return groups;
}
