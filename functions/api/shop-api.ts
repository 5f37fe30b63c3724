import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { Clock } from '../shared/clock.ts';
import type { Vault } from '../shared/encryption.ts';
import type { Shop } from '../shops/shop.repository.ts';
import { admitShop } from './admit.ts';
import { docsPage } from './docs-page.ts';
import { createJsonApi } from './json-api.ts';
import { depositRoutes } from '../deposits/deposit.routes.ts';
import { eventRoutes } from '../events/event.routes.ts';
import { orderRoutes } from '../orders/order.routes.ts';
import { payoutAccountRoutes } from '../orders/payout-account.routes.ts';
import { sellerRoutes } from '../orders/seller.routes.ts';
import { transferRoutes } from '../transfers/transfer.routes.ts';
import { webhookRoutes, type WebhookParts } from '../webhooks/webhook.routes.ts';

/** Where buyers pay to, as they are told it. */
export interface CollectionAccount {
  readonly bankCode: string;
  readonly accountNumber: string;
  readonly holder: string;
}

/** What the API works with. */
export interface ShopApiParts {
  readonly db: Kysely<Database>;
  readonly clock: Clock;
  /** Answers a number from 0 up to 1. */
  readonly chance: () => number;
  readonly collection: CollectionAccount;
  /** Requests that one key may make in a minute. */
  readonly requestsPerMinute: number;
  /** Encrypts account numbers, which are stored no other way. */
  readonly readVault: () => Promise<Vault>;
  /** Without it there are no routes of webhooks. */
  readonly webhooks?: WebhookParts;
  readonly log: { error(message: string, detail: Record<string, unknown>): void };
}

/** What a route finds in its context. */
export interface ShopApiEnv {
  Variables: {
    shop: Shop;
    /** Names the key that let the request in; no secret. */
    keyId: string;
  };
}

export type ShopApi = OpenAPIHono<ShopApiEnv>;

const DESCRIPTION = `Place an order, tell the buyer the account, the exact amount and the one-time depositor name (입금자명) to type, and learn when it is paid.
Amounts are whole won. Times are ISO 8601 in UTC. Every error is a Problem (RFC 9457) that names the field, the value and the remedy.`;

/**
 * The API for shops: the same application behind API Gateway and in the local system. It needs no socket: it answers requests.
 */
export function createShopApi(parts: ShopApiParts): ShopApi {
  const app: ShopApi = createJsonApi<ShopApiEnv>({
    guarded: '/v1/*',
    admit: admitShop(parts),
    documents: '/docs',
    log: parts.log,
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'api_key', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key of the shop, `st_…`.',
  });
  orderRoutes(app, parts);
  sellerRoutes(app, parts);
  payoutAccountRoutes(app, parts);
  depositRoutes(app, parts);
  transferRoutes(app, parts);
  eventRoutes(app, parts);
  if (parts.webhooks !== undefined) webhookRoutes(app, parts, parts.webhooks);
  const document = () =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'smart-transfer for shops', version: '1', description: DESCRIPTION },
      servers: [{ url: '/' }],
    });
  app.get('/openapi.json', (c) => c.json(document()));
  app.get('/docs', (c) => c.html(docsPage(document())));
  return app;
}
