import { OpenAPIHono } from '@hono/zod-openapi';
import type { Kysely } from 'kysely';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { routePath } from 'hono/route';
import type { Database } from '../database.ts';
import type { Clock } from '../shared/clock.ts';
import type { Vault } from '../shared/encryption.ts';
import type { Shop } from '../shops/shop.repository.ts';
import { admitShop } from './admit.ts';
import { docsPage } from './docs-page.ts';
import { answerProblem } from './problem.ts';
import { refuseInvalid } from './refuse-invalid.ts';
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

/** No request is larger than this: an order is a few hundred bytes. */
const BODY_BYTES_MAX = 16 * 1024;

const DESCRIPTION = `Place an order, tell the buyer the account, the exact amount and the one-time depositor name (입금자명) to type, and learn when it is paid.
Amounts are whole won. Times are ISO 8601 in UTC. Every error is a Problem (RFC 9457) that names the field, the value and the remedy.`;

/**
 * The API for shops: the same application behind API Gateway and in the local system. It needs no socket: it answers requests.
 */
export function createShopApi(parts: ShopApiParts): ShopApi {
  const app: ShopApi = new OpenAPIHono<ShopApiEnv>({ defaultHook: refuseInvalid });
  app.openAPIRegistry.registerComponent('securitySchemes', 'api_key', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key of the shop, `st_…`.',
  });
  app.use('*', async (c, next) => {
    await next();
    c.res.headers.set('cache-control', 'no-store');
    c.res.headers.set('x-content-type-options', 'nosniff');
  });
  app.use('/v1/*', admitShop(parts));
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (c: Context) =>
        answerProblem(c, {
          status: 413,
          code: 'too_large',
          detail: `a request holds at most ${BODY_BYTES_MAX} bytes`,
        }),
    }),
  );
  app.use('/v1/*', async (c, next) => {
    const type = c.req.header('content-type');
    const hasBody = c.req.raw.body !== null && c.req.header('content-length') !== '0';
    if (hasBody && !/^application\/json\s*(;|$)/i.test(type ?? ''))
      return answerProblem(c, {
        status: 415,
        code: 'unsupported_media_type',
        detail: `the body's content-type is ${type ?? 'missing'}; send application/json`,
      });
    await next();
    return;
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
  app.notFound((c) =>
    answerProblem(c, {
      status: 404,
      code: 'not_found',
      detail: `there is no ${c.req.method} ${c.req.path}; /docs lists what there is`,
    }),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 400)
      return answerProblem(c, { status: 400, code: 'bad_request', detail: 'the body is not whole JSON' });
    parts.log.error('a request could not be answered', {
      method: c.req.method,
      path: routePath(c),
      error: error.message,
    });
    return isUnavailable(error)
      ? answerProblem(
          c,
          { status: 503, code: 'unavailable', detail: 'the database is not reached; try again in a moment' },
          { 'retry-after': '15' },
        )
      : answerProblem(c, {
          status: 500,
          code: 'internal',
          detail: 'nothing was changed; the error is logged',
        });
  });
  return app;
}

/** The database is away, or resumes from a pause: SQLSTATE classes 08, 53 and 57P, Node's own codes, the driver's words. */
function isUnavailable(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return /^(08|53|57P|E[A-Z]+$)/.test(code);
  return typeof message === 'string' && /connection|timeout/i.test(message);
}
