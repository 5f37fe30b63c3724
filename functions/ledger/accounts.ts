/**
 * The accounts of the books. Balances are signed: the bank's is what it holds for us (debits − credits), all others are what we owe or own
 * (credits − debits). Signed so, bank + in transit = unallocated + sellers + fees + the rest, whatever happens.
 */
export const IN_TRANSIT = 'in_transit';
export const UNALLOCATED = 'unallocated';
export const FEES = 'fees';
export const OPENING = 'opening';
export const SUSPENSE = 'suspense';

/** The account of money that the bank holds for us; `account` is its KFTC `fintech_use_num`. */
export function bankAccount(account: string): string {
  return `bank:${account}`;
}

/** The account of what we owe to a seller. */
export function sellerAccount(sellerId: string): string {
  return `seller:${sellerId}`;
}
