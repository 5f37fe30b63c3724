import type { Won } from '../shared/money.ts';
import { ascending, bestOf } from './best-of.ts';
import { editDistance, typingDistance } from './edit-distance.ts';
import type { ReadDeposit } from './read-deposit.ts';
import type { IndexedOrder } from './order-index.ts';
import { isLive } from './order-standing.ts';

/** How many orders a person is offered for one deposit. */
export const MOST_CANDIDATES = 5;

/**
 * What connects a deposit with an order, closest first: a reading is its depositor name; a reading has its letters and its
 * number; a reading has the one and nearly the other; only the amount agrees.
 */
const CONNECTIONS = ['named', 'letters_and_number', 'letters_or_number', 'amount'] as const;

export type Connection = (typeof CONNECTIONS)[number];

/** Orders with what connects each of them with one deposit. */
export type Connected = ReadonlyMap<IndexedOrder, Connection>;

/**
 * The orders that a person should look at for a deposit, best first: by connection, then exact amount, then live at the deposit's
 * time, then nearest amount, then fewest slips between the names, then the lower id. Nothing is decided by it.
 */
export function rankCandidates(deposit: ReadDeposit, connected: Connected): readonly IndexedOrder[] {
  const ranks = [...connected].map(([order, connection]) => rankOf(deposit, order, connection));
  return bestOf(ranks, MOST_CANDIDATES, compareRanks).map((rank) => rank.order);
}

/** How far apart the amounts of two are, in won. */
export function amountGap(a: { readonly amount: Won }, b: { readonly amount: Won }): bigint {
  return a.amount < b.amount ? b.amount - a.amount : a.amount - b.amount;
}

interface Rank {
  readonly order: IndexedOrder;
  readonly connection: number;
  readonly live: number;
  /** In won. */
  readonly amountGap: bigint;
  /** Counted only between orders that are alike in everything above, because it costs the most. */
  readonly slips: () => number;
}

function rankOf(deposit: ReadDeposit, order: IndexedOrder, connection: Connection): Rank {
  let slips = connection === 'named' ? 0 : undefined;
  return {
    order,
    connection: CONNECTIONS.indexOf(connection),
    live: isLive(order, deposit.occurredAt) ? 0 : 1,
    amountGap: amountGap(order, deposit),
    slips: () => (slips ??= slipsBetween(deposit, order)),
  };
}

function compareRanks(a: Rank, b: Rank): number {
  return (
    ascending(a.connection, b.connection) ||
    ascending(a.amountGap === 0n ? 0 : 1, b.amountGap === 0n ? 0 : 1) ||
    ascending(a.live, b.live) ||
    ascending(a.amountGap, b.amountGap) ||
    ascending(a.slips(), b.slips()) ||
    ascending(a.order.orderId, b.order.orderId)
  );
}

/** The fewest slips of a payer who meant an order's name, or its recipient's full name and the number, over all readings. */
function slipsBetween({ readings }: ReadDeposit, order: IndexedOrder): number {
  const forms = order.letterForms.length > 0 ? order.letterForms : [''];
  return Math.min(
    ...readings.map(
      ({ letters, digits }) =>
        Math.min(...forms.map((form) => typingDistance(letters, form))) + editDistance(digits, order.digits),
    ),
  );
}
