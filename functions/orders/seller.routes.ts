import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { answerProblem } from '../api/problem.ts';
import { json, jsonBody, notFound, problems, security } from '../api/responses.ts';
import {
  instantSchema,
  jsonWon,
  nextCursorSchema,
  ownIdSchema,
  pageQuery,
  textSchema,
  wonSchema,
} from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { sellerAccount } from '../ledger/accounts.ts';
import { readBalances } from '../ledger/ledger.repository.ts';
import {
  addShopSeller,
  listSellers,
  listStatement,
  readSeller,
  renameSeller,
  type MaskedAccount,
  type ShopSeller,
} from './shop-seller.repository.ts';

const NAME_MAX = 60;

const accountFields = {
  bank_code: z.string().openapi({ example: '088' }),
  account_number_masked: z.string().openapi({ example: '********0401' }),
  account_holder: z.string(),
};

const accountSchema = z.strictObject(accountFields).openapi('PayoutAccount', {
  description: 'An account that payouts go to; its number is never shown whole.',
});

const waitingAccountSchema = z
  .strictObject({ ...accountFields, requested_at: instantSchema })
  .openapi('WaitingPayoutAccount', {
    description: 'An account that was asked for; payouts go there once a second person has approved it.',
  });

export const sellerSchema = z
  .strictObject({
    seller_id: z.string(),
    name: z.string(),
    fee_bp: z.int().openapi({ description: 'Our fee, basis points: 250 is 2.5 per cent.', example: 250 }),
    created_at: instantSchema,
    payout_account: accountSchema
      .nullable()
      .openapi({ description: 'Null: payouts wait until one is approved.' }),
    requested_payout_account: waitingAccountSchema
      .nullable()
      .openapi({ description: 'Asked for, and waiting for the approval of a second person.' }),
  })
  .openapi('Seller');

/** The path of what belongs to a seller. */
export const sellerPath = z.strictObject({
  seller_id: ownIdSchema.openapi({ param: { name: 'seller_id', in: 'path' }, example: 'haneul-flowers' }),
});

const put = createRoute({
  method: 'put',
  path: '/v1/sellers/{seller_id}',
  tags: ['sellers'],
  summary: 'Add or rename a seller',
  security,
  request: {
    params: sellerPath,
    body: jsonBody(z.strictObject({ name: textSchema(NAME_MAX) }).openapi('SellerRequest')),
  },
  responses: {
    200: json(sellerSchema, 'The seller, which was there'),
    201: json(sellerSchema, 'The seller, added now'),
    ...problems(400, 401, 413, 415, 429, 500, 503),
  },
});

const read = createRoute({
  method: 'get',
  path: '/v1/sellers/{seller_id}',
  tags: ['sellers'],
  summary: 'Read a seller',
  security,
  request: { params: sellerPath },
  responses: { 200: json(sellerSchema, 'The seller'), ...problems(400, 401, 404, 429, 500, 503) },
});

const list = createRoute({
  method: 'get',
  path: '/v1/sellers',
  tags: ['sellers'],
  summary: 'List sellers, in the order of their ids',
  security,
  request: {
    query: z.strictObject({
      after: ownIdSchema.optional().openapi({ description: 'The last `seller_id` of the page before.' }),
      limit: pageQuery.limit,
    }),
  },
  responses: {
    200: json(z.strictObject({ sellers: z.array(sellerSchema) }).openapi('SellerPage'), 'A page of sellers'),
    ...problems(400, 401, 429, 500, 503),
  },
});

const balance = createRoute({
  method: 'get',
  path: '/v1/sellers/{seller_id}/balance',
  tags: ['sellers'],
  summary: 'What we owe a seller now',
  security,
  request: { params: sellerPath },
  responses: {
    200: json(
      z
        .strictObject({
          seller_id: z.string(),
          balance: wonSchema.openapi({
            description:
              'Paid orders less fees and less what was paid out or is on its way; below 0 the seller owes us.',
          }),
        })
        .openapi('Balance'),
      'The balance',
    ),
    ...problems(400, 401, 404, 429, 500, 503),
  },
});

