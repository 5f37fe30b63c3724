import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { ownSellerId, type ShopId } from '../shops/api-key.ts';
import type { TransferState } from './transfer.table.ts';

/** A payout as the shop of its seller sees it. Amounts are whole won. */
export interface ShopTransfer {
  readonly transferId: bigint;
  readonly ownSellerId: string;
  readonly state: TransferState;
  readonly reason: string | null;
  readonly amount: bigint;
  readonly fee: bigint;
  readonly bankCode: string | null;
  readonly accountNumberMasked: string | null;
  readonly retryOf: bigint | null;
  readonly plannedAt: Date;
  readonly settledAt: Date | null;
}

/** Payouts to the shop's sellers, the youngest first; one more than `limit`. */
export async function listShopTransfers(
  db: Kysely<Database>,
  shopId: ShopId,
  wanted: {
    readonly state?: TransferState;
    readonly sellerId?: string;
    readonly transferId?: bigint;
    readonly before?: bigint;
    readonly limit: number;
  },
): Promise<ShopTransfer[]> {
  const { state, sellerId, transferId, before, limit } = wanted;
  const rows = await db
    .selectFrom('transfer as t')
    .innerJoin('seller as s', 's.seller_id', 't.seller_id')
    .select([
      't.transfer_id',
      's.seller_id',
      't.state',
      't.held_reason',
      't.failed_reason',
      't.amount',
      't.fee',
      't.bank_code',
      't.account_number_masked',
      't.retry_of',
      't.planned_at',
      't.settled_at',
    ])
    .where('s.shop_id', '=', shopId)
    .where('t.kind', '=', 'payout')
    .$if(state !== undefined, (query) => query.where('t.state', '=', state ?? 'planned'))
    .$if(sellerId !== undefined, (query) => query.where('t.seller_id', '=', sellerId ?? ''))
    .$if(transferId !== undefined, (query) => query.where('t.transfer_id', '=', transferId ?? 0n))
    .$if(before !== undefined, (query) => query.where('t.transfer_id', '<', before ?? 0n))
    .orderBy('t.transfer_id', 'desc')
    .limit(limit + 1)
    .execute();
  return rows.map((row) => ({
    transferId: row.transfer_id,
    ownSellerId: ownSellerId(shopId, row.seller_id),
    state: row.state,
    reason: row.held_reason ?? row.failed_reason,
    amount: row.amount,
    fee: row.fee,
    bankCode: row.bank_code,
    accountNumberMasked: row.account_number_masked,
    retryOf: row.retry_of,
    plannedAt: row.planned_at,
    settledAt: row.settled_at,
  }));
}

/** The shop order ids that a payout pays, or was to pay. */
export async function listTransferOrders(db: Kysely<Database>, transferId: bigint): Promise<string[]> {
  const rows = await db
    .selectFrom('transfer_item as i')
    .innerJoin('shop_order as o', 'o.order_id', 'i.order_id')
    .select('o.shop_order_id')
    .where('i.transfer_id', '=', transferId)
    .orderBy('i.order_id')
    .execute();
  return rows.map((row) => row.shop_order_id);
}
