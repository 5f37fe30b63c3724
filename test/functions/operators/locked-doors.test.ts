import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import {
  createOperatorsApi,
  documentOf,
  OPERATORS_ROUTE_KEYS,
} from '../../../functions/operators/operators-api.ts';
import { API_KEY_BYTES, makeApiKey, writeApiKey } from '../../../functions/shops/api-key.ts';
import { addShop, insertApiKey } from '../../../functions/shops/shop.repository.ts';
import { LOCAL_ACCOUNT } from '../../../local/aws-json-server.ts';
import { dumpDatabase } from '../../support/logical-dump.ts';
import { openPayoutWorld, type PayoutWorld } from '../../support/payout-world.ts';
import { unknownOne } from '../../support/unknown-transfer.ts';
import { shopIdOf } from '../api/api-world.ts';
import {
  KIM,
  MACHINE,
  openOperatorsDoor,
  read,
  signed,
  type OperatorsDoor,
  type Sent,
} from './operators-door.ts';

interface Route {
  readonly method: string;
  /** As the document has it, with braces. */
  readonly template: string;
  /** With an id that there is. */
  readonly path: string;
}

/** Every route, from the document that is generated of what the function answers: no new one escapes. */
function everyRoute(): Route[] {
  const api = createOperatorsApi({
    whoAsks: () => ({ outcome: 'not_a_person', why: 'nobody asks' }),
    log: { error: () => undefined },
  } as never);
  const described = Object.entries(documentOf(api).paths ?? {}).flatMap(([template, methods]) =>
    Object.keys(methods as object).map((method) => ({ method: method.toUpperCase(), template })),
  );
  return [...described, { method: 'GET', template: '/operators/v1/openapi.json' }].map((route) => ({
    ...route,
    path: route.template.replaceAll(/\{key_id\}/g, 'a1b2c3d4e5f6').replaceAll(/\{\w+\}/g, '1'),
  }));
}

/** A body that would do for a command that takes nothing but a reason; the others refuse it only after the door. */
const sentTo = (
  { method, path }: Pick<Route, 'method' | 'path'>,
  headers: Record<string, string> = {},
): Sent =>
  method === 'GET'
    ? { method, path, headers }
    : {
        method,
        path,
        body: { reason: 'let me in' },
        headers: { 'idempotency-key': 'key-of-a-thief', ...headers },
      };

