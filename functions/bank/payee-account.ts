import { fitsCp949 } from './cp949.ts';

/** Where money is sent to, as KFTC's messages carry it. */
export interface PayeeAccount {
  /** Three digits. */
  readonly bankCode: string;
  /** 6 to 16 digits, no hyphens. */
  readonly accountNumber: string;
  /** At most 20 CP949 bytes. */
  readonly holder: string;
}

/** KFTC's messages carry a holder's name as AH20: 20 CP949 bytes. */
export const HOLDER_BYTES_MAX = 20;

/** KFTC's `account_num`. */
export const ACCOUNT_NUMBER = /^\d{6,16}$/;

const PARTS = 3;

/**
 * Reads an account that a person types: `BANK:ACCOUNT:HOLDER`, such as `088:110-222-333444:홍길동`. Hyphens and spaces in the number are left out.
 *
 * @returns what is wrong with it, as a sentence, where no bank message could carry it. The sentence never quotes the number.
 */
export function parsePayeeAccount(text: string): PayeeAccount | string {
  const parts = text.normalize('NFC').split(':');
  const [bankCode = '', number = '', holder = ''] = parts.map((part) => part.trim());
  if (parts.length !== PARTS)
    return 'an account is written BANK:ACCOUNT:HOLDER, such as 088:110-222-333444:홍길동';
  if (!/^\d{3}$/.test(bankCode)) return `"${bankCode}" is no bank code; write three digits, such as 004`;
  const accountNumber = number.replaceAll(/[- ]/g, '');
  if (!ACCOUNT_NUMBER.test(accountNumber))
    return 'the account number is not 6 to 16 digits; write it with or without hyphens';
  if (holder === '' || !fitsCp949(holder, HOLDER_BYTES_MAX))
    return `the account holder "${holder}" does not fit the ${HOLDER_BYTES_MAX} bytes (10 Hangul) of a bank message; write it as the bank does`;
  return { bankCode, accountNumber, holder };
}
