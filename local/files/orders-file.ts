import type { Won } from '../../functions/shared/money.ts';
import type { BadFile, Problem } from './bad-file.ts';
import { badFile, shown } from './bad-file.ts';
import { amountCell, depositorNameCell, instantCell, textCell } from './cells.ts';
import type { TableLine } from './table.ts';
import { duplicates, filled, optional, readTable } from './table.ts';

/** The longest id of an order or a seller, in characters. */
export const ID_LENGTH_MAX = 100;

/** The longest name of a recipient, in characters. */
export const RECIPIENT_NAME_LENGTH_MAX = 50;

/** One order of a user's own file. */
export interface OrderRow {
  /** The line in the file, from 1 for the header. */
  readonly line: number;
  readonly shopOrderId: string;
  readonly sellerId: string;
  readonly recipientName: string;
  readonly amount: Won;
  readonly orderedAt: Date;
  /** Issued elsewhere already. Such names may repeat between orders. */
  readonly depositorName: string | undefined;
  readonly expiresAt: Date | undefined;
  readonly cancelledAt: Date | undefined;
}

/** What a good file of orders holds, in the file's order. */
export interface OrdersFile {
  readonly outcome: 'read';
  readonly file: string;
  readonly rows: readonly OrderRow[];
}

const columns = {
  shop_order_id: filled(textCell(ID_LENGTH_MAX)),
  seller_id: filled(textCell(ID_LENGTH_MAX)),
  recipient_name: filled(textCell(RECIPIENT_NAME_LENGTH_MAX)),
  amount: filled(amountCell),
  ordered_at: filled(instantCell),
  depositor_name: optional(depositorNameCell),
  expires_at: optional(instantCell),
  cancelled_at: optional(instantCell),
};

type Line = TableLine<typeof columns>;

/** Reads a CSV file of orders: all of it, or the list of what is wrong with it. */
export async function readOrdersFile(path: string): Promise<OrdersFile | BadFile> {
  const table = await readTable(path, columns);
  if (table.outcome === 'bad_file') return table;
  const problems = [
    ...table.problems,
    ...duplicates(table.lines, 'shop_order_id'),
    ...table.lines.flatMap(checkTimes),
  ];
  if (problems.length > 0) return badFile(path, problems);
  return { outcome: 'read', file: path, rows: table.lines.map(orderRow) };
}

/** An order that ends before it begins would take no deposit, and each of its deposits would get a reason that misleads. */
function checkTimes({ line, values }: Line): Problem[] {
  return (['expires_at', 'cancelled_at'] as const).flatMap((column) => {
    const at = values[column];
    if (at === undefined || at >= values.ordered_at) return [];
    const message = `${shown(at.toISOString())} is before ordered_at, ${shown(values.ordered_at.toISOString())}; correct one of the two`;
    return [{ line, column, message }];
  });
}

function orderRow({ line, values }: Line): OrderRow {
  return {
    line,
    shopOrderId: values.shop_order_id,
    sellerId: values.seller_id,
    recipientName: values.recipient_name,
    amount: values.amount,
    orderedAt: values.ordered_at,
    depositorName: values.depositor_name,
    expiresAt: values.expires_at,
    cancelledAt: values.cancelled_at,
  };
}
