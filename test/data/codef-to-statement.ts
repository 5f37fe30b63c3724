import { readFileSync } from 'node:fs';
import { toCsv } from './csv.ts';

/** The part of CODEF's transaction list that a statement needs. Amounts are whole won, written as digits. */
export interface CodefTransactionList {
  readonly data: { readonly resTrHistoryList: readonly CodefRow[] };
}

interface CodefRow {
  /** `YYYYMMDD`, in Korea. */
  readonly resAccountTrDate: string;
  /** `HHMMSS`, in Korea. */
  readonly resAccountTrTime: string;
  /** `0` for a withdrawal. */
  readonly resAccountIn: string;
  /** `0` for a deposit. */
  readonly resAccountOut: string;
  readonly resAfterTranBalance: string;
  /** Whom the bank names on the other side. */
  readonly resAccountDesc1: string;
  /** The way that the money went, such as `인터넷` or `타행이체`. */
  readonly resAccountDesc2: string;
  /** What the payer typed. */
  readonly resAccountDesc3: string;
  /** The branch, where the bank gives one. */
  readonly resAccountDesc4: string;
}

const HEADER = ['at', 'type', 'amount', 'balance_after', 'text', 'counterparty', 'branch'];

/** Turns CODEF's feed into a statement file, row by row in CODEF's order (newest first), with all text kept as it is. */
export function codefToStatement(list: CodefTransactionList): string {
  return toCsv(HEADER, list.data.resTrHistoryList.map(statementLine));
}

function statementLine(row: CodefRow): string[] {
  const isIn = row.resAccountIn !== '0';
  return [
    instant(row.resAccountTrDate, row.resAccountTrTime),
    isIn ? 'in' : 'out',
    isIn ? row.resAccountIn : row.resAccountOut,
    row.resAfterTranBalance,
    row.resAccountDesc3,
    row.resAccountDesc1,
    row.resAccountDesc4 || row.resAccountDesc2,
  ];
}

function instant(date: string, time: string): string {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(date) ?? [];
  const [, hour, minute, second] = /^(\d\d)(\d\d)(\d\d)$/.exec(time) ?? [];
  if (day === undefined || second === undefined)
    throw new Error(`CODEF row at "${date}" "${time}": expected YYYYMMDD and HHMMSS`);
  return `${year}-${month}-${day}T${hour}:${minute}:${second}+09:00`;
}

/** The sample that stands beside this file. */
export function codefSample(): CodefTransactionList {
  const file = new URL('codef-transaction-list.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as CodefTransactionList;
}

if (import.meta.main) process.stdout.write(codefToStatement(codefSample()));
