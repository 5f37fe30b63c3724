import type { Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { Transfer } from './transfer.table.ts';

export interface LockedTransfer {
  readonly transfer: Transfer;
  /** Orders of it that no deposit pays any more. */
  readonly unpaidOrders: readonly bigint[];
}

/**
 * Locks a transfer for a person who decides on it, its orders before it, as booking does: a deposit that is taken back at this moment is either seen here
 * or sees what the person decided.
 */
export async function lockTransfer(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<LockedTransfer | undefined> {
  const orders = await trx
    .selectFrom('transfer_item as i')
    .innerJoin('shop_order as o', 'o.order_id', 'i.order_id')
    .select(['o.order_id', 'o.state'])
    .where('i.transfer_id', '=', transferId)
    .orderBy('o.order_id')
    .forShare('o')
    .execute();
  const transfer = await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', transferId)
    .forUpdate()
    .executeTakeFirst();
  if (transfer === undefined) return undefined;
  return {
    transfer,
    unpaidOrders: orders.filter((order) => order.state !== 'paid').map((order) => order.order_id),
  };
}
