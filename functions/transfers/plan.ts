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
  /** What was planned for the seller since the KST day began, won. */
  readonly plannedToday: Won;
  /** A deposit of the seller's was once taken back: each payout waits until the balance is seen to cover it, in the same cycle if it does. */
  readonly mayOwe: boolean;
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
  const planned: PlannedTransfer[] = [];
  for (const [sellerId, orders] of bySeller) {
    const seller = sellers.get(sellerId);
    if (seller === undefined)
      throw new Error(`no seller ${sellerId} to plan ${orders.length} paid orders for`);
    let plannedToday = seller.plannedToday;
    for (const group of groupsOf(orders, seller)) {
      if (group.amount === ZERO_WON) continue;
      plannedToday = won(plannedToday + group.amount);
      planned.push({ ...group, held: reasonToHold(group.amount, plannedToday, seller) });
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

/** Why a transfer waits before it is sent, if it does: for an account, for a debt to be made up, for a person to look at a limit. */
export function reasonToHold(amount: Won, plannedToday: Won, seller: PayableSeller): HeldReason | undefined {
  if (!seller.hasApprovedAccount) return 'approval';
  if (seller.mayOwe) return 'seller_debt';
  if (seller.transferLimit !== undefined && amount > seller.transferLimit) return 'limit';
  if (seller.dailyLimit !== undefined && plannedToday > seller.dailyLimit) return 'limit';
  return undefined;
}
