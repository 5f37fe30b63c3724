import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { answerProblem } from '../api/problem.ts';
import { json, notFound, problems, security } from '../api/responses.ts';
import {
  instantSchema,
  jsonWon,
  nextCursorSchema,
  ownIdSchema,
  pageQuery,
  wonSchema,
} from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { readSeller } from '../orders/shop-seller.repository.ts';
import { listShopTransfers, listTransferOrders, type ShopTransfer } from './shop-transfer.repository.ts';
import type { TransferState } from './transfer.table.ts';

const stateSchema = z.enum([
  'planned',
  'queued',
  'sending',
  'succeeded',
  'failed',
  'unknown',
  'held',
  'cancelled',
  'returned',
] satisfies TransferState[]);

const transferShape = {
  transfer_id: z.string(),
  seller_id: z.string(),
  state: stateSchema.openapi({
    description: 'unknown: the bank has not told yet what became of it; it is never sent again blindly.',
  }),
  reason: z.string().nullable().openapi({ description: 'Why it is held, or has failed.' }),
  amount: wonSchema.openapi({ description: "What is sent: the orders' sum less the fee." }),
  fee: wonSchema,
  bank_code: z.string().nullable(),
  account_number_masked: z.string().nullable(),
  retry_of: z.string().nullable(),
  planned_at: instantSchema,
  settled_at: instantSchema.nullable(),
};

const transferSchema = z.strictObject(transferShape).openapi('Transfer');

const list = createRoute({
  method: 'get',
  path: '/v1/transfers',
  tags: ['transfers'],
  summary: 'List payouts, the youngest first',
  security,
  request: {
    query: z.strictObject({
      state: stateSchema.optional(),
      seller_id: ownIdSchema.optional(),
      ...pageQuery,
    }),
  },
  responses: {
    200: json(
      z
        .strictObject({ transfers: z.array(transferSchema), next_cursor: nextCursorSchema })
        .openapi('TransferPage'),
      'A page of payouts',
    ),
    ...problems(400, 401, 429, 500, 503),
  },
});

const read = createRoute({
  method: 'get',
  path: '/v1/transfers/{transfer_id}',
  tags: ['transfers'],
  summary: 'Read a payout and the orders that it pays',
  security,
  request: {
    params: z.strictObject({
      transfer_id: z
        .string()
        .regex(/^\d{1,18}$/, 'write the digits of a transfer_id')
        .openapi({ param: { name: 'transfer_id', in: 'path' }, example: '17' }),
    }),
  },
  responses: {
    200: json(
      z.strictObject({ ...transferShape, shop_order_ids: z.array(z.string()) }).openapi('TransferWithOrders'),
      'The payout',
    ),
    ...problems(400, 401, 404, 429, 500, 503),
  },
});

/** Payouts to a shop's sellers, to read. */
export function transferRoutes(app: ShopApi, { db }: ShopApiParts): void {
  app.openapi(list, async (c) => {
    const { state, seller_id, cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const { shopId } = c.var.shop;
    const seller = seller_id === undefined ? undefined : await readSeller(db, shopId, seller_id);
    if (seller_id !== undefined && seller === undefined)
      return c.json({ transfers: [], next_cursor: null }, 200);
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listShopTransfers(db, shopId, {
      limit,
      ...(state === undefined ? {} : { state }),
      ...(seller === undefined ? {} : { sellerId: seller.sellerId }),
      ...(before === undefined ? {} : { before }),
    });
    const { items, nextCursor } = pageOf(found, limit, (transfer) => transfer.transferId);
    return c.json({ transfers: items.map(toJson), next_cursor: nextCursor }, 200);
  });

  app.openapi(read, async (c) => {
    const { transfer_id } = c.req.valid('param');
    const wanted = { transferId: BigInt(transfer_id), limit: 1 };
    const [transfer] = await listShopTransfers(db, c.var.shop.shopId, wanted);
    if (transfer === undefined) return answerProblem(c, notFound(`transfer ${transfer_id}`)) as never;
    const orders = await listTransferOrders(db, transfer.transferId);
    return c.json({ ...toJson(transfer), shop_order_ids: orders }, 200);
  });
}

function toJson(transfer: ShopTransfer) {
  return {
    transfer_id: transfer.transferId.toString(),
    seller_id: transfer.ownSellerId,
    state: transfer.state,
    reason: transfer.reason,
    amount: jsonWon(transfer.amount),
    fee: jsonWon(transfer.fee),
    bank_code: transfer.bankCode,
    account_number_masked: transfer.accountNumberMasked,
    retry_of: transfer.retryOf?.toString() ?? null,
    planned_at: transfer.plannedAt.toISOString(),
    settled_at: transfer.settledAt?.toISOString() ?? null,
  };
}
