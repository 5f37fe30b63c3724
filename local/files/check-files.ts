import type { BadFile } from './bad-file.ts';
import { badFile, shown } from './bad-file.ts';
import type { OrdersFile } from './orders-file.ts';
import type { SellersFile } from './sellers-file.ts';

/**
 * Checks what no file can say alone: that every order's seller has an account to be paid to. Answers `undefined` when all is well,
 * also when there is no file of sellers, since then every seller gets a demo account.
 */
export function checkFiles(files: {
  readonly orders: OrdersFile;
  readonly sellers?: SellersFile | undefined;
}): BadFile | undefined {
  const { orders, sellers } = files;
  if (sellers === undefined) return undefined;
  const known = new Set(sellers.rows.map((seller) => seller.sellerId));
  const problems = orders.rows
    .filter((order) => !known.has(order.sellerId))
    .map(({ line, sellerId }) => ({
      line,
      column: 'seller_id',
      message: `${shown(sellerId)} is not in ${sellers.file}; add it there`,
    }));
  return problems.length > 0 ? badFile(orders.file, problems) : undefined;
}