const statement = createRoute({
  method: 'get',
  path: '/v1/sellers/{seller_id}/statement',
  tags: ['sellers'],
  summary: "What moved a seller's balance, the youngest first",
  security,
  request: { params: sellerPath, query: z.strictObject(pageQuery) },
  responses: {
    200: json(
      z
        .strictObject({
          lines: z.array(
            z
              .strictObject({
                line_id: z.string(),
                at: instantSchema,
                kind: z.string().openapi({
                  description:
                    'allocation: an order was paid; hold: a payout began; void: it did not go; return: it came back; reversal, correction.',
                }),
                amount: wonSchema,
                shop_order_id: z.string().nullable(),
                transfer_id: z.string().nullable(),
              })
              .openapi('StatementLine'),
          ),
          next_cursor: nextCursorSchema,
        })
        .openapi('Statement'),
      'A page of lines',
    ),
    ...problems(400, 401, 404, 429, 500, 503),
  },
});

/** A shop's sellers, and what we owe them. */
export function sellerRoutes(app: ShopApi, { db, clock }: ShopApiParts): void {
  app.openapi(put, async (c) => {
    const { seller_id } = c.req.valid('param');
    const { name } = c.req.valid('json');
    const { shopId } = c.var.shop;
    const { added, seller } = await db.transaction().execute(async (trx) => {
      const known = await readSeller(trx, shopId, seller_id);
      const isNew =
        known === undefined &&
        (await addShopSeller(trx, shopId, { ownSellerId: seller_id, name }, clock.now()));
      const found = known ?? (await readSeller(trx, shopId, seller_id));
      if (found === undefined)
        throw new Error(`seller ${seller_id} of shop ${shopId} was added and is not there`);
      if (!isNew) await renameSeller(trx, found.sellerId, name);
      return { added: isNew, seller: found };
    });
    return c.json(sellerJson({ ...seller, name }), added ? 201 : 200);
  });

  app.openapi(read, async (c) => {
    const { seller_id } = c.req.valid('param');
    const seller = await readSeller(db, c.var.shop.shopId, seller_id);
    if (seller === undefined) return answerProblem(c, notFound(`seller ${seller_id}`)) as never;
    return c.json(sellerJson(seller), 200);
  });

  app.openapi(list, async (c) => {
    const { after, limit = PAGE_DEFAULT } = c.req.valid('query');
    const { shopId } = c.var.shop;
    const last = after === undefined ? undefined : await readSeller(db, shopId, after);
    const found = await listSellers(db, shopId, last?.sellerId ?? after, limit);
    return c.json({ sellers: found.slice(0, limit).map(sellerJson) }, 200);
  });

  app.openapi(balance, async (c) => {
    const { seller_id } = c.req.valid('param');
    const seller = await readSeller(db, c.var.shop.shopId, seller_id);
    if (seller === undefined) return answerProblem(c, notFound(`seller ${seller_id}`)) as never;
    const account = sellerAccount(seller.sellerId);
    const won = (await readBalances(db, [account])).get(account) ?? 0n;
    return c.json({ seller_id, balance: jsonWon(won) }, 200);
  });

  app.openapi(statement, async (c) => {
    const { seller_id } = c.req.valid('param');
    const { cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const seller = await readSeller(db, c.var.shop.shopId, seller_id);
    if (seller === undefined) return answerProblem(c, notFound(`seller ${seller_id}`)) as never;
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listStatement(db, seller.sellerId, before, limit);
    const { items, nextCursor } = pageOf(found, limit, (line) => line.postingId);
    const lines = items.map((line) => ({
      line_id: line.postingId.toString(),
      at: line.at.toISOString(),
      kind: line.kind,
      amount: jsonWon(line.amount),
      shop_order_id: line.shopOrderId,
      transfer_id: line.transferId?.toString() ?? null,
    }));
    return c.json({ lines, next_cursor: nextCursor }, 200);
  });
}

/** A seller as the API answers it. */
export function sellerJson(seller: ShopSeller) {
  const { approvedAccount: approved, requestedAccount: waiting } = seller;
  return {
    seller_id: seller.ownSellerId,
    name: seller.name,
    fee_bp: seller.feeBp,
    created_at: seller.createdAt.toISOString(),
    payout_account: approved === undefined ? null : accountJson(approved),
    requested_payout_account:
      waiting === undefined
        ? null
        : { ...accountJson(waiting), requested_at: waiting.requestedAt.toISOString() },
  };
}

function accountJson({ bankCode, accountNumberMasked, holder }: MaskedAccount) {
  return { bank_code: bankCode, account_number_masked: accountNumberMasked, account_holder: holder };
}
