import type { BasisPoints, Won } from '../shared/money.ts';
import { feeOf, won } from '../shared/money.ts';
import { bankAccount, FEES, IN_TRANSIT, OPENING, sellerAccount, UNALLOCATED } from './accounts.ts';
import type { PostingKind } from './ledger.table.ts';

/** A posting that is yet to be written. `amount` is greater than 0. */
export interface NewPosting {
  readonly debit: string;
  readonly credit: string;
  readonly amount: Won;
  readonly kind: PostingKind;
  readonly rowId?: bigint;
  readonly orderId?: bigint;
  readonly transferId?: bigint;
  readonly attemptId?: bigint;
}

/** The balance that an account had before its first row was read. A balance of nothing posts nothing. */
export function openingPostings(account: string, balance: bigint): NewPosting[] {
  if (balance === 0n) return [];
  const [debit, credit] = balance > 0n ? [bankAccount(account), OPENING] : [OPENING, bankAccount(account)];
  return [{ debit, credit, amount: won(balance > 0n ? balance : -balance), kind: 'opening' }];
}

/** Rows have proved that the account opened with another balance than was posted. */
export function openingCorrection(account: string, difference: bigint): NewPosting[] {
  return openingPostings(account, difference).map((posting) => ({ ...posting, kind: 'correction' }));
}

/** Money came in, and is nobody's yet. */
export function depositPosting(account: string, rowId: bigint, amount: Won): NewPosting {
  return { debit: bankAccount(account), credit: UNALLOCATED, amount, kind: 'deposit', rowId };
}

/** An order that is paid in full: by one deposit, or by several of which a person has said so. */
export interface PaidInFull {
  readonly orderId: bigint;
  readonly sellerId: string;
  /** What each deposit gives to it; together the order's amount. */
  readonly parts: readonly { readonly rowId: bigint; readonly amount: Won }[];
}

/**
 * Deposits pay an order: the seller's part and our fee of each. However many there are, the fees add up to the fee of the whole: each bears what the
 * fee grows by with it. A part of nothing is not posted.
 */
export function allocationPostings(paid: PaidInFull, rate: BasisPoints): NewPosting[] {
  const { orderId } = paid;
  const postings: NewPosting[] = [];
  let before = 0n;
  for (const { rowId, amount } of paid.parts) {
    const fee = won(feeOf(won(before + amount), rate) - feeOf(won(before), rate));
    before += amount;
    const parts: NewPosting[] = [
      {
        debit: UNALLOCATED,
        credit: sellerAccount(paid.sellerId),
        amount: won(amount - fee),
        kind: 'allocation',
        rowId,
        orderId,
      },
      { debit: UNALLOCATED, credit: FEES, amount: fee, kind: 'fee', rowId, orderId },
    ];
    postings.push(...parts.filter((part) => part.amount > 0n));
  }
  return postings;
}

/** A deposit's money is nobody's order: a person has said whose it is. */
export function ignoredPosting(rowId: bigint, account: string, amount: Won): NewPosting {
  return { debit: UNALLOCATED, credit: account, amount, kind: 'ignored', rowId };
}

/** Whom a transfer pays, as its postings name it: a payout's seller, or the depositors' unallocated money for a refund. */
export function payerAccount(transfer: { kind: 'payout' | 'refund'; sellerId: string | null }): string {
  if (transfer.kind === 'refund') return UNALLOCATED;
  if (transfer.sellerId === null)
    throw new Error('a payout without a seller: the database refuses such a row');
  return sellerAccount(transfer.sellerId);
}

export interface PostedTransfer {
  readonly transferId: bigint;
  readonly attemptId: bigint;
  readonly kind: 'payout' | 'refund';
  readonly sellerId: string | null;
  readonly amount: Won;
  /** The account that it leaves. */
  readonly account: string;
}

/** A claim holds the amount: from whom it is owed to, into transit. */
export function holdPosting(transfer: PostedTransfer): NewPosting {
  return { debit: payerAccount(transfer), credit: IN_TRANSIT, ...amountAndIds(transfer), kind: 'hold' };
}

/** The transfer is known to have succeeded: the amount has left the bank. */
export function postPosting(transfer: PostedTransfer): NewPosting {
  return {
    debit: IN_TRANSIT,
    credit: bankAccount(transfer.account),
    ...amountAndIds(transfer),
    kind: 'post',
  };
}

/** The attempt is proven failed or absent: the amount is owed as before. */
export function voidPosting(transfer: PostedTransfer): NewPosting {
  return { debit: IN_TRANSIT, credit: payerAccount(transfer), ...amountAndIds(transfer), kind: 'void' };
}

/** A transfer that was paid came back: it is owed again. */
export function returnPosting(
  transfer: PostedTransfer,
  arrived: { account: string; rowId: bigint },
): NewPosting {
  return {
    debit: bankAccount(arrived.account),
    credit: payerAccount(transfer),
    ...amountAndIds(transfer),
    kind: 'return',
    rowId: arrived.rowId,
  };
}

function amountAndIds(transfer: PostedTransfer) {
  return { amount: transfer.amount, transferId: transfer.transferId, attemptId: transfer.attemptId };
}
