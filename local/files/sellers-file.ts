import type { BasisPoints } from '../../functions/shared/money.ts';
import type { BadFile } from './bad-file.ts';
import { badFile } from './bad-file.ts';
import { accountHolderCell, accountNumberCell, bankCodeCell, feeCell, textCell } from './cells.ts';
import { ID_LENGTH_MAX } from './orders-file.ts';
import type { TableLine } from './table.ts';
import { duplicates, filled, readTable } from './table.ts';

const NAME_LENGTH_MAX = 100;

/** One seller of a user's own file, with the account that is paid. */
export interface SellerRow {
  /** The line in the file, from 1 for the header. */
  readonly line: number;
  readonly sellerId: string;
  readonly name: string;
  /** Three digits. */
  readonly bankCode: string;
  /** Digits only. */
  readonly accountNumber: string;
  readonly accountHolder: string;
  readonly feeRate: BasisPoints;
}

/** What a good file of sellers holds, in the file's order. */
export interface SellersFile {
  readonly outcome: 'read';
  readonly file: string;
  readonly rows: readonly SellerRow[];
}

const columns = {
  seller_id: filled(textCell(ID_LENGTH_MAX)),
  name: filled(textCell(NAME_LENGTH_MAX)),
  bank_code: filled(bankCodeCell),
  account_number: filled(accountNumberCell),
  account_holder: filled(accountHolderCell),
  fee_bp: filled(feeCell),
};

/** Reads a CSV file of sellers: all of it, or the list of what is wrong with it. */
export async function readSellersFile(path: string): Promise<SellersFile | BadFile> {
  const table = await readTable(path, columns);
  if (table.outcome === 'bad_file') return table;
  const problems = [...table.problems, ...duplicates(table.lines, 'seller_id')];
  if (problems.length > 0) return badFile(path, problems);
  return { outcome: 'read', file: path, rows: table.lines.map(sellerRow) };
}

function sellerRow({ line, values }: TableLine<typeof columns>): SellerRow {
  return {
    line,
    sellerId: values.seller_id,
    name: values.name,
    bankCode: values.bank_code,
    accountNumber: values.account_number,
    accountHolder: values.account_holder,
    feeRate: values.fee_bp,
  };
}
