import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { answerProblem, type FieldError } from '../api/problem.ts';
import {
  amountSchema,
  instantSchema,
  jsonWon,
  nextCursorSchema,
  ownIdSchema,
  pageQuery,
  textSchema,
  wonSchema,
} from '../api/schemas.ts';
import type { CollectionAccount, ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { invalidField, json, jsonBody, notFound, problems, security } from '../api/responses.ts';
import { won } from '../shared/money.ts';
import { cancelOrder } from './order.repository.ts';
import type { OrderState } from './order.table.ts';
import { placeShopOrder, type PlaceOutcome } from './place-order.step.ts';
import { listShopOrders, readRequestedOrder, type ShopOrder } from './shop-order.repository.ts';

const RECIPIENT_MAX = 40;

const stateSchema = z.enum(['awaiting_deposit', 'paid', 'expired', 'cancelled'] satisfies OrderState[]);

const orderRequestSchema = z
  .strictObject({
    shop_order_id: ownIdSchema.openapi({
      description: "The shop's own id of the order; the same request again is answered with the same order.",
      example: '2026-0317',
    }),
    seller_id: ownIdSchema.openapi({ description: 'Who is paid out.', example: 'haneul-flowers' }),
    recipient_name: textSchema(RECIPIENT_MAX).openapi({
      description: 'Of which the depositor name is made: a name that the buyer knows.',
      example: '김민수',
    }),
    amount: amountSchema,
    expires_at: instantSchema.optional().openapi({
      description:
        "Until when the deposit may come: 10 minutes to 30 days from now; the shop's usual time unless given.",
    }),
  })
  .openapi('OrderRequest');

const orderSchema = z
  .strictObject({
    order_id: z.string().openapi({ example: '1' }),
    shop_order_id: z.string(),
    seller_id: z.string(),
    recipient_name: z.string(),
    state: stateSchema,
    amount: amountSchema.openapi({ description: 'What the buyer pays, to the won.' }),
    outstanding: wonSchema.openapi({
      description: 'What is not paid yet; 0 exactly when the order is paid.',
    }),
    depositor_name: z.string().openapi({
      description: 'What the buyer types as 입금자명, exactly.',
      example: '김민수4831',
    }),
    deposit_to: z
      .strictObject({ bank_code: z.string(), account_number: z.string(), account_holder: z.string() })
      .openapi('CollectionAccount', { description: 'Where the buyer pays.' }),
    opens_at: instantSchema,
    expires_at: instantSchema.nullable(),
    paid_at: instantSchema.nullable(),
    closed_at: instantSchema.nullable(),
  })
  .openapi('Order');

const path = z.strictObject({
  shop_order_id: ownIdSchema.openapi({ param: { name: 'shop_order_id', in: 'path' }, example: '2026-0317' }),
});

const place = createRoute({
  method: 'post',
  path: '/v1/orders',
  tags: ['orders'],
  summary: 'Place an order',
  description:
    'Answers where the buyer pays, what exactly, and which depositor name to type. The same request again is answered with the same order (200); another one under the same shop_order_id is refused (409) with what differs.',
  security,
  request: { body: jsonBody(orderRequestSchema) },
  responses: {
    200: json(orderSchema, 'The order, placed by an earlier request that was the same'),
    201: json(orderSchema, 'The order, placed now'),
    ...problems(400, 401, 409, 413, 415, 429, 500, 503),
  },
});

const read = createRoute({
  method: 'get',
  path: '/v1/orders/{shop_order_id}',
  tags: ['orders'],
  summary: 'Read an order',
  security,
  request: { params: path },
  responses: { 200: json(orderSchema, 'The order'), ...problems(400, 401, 404, 429, 500, 503) },
});

const cancel = createRoute({
  method: 'post',
  path: '/v1/orders/{shop_order_id}/cancel',
  tags: ['orders'],
  summary: 'Cancel an order',
  description:
    'An order that is paid or expired cannot be cancelled (409). Cancelling twice is answered as cancelling once. What is paid for it later goes to review.',
  security,
  request: { params: path },
  responses: {
    200: json(orderSchema, 'The order, cancelled now or before'),
    ...problems(400, 401, 404, 409, 429, 500, 503),
  },
});

const list = createRoute({
  method: 'get',
  path: '/v1/orders',
  tags: ['orders'],
  summary: 'List orders, the youngest first',
  security,
  request: { query: z.strictObject({ state: stateSchema.optional(), ...pageQuery }) },
  responses: {
    200: json(
      z.strictObject({ orders: z.array(orderSchema), next_cursor: nextCursorSchema }).openapi('OrderPage'),
      'A page of orders',
    ),
    ...problems(400, 401, 429, 500, 503),
  },
});

/** Placing, reading, cancelling and listing a shop's orders. */
export function orderRoutes(app: ShopApi, { db, clock, chance, collection }: ShopApiParts): void {
  app.openapi(place, async (c) => {
    const body = c.req.valid('json');
    const request = {
      shopOrderId: body.shop_order_id,
      ownSellerId: body.seller_id,
      recipientName: body.recipient_name,
      amount: won(BigInt(body.amount)),
      ...(body.expires_at === undefined ? {} : { expiresAt: new Date(body.expires_at) }),
    };
    const placed = await placeShopOrder(db, c.var.shop, request, clock.now(), chance);
    if (placed.outcome === 'placed') return c.json(toJson(placed.order, collection), 201);
    if (placed.outcome === 'placed_before') return c.json(toJson(placed.order, collection), 200);
    return answerProblem(c, whyNotPlaced(placed, body)) as never;
  });

  app.openapi(read, async (c) => {
    const { shop_order_id } = c.req.valid('param');
    const found = await readRequestedOrder(db, c.var.shop.shopId, shop_order_id);
    if (found === undefined) return answerProblem(c, notFound(`order ${shop_order_id}`)) as never;
    return c.json(toJson(found.order, collection), 200);
  });

  app.openapi(cancel, async (c) => {
    const { shop_order_id } = c.req.valid('param');
    const { shopId } = c.var.shop;
    const cancelled = await db
      .transaction()
      .execute(async (trx) => await cancelOrder(trx, shopId, shop_order_id, clock.now()));
    const found = await readRequestedOrder(db, shopId, shop_order_id);
    if (cancelled === 'unknown' || found === undefined)
      return answerProblem(c, notFound(`order ${shop_order_id}`)) as never;
    if (cancelled === 'paid' || cancelled === 'expired') {
      const detail = `order ${shop_order_id} is ${cancelled}: only an order that awaits its deposit can be cancelled`;
      return answerProblem(c, { status: 409, code: 'order_not_cancellable', detail }) as never;
    }
    return c.json(toJson(found.order, collection), 200);
  });

  app.openapi(list, async (c) => {
    const { state, cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listShopOrders(db, c.var.shop.shopId, {
      limit,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
    });
    const { items, nextCursor } = pageOf(found, limit, (order) => order.orderId);
    return c.json({ orders: items.map((order) => toJson(order, collection)), next_cursor: nextCursor }, 200);
  });
}

function toJson(order: ShopOrder, collection: CollectionAccount) {
  return {
    order_id: order.orderId.toString(),
    shop_order_id: order.shopOrderId,
    seller_id: order.ownSellerId,
    recipient_name: order.recipientName,
    state: order.state,
    amount: Number(order.amount),
    outstanding: jsonWon(order.outstanding),
    depositor_name: order.depositorName,
    deposit_to: {
      bank_code: collection.bankCode,
      account_number: collection.accountNumber,
      account_holder: collection.holder,
    },
    opens_at: order.opensAt.toISOString(),
    expires_at: order.expiresAt?.toISOString() ?? null,
    paid_at: order.paidAt?.toISOString() ?? null,
    closed_at: order.closedAt?.toISOString() ?? null,
  };
}

type NotPlaced = Exclude<PlaceOutcome, { outcome: 'placed' | 'placed_before' }>;

function whyNotPlaced(why: NotPlaced, body: z.infer<typeof orderRequestSchema>) {
  switch (why.outcome) {
    case 'differs': {
      const errors: FieldError[] = why.differences.map(({ field, first, now }) => ({
        field: `body.${field}`,
        value: now,
        remedy: `the first request under shop_order_id ${body.shop_order_id} had ${first}: send that again, or use a new shop_order_id`,
      }));
      const detail = `shop_order_id ${body.shop_order_id} was used for another request; nothing is placed`;
      return { status: 409, code: 'differs', detail, errors } as const;
    }
    case 'unknown_seller':
      return invalidField('seller_id', body.seller_id, 'your shop has no seller of this id; add it first');
    case 'deadline_out_of_bounds': {
      const bounds = `write a time from ${why.earliest.toISOString()} to ${why.latest.toISOString()}`;
      return invalidField('expires_at', body.expires_at ?? '(not given)', bounds);
    }
    case 'no_free_name': {
      const detail = `every depositor name of "${body.recipient_name}" is taken: write the recipient's name otherwise, or try again later`;
      return { status: 409, code: 'no_free_name', detail } as const;
    }
    default:
      return why satisfies never;
  }
}