describe("the operators' routes", () => {
  let world: PayoutWorld;
  let door: OperatorsDoor;
  let before: string;
  beforeEach(async () => {
    world = await openPayoutWorld();
    door = await openOperatorsDoor(world);
    await unknownOne(world, 5000n);
    before = await all();
  });
  afterEach(async () => {
    await door.close();
    await world.close();
  });

  const all = async () => {
    const { tables, sequences } = await dumpDatabase(world.test.owner);
    return JSON.stringify([[...tables], [...sequences].map(([name, at]) => [name, at.toString()])]);
  };
  const nothingHasChanged = async () => assert.equal(await all(), before);
  const plain = async (base: string, { method, path, body, headers = {} }: Sent) =>
    await read(
      await fetch(`${base}${path}`, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  /** A path as it is, which no client puts straight. */
  const raw = async (base: string, method: string, path: string, headers: Record<string, string> = {}) =>
    await new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(base);
      const sending = httpRequest({ hostname, port, method, path, headers }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      sending.once('error', reject);
      sending.end();
    });
  const eventOf = (
    { method, path }: Pick<Route, 'method' | 'path'>,
    routeKey: string,
    authorizer: object | undefined,
    headers: Record<string, string> = {},
  ) =>
    ({
      version: '2.0',
      routeKey,
      rawPath: path,
      rawQueryString: '',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'key-of-a-thief', ...headers },
      requestContext: {
        accountId: LOCAL_ACCOUNT,
        routeKey,
        domainName: 'operators.example',
        http: { method, path },
        ...(authorizer === undefined ? {} : { authorizer }),
      },
      isBase64Encoded: false,
      ...(method === 'GET' ? {} : { body: JSON.stringify({ reason: 'let me in' }) }),
    }) as unknown as APIGatewayProxyEventV2;
  const iamOf = (userArn: string) => ({
    iam: { accessKey: 'ASIA1', accountId: LOCAL_ACCOUNT, userArn, cognitoIdentity: null },
  });

  it('are all known to the gateway, each by itself, and none else is', () => {
    const routes = everyRoute().map(({ method, template }) => `${method} ${template}`);
    assert.ok(routes.length >= 30, 'there are routes to try');
    assert.deepEqual([...OPERATORS_ROUTE_KEYS].sort(), routes.sort());
    assert.ok(routes.every((route) => !route.includes('$default') && !route.includes('+}')));
  });

  it('are closed to whoever does not sign, at the gateway and, where that forgets its authorizer, at the function', async () => {
    for (const route of everyRoute()) {
      for (const base of [door.gateway.url, door.open.url]) {
        const answer = await plain(base, sentTo(route));
        assert.equal(answer.status, 403, `${route.method} ${route.path} at ${base}`);
      }
    }
    await nothingHasChanged();
  });

  it("are closed to a shop's key", async () => {
    const key = makeApiKey(randomBytes(API_KEY_BYTES));
    const shop = { shopId: shopIdOf('flowers'), name: 'flowers', feeBp: 300, orderLifeMinutes: 60 };
    await world.db.transaction().execute(async (trx) => {
      await addShop(trx, shop, world.clock.now());
      await insertApiKey(trx, key, { shopId: shop.shopId, label: '', by: 'kim', at: world.clock.now() });
    });
    before = await all();
    for (const route of everyRoute()) {
      const sent = sentTo(route, { authorization: `Bearer ${writeApiKey(key)}` });
      for (const base of [door.gateway.url, door.open.url])
        assert.equal((await plain(base, sent)).status, 403, `${route.method} ${route.path} at ${base}`);
    }
    await nothingHasChanged();
  });

  it('are closed to a machine that signs, whatever it calls its session', async () => {
    for (const route of everyRoute()) {
      const answer = await door.send(MACHINE, sentTo(route));
      assert.equal(answer.status, 403, `${route.method} ${route.path}`);
      assert.match(String(answer.body['detail']), /people of this stack sign in by Identity Center/);
    }
    await nothingHasChanged();
  });

  it('are closed to a signature of another request, of another time, and to one that was tampered with', async () => {
    const [halt, other] = ['/operators/v1/payouts/halt', '/operators/v1/payouts/resume'];
    const [, init] = await signed(door.gateway.url, KIM, sentTo({ method: 'POST', path: other }));
    const stolen = init.headers as Record<string, string>;
    const statusWith = async (path: string, changed: RequestInit) =>
      (await fetch(`${door.gateway.url}${path}`, { ...init, ...changed })).status;
    assert.equal(await statusWith(halt, {}), 403, 'signed for another path');
    assert.equal(
      await statusWith(other, { body: JSON.stringify({ reason: 'another' }) }),
      403,
      'another body',
    );
    assert.equal(await statusWith(`${other}?a=b`, {}), 403, 'another query');
    for (const [name, value] of [
      ['idempotency-key', 'key-of-another'],
      ['x-amz-date', '20200101T000000Z'],
      ['x-amz-security-token', 'of somebody else'],
      ['authorization', stolen['authorization']!.replace('ASIAKIM', 'ASIALEE')],
      ['authorization', stolen['authorization']!.replace(/host;/, '')],
      ['authorization', stolen['authorization']!.replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
    ] as const)
      assert.equal(await statusWith(other, { headers: { ...stolen, [name]: value } }), 403, name);
    await nothingHasChanged();
  });

  it('say nothing to a stranger of what there is and what there is not', async () => {
    for (const path of ['/', '/operators/v1/nothing', '/operators/v1/openapi.json', '/v1/orders', '/docs'])
      assert.equal((await plain(door.open.url, { method: 'GET', path })).status, 403, path);
  });

  it('are not reached by a path that was made to slip past the gateway', async () => {
    for (const { method, path } of everyRoute()) {
      const parts = path.split('/');
      const last = parts.at(-1) ?? '';
      const slips = [
        `${path}/`,
        `/${path}`,
        `${path}//`,
        path.replaceAll('/', '//'),
        path.replace('/operators', '/x/../operators'),
        path.replace('/operators', '/./operators'),
        path.replace('/operators', '/%6fperators'),
        path.replace('/operators/', '/operators%2f'),
        path.replace('/operators/', '/operators%2F'),
        path.replace('/operators', '\\operators'),
        path.replace('/operators', '/Operators'),
        path.toUpperCase(),
        `/prod${path}`,
        `/$default${path}`,
        `/v1/..${path}`,
        `/v1/%2e%2e${path}`,
        `${path};x=1`,
        `${path}%00`,
        `${path}%3f`,
        [...parts.slice(0, -1), '.', last].join('/'),
      ];
      for (const slip of slips)
        for (const base of [door.gateway.url, door.open.url]) {
          const status = await raw(base, method, slip);
          assert.ok(
            [400, 403, 404].includes(status),
            `${method} ${slip} at ${base} was answered with ${status}`,
          );
        }
    }
    await nothingHasChanged();
  });

  it('are not changed into one another by a header or another method', async () => {
    for (const { method, path } of everyRoute()) {
      for (const other of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
        for (const base of [door.gateway.url, door.open.url]) {
          const status = await raw(base, other, path, {
            'x-http-method-override': method,
            'x-http-method': method,
            'x-method-override': method,
            'x-original-url': path,
            'x-rewrite-url': path,
            'x-amzn-iam-user-arn': KIM.userArn,
          });
          assert.ok([403, 404].includes(status), `${other} ${path} at ${base} was answered with ${status}`);
        }
      }
    }
    await nothingHasChanged();
  });

  it('answer a person only on the route that the gateway has let in, whatever the path says', async () => {
    const routes = everyRoute();
    const kim = iamOf(KIM.userArn);
    for (const route of routes) {
      const own = `${route.method} ${route.template}`;
      const others = OPERATORS_ROUTE_KEYS.filter((key) => key !== own);
      for (const routeKey of ['$default', 'ANY /{proxy+}', '', own.toLowerCase(), `${own}/`, ...others]) {
        const answer = await door.invoke(eventOf(route, routeKey, kim));
        assert.equal(answer.statusCode, 403, `${route.method} ${route.path} let in as "${routeKey}"`);
      }
      const overridden = await door.invoke(
        eventOf({ method: 'GET', path: route.path }, own, kim, { 'x-http-method-override': route.method }),
      );
      if (route.method !== 'GET') assert.ok([403, 404].includes(overridden.statusCode ?? 0), own);
    }
    await nothingHasChanged();
  });

  it('refuse an event without a whole statement of who signed it', async () => {
    const [kim] = [KIM.userArn];
    const authorizers = [
      undefined,
      {},
      { iam: null },
      { iam: {} },
      { iam: { userArn: kim } },
      { iam: { ...iamOf(kim).iam, accountId: '999999999999' } },
      { iam: { ...iamOf(kim).iam, cognitoIdentity: { identityId: 'x' } } },
      { jwt: { claims: { sub: 'kim', userArn: kim } } },
      { lambda: iamOf(kim) },
      iamOf(MACHINE.userArn),
      iamOf(`arn:aws:iam::${LOCAL_ACCOUNT}:root`),
      iamOf(`arn:aws:iam::${LOCAL_ACCOUNT}:user/kim`),
      iamOf(kim.replace(LOCAL_ACCOUNT, '999999999999')),
    ];
    for (const route of everyRoute())
      for (const authorizer of authorizers) {
        const event = eventOf(route, `${route.method} ${route.template}`, authorizer);
        assert.equal((await door.invoke(event)).statusCode, 403, JSON.stringify([route, authorizer]));
      }
    await nothingHasChanged();
  });

  it('take who acts from nothing that a request can say', async () => {
    const event = eventOf(
      { method: 'POST', path: '/operators/v1/payouts/halt' },
      'POST /operators/v1/payouts/halt',
      iamOf(KIM.userArn),
    );
    const body = JSON.stringify({ reason: 'let me in', by: 'lee', as: 'lee', actor: 'lee' });
    assert.equal((await door.invoke({ ...event, body })).statusCode, 400, 'a name is no field');
    await nothingHasChanged();
    const asLee = { ...event.headers, 'x-actor': 'lee', 'x-amzn-iam-user-arn': 'lee', from: 'lee' };
    assert.equal((await door.invoke({ ...event, headers: asLee })).statusCode, 200);
    const traces = await world.db.selectFrom('audit').select('actor').execute();
    assert.deepEqual(traces, [{ actor: 'kim@example.com' }]);
  });

  it('are described by a document, for people who sign, in which every route names its problems', async () => {
    const { status, body } = await door.send(KIM, { method: 'GET', path: '/operators/v1/openapi.json' });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body['openapi'], '3.1.0');
    for (const [path, methods] of Object.entries(body['paths'] as object))
      for (const [method, operation] of Object.entries(
        methods as Record<string, { security: unknown; responses: object; requestBody?: unknown }>,
      )) {
        assert.deepEqual(operation.security, [{ iam: [] }], `${method} ${path}`);
        for (const code of ['200', '400', '403', '500', '503'])
          assert.ok(code in operation.responses, `${method} ${path} ${code}`);
        assert.equal(operation.requestBody !== undefined, method === 'post', `${method} ${path}`);
      }
  });
});
