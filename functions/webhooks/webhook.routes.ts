import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { answerProblem } from '../api/problem.ts';
import { invalidField, json, jsonBody, notFound, problems, security } from '../api/responses.ts';
import { instantSchema, nextCursorSchema, pageQuery } from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { EVENT_TYPES } from '../events/event-types.ts';
import { signingKeyOf, type WebhookKeys } from './webhook-keys.ts';
import { parseWebhookUrl, type WebhookReach } from './webhook-url.ts';
import {
  addEndpoint,
  ENDPOINTS_MAX,
  listDeliveries,
  listEndpoints,
  removeShopEndpoint,
  resendDelivery,
  rotateEndpoint,
  type Delivery,
  type Endpoint,
} from './webhook.repository.ts';

/** What the routes of webhooks need beside the database. */
export interface WebhookParts {
  readonly readKeys: () => Promise<WebhookKeys>;
  readonly reach: WebhookReach;
}

const rowId = z
  .string('write the id as it was answered')
  .regex(/^\d{1,18}$/, 'write the id as it was answered');

const webhookFields = {
  webhook_id: rowId,
  url: z.string(),
  types: z.array(z.enum(EVENT_TYPES)).openapi({ description: 'None means all.' }),
  state: z
    .enum(['active', 'failing', 'removed'])
    .openapi({ description: '`failing`: the last delivery failed.' }),
  created_at: instantSchema,
};

const webhookSchema = z.strictObject(webhookFields).openapi('Webhook');

const withKeySchema = z
  .strictObject({
    ...webhookFields,
    signing_key: z
      .string()
      .openapi({ description: 'Verifies the requests, by Standard Webhooks. Shown this once.' }),
  })
  .openapi('WebhookWithKey');

