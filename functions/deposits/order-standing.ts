import { wholeSecond } from '../bank/kst.ts';
import type { IndexedOrder } from './order-index.ts';

/** What an order is to a deposit of a certain second: `live` can take it, every other standing says why not. */
export type Standing = 'live' | 'paid' | 'cancelled' | 'expired' | 'not_open_yet';

/**
 * What an order is to a deposit that occurred at an instant. A state other than `awaiting_deposit` decides alone; otherwise the
 * window does, in the whole seconds that banks give.
 */
export function standingOf(order: IndexedOrder, occurredAt: Date): Standing {
  switch (order.state) {
    case 'paid':
    case 'cancelled':
    case 'expired':
      return order.state;
    case 'awaiting_deposit':
      return standingInWindow(order, wholeSecond(occurredAt).getTime());
    default:
      return order.state satisfies never;
  }
}

/** Whether an order awaits a deposit and one that occurred at an instant lies inside its window. */
export function isLive(order: IndexedOrder, occurredAt: Date): boolean {
  return standingOf(order, occurredAt) === 'live';
}

function standingInWindow(order: IndexedOrder, occurredMs: number): Standing {
  if (occurredMs < order.windowFromMs) return 'not_open_yet';
  return occurredMs > order.windowToMs ? 'expired' : 'live';
}
