import {
  lockOrders,
  readAllocationsTo,
  type LockedOrder,
  type Part,
} from '../deposits/allocation.repository.ts';
import { payOrdersOut, type NewlyPaid } from '../deposits/pay-orders.step.ts';
import type { Database } from '../database.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import type { OrderState } from '../orders/order.table.ts';
import type { Done } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { sumWon, won, type Won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import type { DepositState } from '../deposits/deposit.table.ts';
import { insertDecision } from './decision.repository.ts';
import { insertAllocations, lockDeposits, type LockedDeposit } from './deposit.repository.ts';
import type { DecisionKind } from './review.table.ts';

/** What a decision did to one deposit. */
export interface DecidedDeposit {
  readonly rowId: bigint;
  /** What the decision took of it, or gave back to it, won. */
  readonly amount: Won;
  readonly state: DepositState;
  /** What of it is still nobody's. */
  readonly remaining: Won;
}

/** What a decision did to one order. */
export interface DecidedOrder {
  readonly orderId: bigint;
  readonly shopId: string;
  readonly shopOrderId: string;
  /** What the decision allocated to it, or took back, won. */
  readonly amount: Won;
  readonly state: OrderState;
  /** What of it is still to be paid. */
  readonly outstanding: Won;
}

/** What a person decided, and what came of it. */
export interface Decided {
  readonly decisionId: bigint;
  readonly kind: DecisionKind;
  readonly deposits: readonly DecidedDeposit[];
  readonly orders: readonly DecidedOrder[];
  /** Payouts that it planned, and of those the ones that wait for a person, an account or a debt. */
  readonly planned: number;
  readonly held: number;
}

/** Orders and deposits, locked in this order. */
export interface Subjects {
  readonly orders: ReadonlyMap<bigint, LockedOrder>;
  readonly deposits: ReadonlyMap<bigint, LockedDeposit>;
}

/** Locks what a decision is about: orders first, then deposits, each by their ids, as matching does. */
export async function lockSubjects(
  trx: Trx<Database>,
  orderIds: readonly bigint[],
  depositRowIds: readonly bigint[],
): Promise<Subjects> {
  const orders = await lockOrders(trx, orderIds);
  return { orders, deposits: await lockDeposits(trx, depositRowIds) };
}

/**
 * Allocates parts of deposits to orders as a person decides, and pays out the orders that are whole by it. A part that leaves its order short is posted nowhere:
 * the money is nobody's until the order is paid.
 */
export async function allocate(
  trx: Trx<Database>,
  acting: Acting,
  kind: 'assign' | 'split' | 'combine',
  parts: readonly Part[],
  locked: Subjects,
): Promise<Done<Decided>> {
  const depositRows = distinct(parts.map((part) => part.depositRowId));
  const orderIds = distinct(parts.map((part) => part.orderId));
  const decisionId = await insertDecision(trx, acting, {
    kind,
    depositRows,
    orderIds,
    amount: sumWon(parts.map((part) => part.amount)),
    before: beforeOf(locked),
  });
  await insertAllocations(trx, acting, decisionId, parts);
  const now = await lockSubjects(trx, orderIds, depositRows);
  const whole = [...now.orders.values()].filter((order) => order.state === 'paid');
  const paidOut = await payOrdersOut(trx, await readNewlyPaid(trx, whole), acting.at);
  await insertPostings(trx, paidOut.postings, acting.at);
  const result = {
    decisionId,
    kind,
    ...described(parts, now),
    planned: paidOut.planned,
    held: paidOut.held,
  };
  return {
    outcome: 'done',
    result,
    deed: {
      action: `review ${kind}`,
      subject: depositRows.map((rowId) => `deposit ${rowId.toString()}`).join(', '),
      detail: { decisionId, parts },
    },
  };
}

async function readNewlyPaid(trx: Trx<Database>, orders: readonly LockedOrder[]): Promise<NewlyPaid[]> {
  const allocations = await readAllocationsTo(
    trx,
    orders.map((order) => order.orderId),
  );
  return orders.map(({ orderId, sellerId, amount }) => {
    const own = allocations.filter((one) => one.orderId === orderId);
    const sum = sumWon(own.map((one) => one.amount));
    if (sum !== amount)
      throw new Error(
        `order ${orderId.toString()} of ${amount.toString()} won was marked paid by allocations of ${sum.toString()} won`,
      );
    return {
      orderId,
      sellerId,
      parts: own.map((one) => ({ rowId: one.depositRowId, amount: one.amount })),
      depositedAt: new Date(Math.min(...own.map((one) => one.occurredAt.getTime()))),
    };
  });
}

/** What of the subjects a decision writes down, so that whoever reads it later sees what the person saw. */
export function beforeOf({ orders, deposits }: Subjects): object {
  return {
    deposits: [...deposits.values()].map(({ rowId, state, reason, remaining }) => ({
      rowId,
      state,
      reason,
      remaining,
    })),
    orders: [...orders.values()].map(({ orderId, shopOrderId, state, outstanding }) => ({
      orderId,
      shopOrderId,
      state,
      outstanding,
    })),
  };
}

/** What became of the deposits and orders of some parts. */
export function described(parts: readonly Part[], now: Subjects): Pick<Decided, 'deposits' | 'orders'> {
  const sumOf = (mine: (part: Part) => boolean) => sumWon(parts.filter(mine).map((part) => part.amount));
  return {
    deposits: [...now.deposits.values()].map(({ rowId, state, remaining }) => ({
      rowId,
      amount: sumOf((part) => part.depositRowId === rowId),
      state,
      remaining,
    })),
    orders: [...now.orders.values()].map(({ orderId, shopId, shopOrderId, state, outstanding }) => ({
      orderId,
      shopId,
      shopOrderId,
      amount: sumOf((part) => part.orderId === orderId),
      state,
      outstanding,
    })),
  };
}

/** The smaller of two amounts. */
export function least(a: Won, b: Won): Won {
  return won(a < b ? a : b);
}

function distinct(ids: readonly bigint[]): bigint[] {
  return [...new Set(ids)];
}
