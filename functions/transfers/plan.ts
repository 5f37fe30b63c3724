import { feeOf, won, WON_MAX, ZERO_WON, type BasisPoints, type Won } from '../shared/money.ts';
import type { HeldReason } from './transfer.table.ts';

/** An order that a deposit has just paid in full. */
export interface PaidOrder {
  readonly orderId: bigint;
  readonly sellerId: string;
  readonly amount: Won;
  /** The bank's time of its deposit. */
  readonly depositedAt: Date;
}

export interface PayableSeller {
  readonly sellerId: string;
  readonly feeRate: BasisPoints;
  readonly grouping: 'page' | 'order';
  readonly transferLimit: Won | undefined;
  readonly dailyLimit: Won | undefined;
  readonly hasApprovedAccount: boolean;
  /** What was let go to the seller since the KST day began, without a second person, won. */
  readonly goingOutToday: Won;
  /** A deposit of the seller's was once taken back: each payout waits until the balance is seen to cover it, in the same cycle if it does. */
  readonly mayOwe: boolean;
  readonly allSellers: AllSellers;
}

/** What holds for all sellers together, won. */
export interface AllSellers {
  readonly transferLimit: Won | undefined;
  readonly dailyLimit: Won | undefined;
  /** What was let go to anybody since the KST day began, without a second person. It is counted where there is a limit. */
  readonly goingOutToday: Won;
}

export interface TransferItem {
  readonly orderId: bigint;
  readonly amount: Won;
  readonly fee: Won;
}

export interface PlannedTransfer {
  readonly sellerId: string;
  /** What is sent: the items' sum less their fees. */
  readonly amount: Won;
  readonly fee: Won;
  readonly items: readonly TransferItem[];
  readonly depositedAt: Date;
  readonly held: HeldReason | undefined;
}

/**
 * Groups a page's newly paid orders into one transfer a seller, or one an order where the seller wants it so. A sum that one bank message
 * cannot carry becomes several transfers; a transfer of nothing (a fee of the whole) is not planned.
 *
 * @throws when an order's seller is not given: that is a mistake of the caller, and nothing may be planned on it.
 */
export function planTransfers(
  paid: readonly PaidOrder[],
  sellers: ReadonlyMap<string, PayableSeller>,
): PlannedTransfer[] {
  const bySeller = Map.groupBy(paid, (order) => order.sellerId);
  const reasonToHold = openTally(sellers);
  const planned: PlannedTransfer[] = [];
  for (const [sellerId, orders] of bySeller) {
    const seller = sellers.get(sellerId);
    if (seller === undefined)
      throw new Error(`no seller ${sellerId} to plan ${orders.length} paid orders for`);
    for (const group of groupsOf(orders, seller)) {
      if (group.amount === ZERO_WON) continue;
      planned.push({ ...group, held: reasonToHold(sellerId, group.amount) });
    }
  }
  return planned;
}

type Group = Omit<PlannedTransfer, 'held'>;

function groupsOf(orders: readonly PaidOrder[], seller: PayableSeller): Group[] {
  const groups: Group[] = [];
  for (const order of orders) {
    const fee = feeOf(order.amount, seller.feeRate);
    const item = { orderId: order.orderId, amount: order.amount, fee };
    const net = won(order.amount - fee);
    const last = groups.at(-1);
    if (last === undefined || seller.grouping === 'order' || last.amount + net > WON_MAX) {
      groups.push({
        sellerId: seller.sellerId,
        amount: net,
        fee,
        items: [item],
        depositedAt: order.depositedAt,
      });
      continue;
    }
    groups[groups.length - 1] = {
      ...last,
      amount: won(last.amount + net),
      fee: won(last.fee + fee),
      items: [...last.items, item],
      depositedAt: order.depositedAt < last.depositedAt ? order.depositedAt : last.depositedAt,
    };
  }
  return groups;
}

/** What a transfer need not wait for any more: it has an account, its debt is made up, two people let it go over its limits. */
export interface Settled {
  readonly account?: boolean;
  readonly debt?: boolean;
  readonly limits?: boolean;
}

/**
 * Why a transfer waits before it is sent, if it does: for an account, for a debt to be made up, for a person to look at a limit. Asked of one transfer after
 * the other: what goes on counts towards the day, its seller's and that of all. What is held goes nowhere, and what two people let go
 * uses up no limit: a limit bounds what goes out while nobody looks.
 *
 * @throws when a transfer's seller is not given: that is a mistake of the caller.
 */
export function openTally(sellers: ReadonlyMap<string, PayableSeller>) {
  const goingOut = new Map<string, Won>();
  let goingOutOfAll: Won | undefined;
  return (sellerId: string, amount: Won, settled: Settled = {}): HeldReason | undefined => {
    const seller = sellers.get(sellerId);
    if (seller === undefined) throw new Error(`no seller ${sellerId} of a transfer of ${amount.toString()}`);
    if (settled.account !== true && !seller.hasApprovedAccount) return 'approval';
    if (settled.debt !== true && seller.mayOwe) return 'seller_debt';
    if (settled.limits === true) return undefined;
    const { allSellers } = seller;
    const sum = won((goingOut.get(sellerId) ?? seller.goingOutToday) + amount);
    const sumOfAll = won((goingOutOfAll ?? allSellers.goingOutToday) + amount);
    if (isOver(amount, seller.transferLimit) || isOver(amount, allSellers.transferLimit)) return 'limit';
    if (isOver(sum, seller.dailyLimit) || isOver(sumOfAll, allSellers.dailyLimit)) return 'limit';
    goingOut.set(sellerId, sum);
    goingOutOfAll = sumOfAll;
    return undefined;
  };
}

function isOver(amount: Won, limit: Won | undefined): boolean {
  return limit !== undefined && amount > limit;
}
