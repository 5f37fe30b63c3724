import { cp949Length, fitsCp949 } from '../../functions/bank/cp949.ts';
import type { BasisPoints, Won } from '../../functions/shared/money.ts';
import { WON_MAX, formatWon, parseBasisPoints, parseWon } from '../../functions/shared/money.ts';
import { shown } from './bad-file.ts';

/** What one value of a CSV file says, or what is wrong with it and what to write instead. */
export type Cell<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Reads one value, already trimmed where the column's values are. */
export type ReadCell<T> = (text: string) => Cell<T>;

function good<T>(value: T): Cell<T> {
  return { ok: true, value };
}

function wrong(text: string, why: string): { ok: false; problem: string } {
  return { ok: false, problem: `${shown(text)} ${why}` };
}

/** Text of one line and at most `lengthMax` characters (code points). */
export function textCell(lengthMax: number): ReadCell<string> {
  return (text) => {
    if (/\p{Cc}/u.test(text))
      return wrong(text, 'holds a line break or another control character; write it on one line');
    const length = Array.from(text).length;
    return length > lengthMax
      ? wrong(text, `has ${length} characters; write at most ${lengthMax}`)
      : good(text);
  };
}

/** An account holder's name: KFTC's messages carry it as AH20, 20 CP949 bytes. */
export function accountHolderCell(text: string): Cell<string> {
  const line = textCell(20)(text);
  if (!line.ok) return line;
  return fitsCp949(text, 20)
    ? line
    : wrong(text, 'does not fit the 20 bytes (10 Hangul) of a bank message; shorten it');
}

/** Text that a bank wrote, kept as it stands: spaces, full-width letters, broken characters and all. At most `lengthMax` characters. */
export function verbatimCell(lengthMax: number): ReadCell<string> {
  return (text) => {
    const length = Array.from(text).length;
    return length > lengthMax
      ? wrong(text, `has ${length} characters, and at most ${lengthMax} are read`)
      : good(text);
  };
}

/**
 * A depositor name that was issued elsewhere. No bank shows more than 20 CP949 bytes of it (KFTC `print_content`, AH20), and a name
 * without a letter or digit would fit every deposit that has none either.
 */
export function depositorNameCell(text: string): Cell<string> {
  if (/\p{Cc}/u.test(text))
    return wrong(text, 'holds a line break or another control character; write it on one line');
  if (!/[\p{L}\p{N}]/u.test(text))
    return wrong(
      text,
      'holds no letter and no digit, so no payer can type it; leave it empty to have a name issued',
    );
  const bytes = cp949Length(text.normalize('NFC'));
  if (bytes === undefined)
    return wrong(text, 'holds a character that Korean banks cannot carry (CP949); issue another name');
  if (bytes > 20)
    return wrong(text, `takes ${bytes} bytes in CP949, and a bank carries at most 20 (10 Hangul)`);
  return good(text);
}

/** An amount of money: whole won, more than 0, at most twelve digits, with or without `,` between thousands. */
export function amountCell(text: string): Cell<Won> {
  const amount = parseWon(text, { signed: true });
  if (amount === undefined) return wrong(text, whyNoWon(text));
  return amount > 0n
    ? good(amount)
    : wrong(text, 'is not more than 0; write the amount in won, such as 12000');
}

/** A balance: whole won, also 0 and less. */
export function balanceCell(text: string): Cell<Won> {
  const balance = parseWon(text, { signed: true });
  return balance === undefined ? wrong(text, whyNoWon(text)) : good(balance);
}

/** A fee in basis points: 0 to 10,000. */
export function feeCell(text: string): Cell<BasisPoints> {
  const rate = parseBasisPoints(text);
  return rate === undefined
    ? wrong(text, 'is no fee in basis points; write a whole number from 0 to 10000, where 100 is 1 %')
    : good(rate);
}

function whyNoWon(text: string): string {
  const decimal = /^(-?)([\d,]*\d)\.(\d+)$/.exec(text);
  if (decimal)
    return `is no whole number of won; write ${wholeNeighbours(decimal[1] ?? '', decimal[2] ?? '', decimal[3] ?? '')}`;
  const digits = text.replaceAll(',', '');
  if (!/^-?\d+$/.test(digits)) return 'is no whole number of won; write digits only, such as 12000';
  if (parseWon(digits, { signed: true }) === undefined)
    return `has more than twelve digits; at most ${formatWon(WON_MAX)} won can be carried`;
  return `has a comma that is not between thousands; write ${digits}`;
}

