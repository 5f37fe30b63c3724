/**
 * The accounts of the books. Balances are signed: the bank's is what it holds for us (debits − credits), all others are what we owe or own
 * (credits − debits). Signed so, bank + in transit = unallocated + sellers + fees + the rest, whatever happens.
 */
export const IN_TRANSIT = 'in_transit';
export const UNALLOCATED = 'unallocated';
export const FEES = 'fees';
export const OPENING = 'opening';
export const SUSPENSE = 'suspense';

const SINGLE_ACCOUNTS: readonly string[] = [
  IN_TRANSIT,
  UNALLOCATED,
  FEES,
  OPENING,
  SUSPENSE,
  'bank_fees',
  'interest',
  'tax',
  'owner',
];

/** The account of money that the bank holds for us; `account` is its KFTC `fintech_use_num`. */
export function bankAccount(account: string): string {
  return `bank:${account}`;
}

/** The account of what we owe to a seller. */
export function sellerAccount(sellerId: string): string {
  return `seller:${sellerId}`;
}

/** Whether an account is one that the bank keeps for us: its balance is signed the other way round. */
export function isBankAccount(account: string): boolean {
  return account.startsWith('bank:');
}

/** Whether there is such an account. */
export function isKnownAccount(account: string): boolean {
  return SINGLE_ACCOUNTS.includes(account) || /^(bank|seller):./.test(account);
}

/** An account's balance, by its sign. */
export function signedBalance(account: string, debits: bigint, credits: bigint): bigint {
  return isBankAccount(account) ? debits - credits : credits - debits;
}
