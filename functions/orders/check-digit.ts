/**
 * The quasigroup of order 10 from H. Michael Damm's thesis (2004). Because it is totally anti-symmetric, the check digit tells
 * every single wrong digit and every swap of two neighbours. `DAMM[interim][digit]` is the next interim digit.
 */
const DAMM = [
  '0317598642',
  '7092154863',
  '4206871359',
  '1750983426',
  '6123045978',
  '3674209581',
  '5869720134',
  '8945362017',
  '9438617205',
  '2581436790',
] as const;

/** The check digit (Damm) to write behind `digits`, which holds only 0 to 9. */
export function checkDigitOf(digits: string): string {
  return interimOf(digits);
}

/** Whether the last digit of `digits` is the check digit of those before it. It is, by itself, for no digits and for a lone 0. */
export function hasRightCheckDigit(digits: string): boolean {
  return interimOf(digits) === '0';
}

function interimOf(digits: string): string {
  let interim = '0';
  for (const digit of digits) interim = DAMM[Number(interim)]?.[Number(digit)] ?? refuse(digits);
  return interim;
}

function refuse(digits: string): never {
  throw new RangeError(`A check digit is of digits 0 to 9 only, and "${digits}" holds something else`);
}