function wholeNeighbours(sign: string, whole: string, fraction: string): string {
  const below = BigInt(whole.replaceAll(',', ''));
  return /^0+$/.test(fraction) ? `${sign}${below}` : `${sign}${below} or ${sign}${below + 1n}`;
}

const INSTANT =
  /^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?:[T ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,9}))?)?(?<offset>Z|[+-]\d\d(?::?\d\d)?)?)?$/;

const HOW_TO_WRITE_A_TIME =
  'write ISO 8601, such as 2026-03-02T14:05:00+09:00 or 2026-03-02 14:05 (Asia/Seoul)';

/** Times outside these years are typing errors, and would make the local clock run for centuries. */
const YEAR_MIN = 2000;
const YEAR_MAX = 2099;

/** An instant in ISO 8601, in Asia/Seoul where it has no offset; a space may stand for the T, and seconds may be left out. */
export function instantCell(text: string): Cell<Date> {
  const parts = INSTANT.exec(text)?.groups;
  if (!parts) return wrong(text, `is no date and time; ${HOW_TO_WRITE_A_TIME}`);
  if (parts['hour'] === undefined) return wrong(text, `has no time of day; ${HOW_TO_WRITE_A_TIME}`);
  const impossible = whyNoInstant(parts);
  if (impossible !== undefined) return wrong(text, impossible);
  const wallClockMs = Date.UTC(
    part(parts, 'year'),
    part(parts, 'month') - 1,
    part(parts, 'day'),
    part(parts, 'hour'),
    part(parts, 'minute'),
    part(parts, 'second'),
  );
  const fractionMs = Number((parts['fraction'] ?? '').padEnd(3, '0').slice(0, 3));
  return good(new Date(wallClockMs + fractionMs - offsetMinutes(parts['offset']) * 60_000));
}

type Parts = Readonly<Record<string, string | undefined>>;

function part(parts: Parts, name: string): number {
  return Number(parts[name] ?? 0);
}

/** `Date` rolls 30 February over into March; here it is refused. */
function whyNoInstant(parts: Parts): string | undefined {
  const [year, month, day] = [part(parts, 'year'), part(parts, 'month'), part(parts, 'day')];
  if (year < YEAR_MIN || year > YEAR_MAX)
    return `is not between the years ${YEAR_MIN} and ${YEAR_MAX}; check the year`;
  if (month < 1 || month > 12) return 'names no month from 01 to 12; write year-month-day';
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (day < 1 || day > days) return `is a day that does not exist: that month has ${days} days`;
  if (part(parts, 'hour') > 23 || part(parts, 'minute') > 59 || part(parts, 'second') > 59)
    return 'is a time of day that does not exist; write 00:00:00 to 23:59:59';
  return Math.abs(offsetMinutes(parts['offset'])) > 14 * 60
    ? 'has an offset of more than 14 hours; Seoul is +09:00'
    : undefined;
}

function offsetMinutes(offset: string | undefined): number {
  if (offset === undefined) return 9 * 60;
  if (offset === 'Z') return 0;
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return offset.startsWith('-') ? -minutes : minutes;
}

/** The direction of a statement's row. */
export function directionCell(text: string): Cell<'in' | 'out'> {
  return text === 'in' || text === 'out'
    ? good(text)
    : wrong(text, 'is no direction; write in for a deposit, out for a withdrawal');
}

/** A Korean bank's code: three digits. Spreadsheets take the zeros off its front. */
export function bankCodeCell(text: string): Cell<string> {
  if (/^\d{3}$/.test(text)) return good(text);
  const meant = /^\d{1,2}$/.test(text) ? text.padStart(3, '0') : 'three digits, such as 004';
  return wrong(text, `is no bank code; write ${meant}`);
}

/** An account number, hyphens left out: at most 16 digits (KFTC `account_num`, AN16). */
export function accountNumberCell(text: string): Cell<string> {
  const digits = text.replaceAll(/[- ]/g, '');
  if (/^\d{6,16}$/.test(digits)) return good(digits);
  const remedy = /e\+?\d+$/i.test(text)
    ? 'was rounded by a spreadsheet; format the column as text and enter it again'
    : 'is no account number; write 6 to 16 digits, with or without hyphens';
  return wrong(text, remedy);
}
