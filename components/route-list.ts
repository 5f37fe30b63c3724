import { createShopApi, type ShopApiParts } from '../functions/api/shop-api.ts';
import { OPERATORS_ROUTE_KEYS } from '../functions/operators/operators-api.ts';
import type { ApiRoute } from './api-routes.ts';

/** Which routes there are depends on this part alone; making the list calls none of them. */
const NEVER_CALLED = {
  webhooks: { reach: 'public', readKeys: () => Promise.reject(new Error('no route is called here')) },
} as unknown as ShopApiParts;

/** Every route of the shops' API, as its own application has them: none can be forgotten here, and none reaches the function that it does not know. */
export function shopRoutes(): ApiRoute[] {
  const routes = createShopApi(NEVER_CALLED)
    .routes.filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({
      method,
      path: path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}'),
      to: 'shops' as const,
    }));
  const unique = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));
  return [...unique.values()];
}

/** Every route of the operators'. */
export function operatorsRoutes(): ApiRoute[] {
  return OPERATORS_ROUTE_KEYS.map((routeKey) => {
    const [method = '', path = ''] = routeKey.split(' ');
    return { method, path, to: 'operators' };
  });
}
