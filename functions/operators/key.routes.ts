import { z } from '@hono/zod-openapi';
import { createApiKey, endApiKey } from '../shops/api-keys.step.ts';
import { listApiKeys } from '../shops/shop.repository.ts';
import { command, reading } from './operation.ts';
import { instantSchema, listOf, reasonSchema, textSchema } from './schemas.ts';
import { shopIdSchema } from './webhook.routes.ts';

const ORDER_LIFE_MINUTES = 24 * 60;

const keySchema = z
  .object({
    key_id: z.string(),
    shop_id: z.string(),
    label: z.string(),
    created_by: z.string(),
    created_at: instantSchema,
    revoked_by: z.string().nullable(),
    revoked_at: instantSchema.nullable(),
  })
  .openapi('ApiKey');

export type ListedKey = z.output<typeof keySchema>;

export const create = command({
  name: 'keys create',
  path: '/keys',
  summary: 'make a key for a shop, and show it this once; with a name and a fee the shop is added, too',
  description: 'Where the answer is lost, the key is: revoke it (keys list names it) and make another.',
  input: z.object({
    shop_id: shopIdSchema,
    label: z.string().max(100).default('').openapi({ description: 'What the key is for.' }),
    name: textSchema(100).optional().openapi({ description: 'The name of a shop that is not there yet.' }),
    fee_bp: z.int().min(0).max(10_000).optional().openapi({ description: 'Its fee in basis points.' }),
    reason: reasonSchema,
  }),
  answer: z
    .object({
      outcome: z.literal('created'),
      shop_id: z.string(),
      key_id: z.string(),
      key: z.string(),
      shop_added: z.boolean(),
    })
    .openapi('ApiKeyCreated'),
  async act({ db }, acting, { shop_id: shopId, label, name, fee_bp: feeBp }) {
    const newShop =
      name === undefined || feeBp === undefined
        ? {}
        : { newShop: { name, feeBp, orderLifeMinutes: ORDER_LIFE_MINUTES } };
    const created = await createApiKey(db, acting, { shopId, label, ...newShop });
    if (created.outcome === 'refused') return created;
    const { keyId, key, shopAdded } = created.result;
    return { outcome: 'created', shop_id: shopId, key_id: keyId, key, shop_added: shopAdded };
  },
});

export const list = reading({
  name: 'keys list',
  path: '/keys',
  summary: 'list keys, the youngest first',
  input: z.object({ shop_id: shopIdSchema.optional() }),
  answer: z.object({ keys: listOf(keySchema) }).openapi('ApiKeyList'),
  read: async ({ db }, { shop_id }) => ({ keys: await listApiKeys(db, shop_id) }),
});

export const revoke = command({
  name: 'keys revoke',
  path: '/keys/{key_id}/revoke',
  summary: 'end a key at once',
  input: z.object({
    key_id: z
      .string()
      .regex(/^[a-z0-9]{12}$/, 'write the twelve characters after st_')
      .openapi({ example: 'a1b2c3d4e5f6' }),
    reason: reasonSchema,
  }),
  answer: z.object({ outcome: z.literal('revoked'), key_id: z.string() }).openapi('ApiKeyRevoked'),
  async act({ db }, acting, { key_id }) {
    const ended = await endApiKey(db, acting, key_id);
    return ended.outcome === 'refused' ? ended : { outcome: 'revoked', key_id };
  },
});

export const keyOperations = [create, list, revoke] as const;
