import type { TransferState } from '../../functions/transfers/transfer.table.ts';
import type { SimulatedTransfer } from '../bank-simulator/bank-state.ts';
import type { PaidOrder } from './buyers.ts';

/** What the system's own books say, read when it has come to rest. */
export interface BooksAtRest {
  readonly items: readonly { readonly shopOrderId: string; readonly transferId: bigint }[];
  readonly transfers: readonly { readonly transferId: bigint; readonly state: TransferState }[];
  readonly attempts: readonly {
    readonly bankTranId: string;
    readonly transferId: bigint;
    readonly isBookedAsPaid: boolean;
  }[];
}

export interface Verdict {
  /** Orders that were paid and whose sellers were not, and payouts that left the bank and that the books do not know. */
  readonly lost: number;
  /** Payouts that left the bank for an order that was paid out before, and did not come back. */
  readonly paidTwice: number;
  /** Sellers who got more or less than their orders bring, in words. */
  readonly wrongSums: readonly string[];
}

/** A transfer that waits for a person or for the bank's proof explains that its seller has no money yet; one that should have moved does not. */
const EXPLAINS: readonly TransferState[] = ['held', 'unknown'];

/** Our text on the recipient's account names the transfer: it tells what a payout is for whose id nobody knows. */
const RECIPIENT_TEXT = /^정산(\d{1,18})$/;

/**
 * Holds what left the bank against what the buyers paid. The bank's list is the truth; the books only tell which orders a payout is for, and the sums
 * by seller are compared without them.
 */
export function audit(
  paid: readonly PaidOrder[],
  atTheBank: readonly SimulatedTransfer[],
  books: BooksAtRest,
  now: Date,
): Verdict {
  const executed = atTheBank.filter(
    ({ executed: isExecuted, returnAt }) => isExecuted && !(returnAt !== undefined && returnAt <= now),
  );
  const attempts = new Map(books.attempts.map((attempt) => [attempt.bankTranId, attempt]));
  const ordersOf = Map.groupBy(books.items, (item) => item.transferId);
  const covered = new Set<string>();
  let lost = 0;
  let paidTwice = 0;
  for (const payout of executed) {
    const attempt = attempts.get(payout.bankTranId);
    const transferId = attempt?.transferId ?? transferNamedIn(payout.recipientText);
    const orders = transferId === undefined ? [] : (ordersOf.get(transferId) ?? []);
    if (orders.some(({ shopOrderId }) => covered.has(shopOrderId))) paidTwice += 1;
    else if (attempt?.isBookedAsPaid !== true) lost += 1;
    for (const { shopOrderId } of orders) covered.add(shopOrderId);
  }
  const states = new Map(books.transfers.map(({ transferId, state }) => [transferId, state]));
  const explained = new Set(
    books.items
      .filter(({ transferId }) => EXPLAINS.includes(states.get(transferId) ?? 'cancelled'))
      .map(({ shopOrderId }) => shopOrderId),
  );
  const unpaid = paid.filter(({ shopOrderId }) => !covered.has(shopOrderId));
  lost += unpaid.filter(({ shopOrderId }) => !explained.has(shopOrderId)).length;
  const owed = paid.filter(({ shopOrderId }) => covered.has(shopOrderId) || !explained.has(shopOrderId));
  return { lost, paidTwice, wrongSums: compareSums(owed, executed) };
}

function transferNamedIn(recipientText: string): bigint | undefined {
  const digits = RECIPIENT_TEXT.exec(recipientText)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

function compareSums(owed: readonly PaidOrder[], executed: readonly SimulatedTransfer[]): string[] {
  const difference = new Map<string, bigint>();
  const add = (account: string, amount: bigint): void => {
    difference.set(account, (difference.get(account) ?? 0n) + amount);
  };
  for (const order of owed) add(order.accountNumber, 0n - order.owed);
  for (const payout of executed) add(payout.toAccountNumber, payout.amount);
  return [...difference]
    .filter(([, amount]) => amount !== 0n)
    .map(([account, amount]) =>
      amount > 0n
        ? `account …${account.slice(-4)} got ${amount} won too much`
        : `account …${account.slice(-4)} got ${0n - amount} won too little`,
    );
}
