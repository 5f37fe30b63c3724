import { z } from '@hono/zod-openapi';
import { parseShopId } from '../shops/api-key.ts';
import { resendForOperator } from '../webhooks/resend.step.ts';
import { EVERY_SHOP, listDeliveries } from '../webhooks/webhook.repository.ts';
import { command, reading } from './operation.ts';
import { idSchema, instantSchema, limitSchema, listOf, reasonSchema } from './schemas.ts';

const REMEDY = 'write lower case letters, digits and hyphens';

/** A shop's id. */
export const shopIdSchema = z
  .string(REMEDY)
  .transform((text, context) => {
    const id = parseShopId(text);
    if (id !== undefined) return id;
    context.addIssue(REMEDY);
    return z.NEVER;
  })
  .openapi({ type: 'string', example: 'namu-books' });

const deliverySchema = z
  .object({
    delivery_id: idSchema,
    shop_id: z.string(),
    url: z.string(),
    event_id: z.string(),
    type: z.string(),
    state: z.enum(['pending', 'delivered', 'parked']),
    attempts: z.int(),
    due_at: instantSchema,
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    last_attempt_at: instantSchema.nullable(),
  })
  .openapi('OperatorsDelivery');

export type Delivery = z.output<typeof deliverySchema>;

export const listTheDeliveries = reading({
  name: 'webhooks list',
  path: '/webhook-deliveries',
  summary: 'what became of deliveries to shops, the youngest first',
  input: z.object({
    shop_id: shopIdSchema.optional(),
    state: z.enum(['pending', 'delivered', 'parked']).optional(),
    limit: limitSchema(50),
  }),
  answer: z.object({ deliveries: listOf(deliverySchema) }).openapi('OperatorsDeliveryList'),
  async read({ db }, { shop_id: shopId, state, limit }) {
    const wanted = { limit, ...(state === undefined ? {} : { state }) };
    const found = await listDeliveries(db, shopId ?? EVERY_SHOP, wanted);
    return { deliveries: found.slice(0, limit) };
  },
});

export const resend = command({
  name: 'webhooks resend',
  path: '/webhook-deliveries/{delivery_id}/resend',
  summary: 'send a parked delivery again, with all its attempts before it',
  input: z.object({ delivery_id: idSchema, reason: reasonSchema }),
  answer: z.object({ outcome: z.literal('due'), delivery_id: idSchema }).openapi('DeliveryDue'),
  async act({ db }, acting, { delivery_id }) {
    const outcome = await resendForOperator(db, acting, delivery_id);
    return outcome.outcome === 'refused' ? outcome : { outcome: 'due', delivery_id };
  },
});

export const webhookOperations = [listTheDeliveries, resend] as const;
