import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { json, problems, security } from '../api/responses.ts';
import { instantSchema, jsonWon, nextCursorSchema, pageQuery, wonSchema } from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { REVIEW_REASONS } from './match.ts';
import { listShopDeposits } from './shop-deposit.repository.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/deposits',
  tags: ['deposits'],
  summary: 'List deposits in review that may be for your orders, the youngest first',
  description:
    'An operator decides about them. A deposit that may be for orders of several shops shows each only its own.',
  security,
  request: { query: z.strictObject(pageQuery) },
  responses: {
    200: json(
      z
        .strictObject({
          deposits: z.array(
            z
              .strictObject({
                deposit_id: z.string(),
                deposited_at: instantSchema,
                amount: wonSchema,
                remaining: wonSchema.openapi({ description: 'Not allocated yet.' }),
                text: z.string().openapi({ description: 'What the payer typed, as the bank shows it.' }),
                reason: z.enum(REVIEW_REASONS),
                candidates: z.array(z.string()).openapi({ description: 'Your shop order ids, best first.' }),
              })
              .openapi('DepositInReview'),
          ),
          next_cursor: nextCursorSchema,
        })
        .openapi('DepositPage'),
      'A page of deposits',
    ),
    ...problems(400, 401, 429, 500, 503),
  },
});

/** What a shop may see of the review queue. */
export function depositRoutes(app: ShopApi, { db }: ShopApiParts): void {
  app.openapi(list, async (c) => {
    const { cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listShopDeposits(db, c.var.shop.shopId, before, limit);
    const { items, nextCursor } = pageOf(found, limit, (deposit) => deposit.rowId);
    const deposits = items.map((deposit) => ({
      deposit_id: deposit.rowId.toString(),
      deposited_at: deposit.depositedAt.toISOString(),
      amount: jsonWon(deposit.amount),
      remaining: jsonWon(deposit.remaining),
      text: deposit.text,
      reason: deposit.reason,
      candidates: [...deposit.candidates],
    }));
    return c.json({ deposits, next_cursor: nextCursor }, 200);
  });
}
