import { fitsCp949 } from '../bank/cp949.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';

/** Where a seller is paid, as a person gives it. */
export interface PayoutAccountDetails {
  /** Three digits: the bank's standard code. */
  readonly bankCode: string;
  readonly accountNumber: string;
  readonly holder: string;
}

/** KFTC's messages carry a holder's name as AH20: 20 CP949 bytes. */
const HOLDER_BYTES_MAX = 20;

const ACCOUNT_NUMBER = /^\d{6,16}$/;
const BANK_CODE = /^\d{3}$/;

/** What of an account does not fit the bank's message, if anything: found out before it is stored, it can still be mended. */
export function whatIsWrongWith(details: PayoutAccountDetails, sellerId: string): string | undefined {
  const { bankCode, accountNumber, holder } = details;
  if (!BANK_CODE.test(bankCode))
    return `bank code "${bankCode}" of seller ${sellerId} is not three digits, such as 088`;
  if (holder === '' || !fitsCp949(holder, HOLDER_BYTES_MAX))
    return `account holder "${holder}" of seller ${sellerId} does not fit ${HOLDER_BYTES_MAX} CP949 bytes; shorten it as the bank does`;
  if (!ACCOUNT_NUMBER.test(accountNumber))
    return `account number ${maskAccountNumber(accountNumber)} of seller ${sellerId} is not 6 to 16 digits; write it without hyphens or spaces`;
  return undefined;
}

/** By this equal accounts are recognised; the queue's message group is the same. */
export function accountFingerprint(vault: Vault, bankCode: string, accountNumber: string): string {
  return vault.fingerprint(`${bankCode} ${accountNumber}`);
}
