import { createRoute, z } from '@hono/zod-openapi';
import { pageOf, PAGE_DEFAULT, readCursor } from '../api/cursor.ts';
import { json, problems, security } from '../api/responses.ts';
import { instantSchema, nextCursorSchema, pageQuery } from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { listShopEvents } from './event.repository.ts';
import { EVENT_TYPES } from './event-types.ts';

const list = createRoute({
  method: 'get',
  path: '/v1/events',
  tags: ['events'],
  summary: 'List events of your orders and payouts, the youngest first',
  description: 'The same that webhooks tell. docs/events.md describes each type.',
  security,
  request: { query: z.strictObject({ type: z.enum(EVENT_TYPES).optional(), ...pageQuery }) },
  responses: {
    200: json(
      z
        .strictObject({
          events: z.array(
            z
              .strictObject({
                id: z.string(),
                type: z.enum(EVENT_TYPES),
                version: z.int(),
                occurred_at: instantSchema,
                subject: z.strictObject({ kind: z.string(), id: z.string(), sequence: z.int() }),
                shop_id: z.string().nullable(),
                data: z.looseObject({}),
              })
              .openapi('Event'),
          ),
          next_cursor: nextCursorSchema,
        })
        .openapi('EventPage'),
      'A page of events',
    ),
    ...problems(400, 401, 429, 500, 503),
  },
});

/** What became of a shop's orders and payouts. */
export function eventRoutes(app: ShopApi, { db }: ShopApiParts): void {
  app.openapi(list, async (c) => {
    const { type, cursor, limit = PAGE_DEFAULT } = c.req.valid('query');
    const before = cursor === undefined ? undefined : readCursor(cursor);
    const found = await listShopEvents(db, c.var.shop.shopId, {
      limit,
      ...(type === undefined ? {} : { type }),
      ...(before === undefined ? {} : { before }),
    });
    const { items, nextCursor } = pageOf(found, limit, (event) => event.eventId);
    return c.json(
      {
        events: items.map(({ envelope }) => ({
          ...envelope,
          data: envelope.data as Record<string, unknown>,
        })),
        next_cursor: nextCursor,
      },
      200,
    );
  });
}
