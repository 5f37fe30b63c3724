import type { MiddlewareHandler } from 'hono';
import { parseApiKey } from '../shops/api-key.ts';
import { admit } from '../shops/shop.repository.ts';
import { answerProblem } from './problem.ts';
import type { ShopApiEnv, ShopApiParts } from './shop-api.ts';

/** Lets a request in by its API key, within the key's rate. What is not let in has told nothing about any shop. */
export function admitShop(
  parts: Pick<ShopApiParts, 'db' | 'clock' | 'requestsPerMinute'>,
): MiddlewareHandler<ShopApiEnv> {
  return async (c, next) => {
    const [scheme, token, ...rest] = (c.req.header('authorization') ?? '').split(' ');
    const key =
      scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0
        ? parseApiKey(token)
        : undefined;
    const admission =
      key === undefined
        ? ({ outcome: 'unknown_key' } as const)
        : await admit(parts.db, key, parts.requestsPerMinute, parts.clock.now());
    switch (admission.outcome) {
      case 'unknown_key':
        return answerProblem(
          c,
          {
            status: 401,
            code: 'unauthorised',
            detail: 'send a valid API key of your shop as "Authorization: Bearer st_…"',
          },
          { 'www-authenticate': 'Bearer' },
        );
      case 'too_many':
        return answerProblem(
          c,
          {
            status: 429,
            code: 'too_many_requests',
            detail: `a key makes at most ${parts.requestsPerMinute} requests a minute; try again in ${admission.retryAfterS} s`,
          },
          { 'retry-after': admission.retryAfterS.toString() },
        );
      case 'admitted':
        c.set('shop', admission.shop);
        c.set('keyId', admission.keyId);
        await next();
        return;
      default:
        return admission satisfies never;
    }
  };
}
