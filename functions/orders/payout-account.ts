import { fitsCp949 } from '../bank/cp949.ts';
import { ACCOUNT_NUMBER, HOLDER_BYTES_MAX, type PayeeAccount } from '../bank/payee-account.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';

/** A bank's standard code. */
export const BANK_CODE = /^\d{3}$/;

/** What of an account does not fit the bank's message, if anything: found out before it is stored, it can still be mended. */
export function whatIsWrongWith(details: PayeeAccount, sellerId: string): string | undefined {
  const { bankCode, accountNumber, holder } = details;
  if (!BANK_CODE.test(bankCode))
    return `bank code "${bankCode}" of seller ${sellerId} is not three digits, such as 088`;
  if (!isHolder(holder))
    return `account holder "${holder}" of seller ${sellerId} does not fit ${HOLDER_BYTES_MAX} CP949 bytes; shorten it as the bank does`;
  if (!ACCOUNT_NUMBER.test(accountNumber))
    return `account number ${maskAccountNumber(accountNumber)} of seller ${sellerId} is not 6 to 16 digits; write it without hyphens or spaces`;
  return undefined;
}

/** Whether a text can be an account's holder in the bank's message. */
export function isHolder(text: string): boolean {
  return text !== '' && fitsCp949(text, HOLDER_BYTES_MAX);
}

/** By this equal accounts are recognised; the queue's message group is the same. */
export function accountFingerprint(vault: Vault, bankCode: string, accountNumber: string): string {
  return vault.fingerprint(`${bankCode} ${accountNumber}`);
}