const deliverySchema = z
  .strictObject({
    delivery_id: rowId,
    webhook_id: rowId,
    event_id: z.string(),
    type: z.enum(EVENT_TYPES),
    state: z.enum(['pending', 'delivered', 'parked']),
    attempts: z.int(),
    next_attempt_at: instantSchema.nullable(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    last_attempt_at: instantSchema.nullable(),
  })
  .openapi('WebhookDelivery');

const webhookPath = z.strictObject({
  webhook_id: rowId.openapi({ param: { name: 'webhook_id', in: 'path' }, example: '1' }),
});

const deliveryPath = z.strictObject({
  delivery_id: rowId.openapi({ param: { name: 'delivery_id', in: 'path' }, example: '1' }),
});

const tags = ['webhooks'];

const add = createRoute({
  method: 'post',
  path: '/v1/webhooks',
  tags,
  summary: 'Be told of events by a webhook',
  description:
    'Events are posted to the address, signed by Standard Webhooks. docs/events.md tells how to verify them.',
  security,
  request: {
    body: jsonBody(
      z
        .strictObject({
          url: z.string().openapi({ example: 'https://shop.example/hooks' }),
          types: z.array(z.enum(EVENT_TYPES)).max(EVENT_TYPES.length).optional(),
        })
        .openapi('WebhookRequest'),
    ),
  },
  responses: {
    201: json(withKeySchema, 'The webhook, with its signing key'),
    ...problems(400, 401, 409, 413, 415, 429, 500, 503),
  },
});

const list = createRoute({
  method: 'get',
  path: '/v1/webhooks',
  tags,
  summary: 'List webhooks',
  security,
  responses: {
    200: json(z.strictObject({ webhooks: z.array(webhookSchema) }).openapi('WebhookList'), 'All webhooks'),
    ...problems(401, 429, 500, 503),
  },
});

const remove = createRoute({
  method: 'delete',
  path: '/v1/webhooks/{webhook_id}',
  tags,
  summary: 'Remove a webhook',
  security,
  request: { params: webhookPath },
  responses: { 204: { description: 'It is removed' }, ...problems(400, 401, 404, 429, 500, 503) },
});

const rotate = createRoute({
  method: 'post',
  path: '/v1/webhooks/{webhook_id}/rotate',
  tags,
  summary: "Change a webhook's signing key",
  description: 'The key before signs too for 24 hours.',
  security,
  request: { params: webhookPath },
  responses: {
    200: json(withKeySchema, 'The webhook, with its new signing key'),
    ...problems(400, 401, 404, 429, 500, 503),
  },
});

const deliveries = createRoute({
  method: 'get',
  path: '/v1/webhook-deliveries',
  tags,
  summary: 'List what became of deliveries, the youngest first',
  security,
  request: {
    query: z.strictObject({ state: z.enum(['pending', 'delivered', 'parked']).optional(), ...pageQuery }),
  },
  responses: {
    200: json(
      z
        .strictObject({ deliveries: z.array(deliverySchema), next_cursor: nextCursorSchema })
        .openapi('WebhookDeliveryPage'),
      'A page of deliveries',
    ),
    ...problems(400, 401, 429, 500, 503),
  },
});

const resend = createRoute({
  method: 'post',
  path: '/v1/webhook-deliveries/{delivery_id}/resend',
  tags,
  summary: 'Send a parked delivery again',
  description: 'It is sent within a minute or so, and has all its attempts before it.',
  security,
  request: { params: deliveryPath },
  responses: { 204: { description: 'It is due' }, ...problems(400, 401, 404, 409, 429, 500, 503) },
});

/** A shop's webhooks: adding, removing, rotating keys, and seeing and resending what could not be delivered. */
export function webhookRoutes(
  app: ShopApi,
  { db, clock }: ShopApiParts,
  { readKeys, reach }: WebhookParts,
): void {
  app.openapi(add, async (c) => {
    const body = c.req.valid('json');
    const read = parseWebhookUrl(body.url, reach);
    if ('wrong' in read)
      return answerProblem(c, invalidField('url', body.url.slice(0, 80), read.wrong)) as never;
    const keys = await readKeys();
    const { shopId } = c.var.shop;
    const endpoint = {
      shopId,
      url: read.url.href,
      types: body.types ?? [],
      keyId: keys.current,
      by: `shop ${shopId}`,
    };
    const added = await db
      .transaction()
      .execute(async (trx) => await addEndpoint(trx, endpoint, clock.now()));
    if (added === 'exists') {
      const detail = `your shop has a webhook to ${endpoint.url}; remove it first to add it anew`;
      return answerProblem(c, { status: 409, code: 'webhook_exists', detail }) as never;
    }
    if (added === 'too_many') {
      const remedy = `a shop has at most ${ENDPOINTS_MAX} webhooks; remove one first`;
      return answerProblem(c, invalidField('url', body.url.slice(0, 80), remedy)) as never;
    }
    return c.json(withKey(added, keys), 201);
  });

  app.openapi(list, async (c) => {
    const found = await listEndpoints(db, c.var.shop.shopId);
    return c.json({ webhooks: found.map(toJson) }, 200);
  });

  app.openapi(remove, async (c) => {
    const { webhook_id } = c.req.valid('param');
    const { shopId } = c.var.shop;
    const removed = await db
      .transaction()
      .execute(async (trx) => await removeShopEndpoint(trx, shopId, BigInt(webhook_id), clock.now()));
    return removed ? c.body(null, 204) : answerProblem(c, notFound(`webhook ${webhook_id}`));
  });

  app.openapi(rotate, async (c) => {
    const { webhook_id } = c.req.valid('param');
    const keys = await readKeys();
    const rotated = await rotateEndpoint(
      db,
      c.var.shop.shopId,
      BigInt(webhook_id),
      keys.current,
      clock.now(),
    );
    if (rotated === undefined) return answerProblem(c, notFound(`webhook ${webhook_id}`)) as never;
    return c.json(withKey(rotated, keys), 200);
  });

  app.openapi(deliveries, async (c) => {
    const { state, cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listDeliveries(db, c.var.shop.shopId, {
      limit,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
    });
    const { items, nextCursor } = pageOf(found, limit, (delivery) => delivery.delivery_id);
    return c.json({ deliveries: items.map(deliveryToJson), next_cursor: nextCursor }, 200);
  });

  app.openapi(resend, async (c) => {
    const { delivery_id } = c.req.valid('param');
    const resent = await resendDelivery(db, c.var.shop.shopId, BigInt(delivery_id), clock.now());
    if (resent === 'unknown') return answerProblem(c, notFound(`delivery ${delivery_id}`));
    if (resent === 'not_parked') {
      const detail = `delivery ${delivery_id} is not parked: only what is parked can be sent again`;
      return answerProblem(c, { status: 409, code: 'not_parked', detail });
    }
    return c.body(null, 204);
  });
}

function toJson({ endpoint_id, url, types, state, created_at }: Endpoint) {
  return {
    webhook_id: endpoint_id.toString(),
    url,
    types: EVENT_TYPES.filter((type) => types.includes(type)),
    state,
    created_at: created_at.toISOString(),
  };
}

function withKey(endpoint: Endpoint, keys: WebhookKeys) {
  const name = { keyId: endpoint.key_id, generation: endpoint.generation };
  return { ...toJson(endpoint), signing_key: signingKeyOf(keys, endpoint.endpoint_id.toString(), name) };
}

function deliveryToJson(delivery: Delivery) {
  return {
    delivery_id: delivery.delivery_id.toString(),
    webhook_id: delivery.endpoint_id.toString(),
    event_id: delivery.event_id,
    type: delivery.type,
    state: delivery.state,
    attempts: delivery.attempts,
    next_attempt_at: delivery.state === 'pending' ? delivery.due_at.toISOString() : null,
    last_status: delivery.last_status,
    last_error: delivery.last_error,
    last_attempt_at: delivery.last_attempt_at?.toISOString() ?? null,
  };
}
