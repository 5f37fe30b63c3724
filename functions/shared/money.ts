import type { Brand } from './brand.ts';

/**
 * An amount of money in whole won. It is a `bigint` from the edge to the database, and never passes through `number`. It may be
 * negative where it is a balance or a difference; amounts of orders, deposits, transfers and postings are greater than 0.
 */
export type Won = Brand<bigint, 'Won'>;

/** The largest amount that a bank message can carry: KFTC's `tran_amt` is N12, twelve digits. */
export const WON_MAX = 999_999_999_999n as Won;

/** The largest balance that is read: a thousand times the largest amount. KFTC's own limit for it could not be looked up. */
export const BALANCE_MAX = 999_999_999_999_999n as Won;

/** No money. */
export const ZERO_WON = 0n as Won;

/** A fee rate in basis points, 0 to 10,000: 100 is one per cent. */
export type BasisPoints = Brand<number, 'BasisPoints'>;

/** Marks a `bigint` that is already known to be whole won, such as a sum of amounts. */
export function won(amount: bigint): Won {
  return amount as Won;
}

/** Adds up amounts. */
export function sumWon(amounts: Iterable<Won>): Won {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return won(total);
}

/**
 * Reads whole won as people and banks write it: digits, with `,` between thousands if at all, and a leading `-` where `signed`.
 * Answers `undefined` for anything else (a decimal point, a currency sign, `1,00`), and for more than `max`.
 */
export function parseWon(text: string, options: { signed?: boolean; max?: Won } = {}): Won | undefined {
  const match = /^(-?)(\d+|\d{1,3}(?:,\d{3})+)$/.exec(text.trim());
  if (!match) return undefined;
  const [, sign, digits = ''] = match;
  if (sign === '-' && options.signed !== true) return undefined;
  const value = BigInt(digits.replaceAll(',', ''));
  if (value > (options.max ?? WON_MAX)) return undefined;
  return won(sign === '-' ? -value : value);
}

/** Writes an amount for a person to read: `1,234,000`. */
export function formatWon(amount: bigint): string {
  return amount.toLocaleString('en-US');
}

/** Reads a fee rate. Answers `undefined` outside 0 to 10,000 or for a fraction of a basis point. */
export function parseBasisPoints(text: string): BasisPoints | undefined {
  if (!/^\d{1,5}$/.test(text.trim())) return undefined;
  const value = Number(text);
  return value <= 10_000 ? (value as BasisPoints) : undefined;
}

/**
 * The fee of one order: its amount times the seller's rate, rounded down, so that the part of a won that does not divide goes to
 * the seller.
 */
export function feeOf(amount: Won, rate: BasisPoints): Won {
  return won((amount * BigInt(rate)) / 10_000n);
}
