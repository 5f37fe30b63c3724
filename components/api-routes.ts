/** Which of the API's functions answers. */
export type ApiFunction = 'shops' | 'operators';

/** One route of the API: what is not listed is answered by API Gateway itself, and reaches no function. */
export interface ApiRoute {
  /** Such as `GET`. */
  readonly method: string;
  /** Such as `/v1/orders/{shop_order_id}`. */
  readonly path: string;
  readonly to: ApiFunction;
}

/** A route as API Gateway names it. */
export function routeKey({ method, path }: ApiRoute): string {
  return `${method} ${path}`;
}

/** A name for the resources of a route: `GET /v1/orders/{shop_order_id}` is `get-v1-orders-shop_order_id`. */
export function routeName({ method, path }: ApiRoute): string {
  const words = path.split('/').map((part) => part.replace(/[{}]/g, '').replace(/[^\w]+/g, '-'));
  return [method.toLowerCase(), ...words.filter((word) => word !== '')].join('-');
}

/** What the requests of a route look like in the ARN that API Gateway calls a function for: a parameter stands for any value. */
export function routeSource({ method, path }: ApiRoute): string {
  return `${method}${path.replace(/\{[^}]+\}/g, '*')}`;
}

/**
 * Refuses routes that could not be told apart, or that would let any path through to a function.
 *
 * @throws an error that names the route.
 */
export function checkRoutes(routes: readonly ApiRoute[]): void {
  const seen = new Map<string, ApiRoute>();
  for (const route of routes) {
    const key = routeKey(route);
    if (!/^\/[^$*+]*$/.test(route.path) || route.method === 'ANY')
      throw new Error(`the route ${key} lets more than one path through; name each path and method`);
    const other = seen.get(routeName(route));
    if (other !== undefined)
      throw new Error(
        `the routes ${routeKey(other)} (${other.to}) and ${key} (${route.to}) are not told apart; rename one`,
      );
    seen.set(routeName(route), route);
  }
}
