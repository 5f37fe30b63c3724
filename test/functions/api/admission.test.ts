import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import {
  API_KEY_BYTES,
  hashSecret,
  makeApiKey,
  parseApiKey,
  writeApiKey,
} from '../../../functions/shops/api-key.ts';
import { insertApiKey, listApiKeys, revokeApiKey } from '../../../functions/shops/shop.repository.ts';
import { openApiWorld, orderBody, shopIdOf, type ApiWorld } from './api-world.ts';

describe('a request to the API', () => {
  let world: ApiWorld;
  afterEach(() => world.close());

  const everyRoute = () =>
    Object.entries(
      world.api.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } }).paths ?? {},
    )
      .flatMap(([path, methods]) => Object.keys(methods as object).map((method) => ({ path, method })))
      .map(({ path, method }) => ({
        path: path.replaceAll(/\{[^}]+\}/g, 'A-1'),
        method: method.toUpperCase(),
      }));

  it('is refused on every route without a key, with a key of another form, and with a wrong secret', async () => {
    world = await openApiWorld();
    const key = await world.addShop('flowers');
    const wrong = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
    const routes = everyRoute();
    assert.ok(routes.length >= 4, 'there are routes to try');
    for (const { path, method } of routes) {
      for (const authorization of [
        undefined,
        '',
        'Bearer',
        'Bearer st_x_y',
        `Basic ${key}`,
        `Bearer ${wrong}`,
        `Bearer ${key} x`,
      ]) {
        const response = await world.api.request(path, {
          method,
          ...(authorization === undefined ? {} : { headers: { authorization } }),
        });
        assert.equal(response.status, 401, `${method} ${path} with ${String(authorization)}`);
        assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      }
    }
    const { orders } = await world.test.db
      .selectFrom('shop_order')
      .select((eb) => eb.fn.countAll<bigint>().as('orders'))
      .executeTakeFirstOrThrow();
    assert.equal(orders, 0n);
  });

  it('is refused at once when its key is revoked, while another key of the shop goes on', async () => {
    world = await openApiWorld();
    const old = await world.addShop('flowers');
    const next = makeApiKey(randomBytes(API_KEY_BYTES));
    await world.test.db.transaction().execute(async (trx) => {
      await insertApiKey(trx, next, {
        shopId: shopIdOf('flowers'),
        label: 'next',
        by: 'kim',
        at: world.clock.now(),
      });
    });
    const status = async (key: string) => (await world.request(key, 'GET', '/v1/orders')).status;
    assert.deepEqual([await status(old), await status(writeApiKey(next))], [200, 200]);
    const revoke = async () =>
      await world.test.db
        .transaction()
        .execute(
          async (trx) => await revokeApiKey(trx, parseApiKey(old)?.keyId ?? '', 'kim', world.clock.now()),
        );
    assert.equal(await revoke(), 'revoked');
    assert.equal(await revoke(), 'already_revoked');
    assert.deepEqual([await status(old), await status(writeApiKey(next))], [401, 200]);
  });

  it('leaves no secret in the database or in the list of keys', async () => {
    world = await openApiWorld();
    const key = await world.addShop('flowers');
    const { secret } = parseApiKey(key) ?? { secret: '' };
    assert.notEqual(secret, '');
    const { rows } = await sql<{ line: string }>`select api_key::text as line from api_key`.execute(
      world.test.owner,
    );
    const listed = JSON.stringify([rows, await listApiKeys(world.test.db)]);
    assert.equal(listed.includes(secret), false);
    assert.equal(
      JSON.stringify(await listApiKeys(world.test.db)).includes(hashSecret(secret).toString('hex')),
      false,
    );
  });

  it('is bounded in rate for each key, and told when to come again', async () => {
    world = await openApiWorld({ requestsPerMinute: 5 });
    const [one, other] = [await world.addShop('flowers'), await world.addShop('books')];
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => world.request(one, 'GET', '/v1/orders')),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 429, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    assert.equal(refused?.headers.get('retry-after'), '60');
    assert.equal(
      (await world.request(other, 'GET', '/v1/orders')).status,
      200,
      "another shop's requests do not count",
    );
    world.clock.advance(60_000);
    assert.equal((await world.request(one, 'GET', '/v1/orders')).status, 200);
  });

  it('for a path that nobody knows is told where to look', async () => {
    world = await openApiWorld();
    const key = await world.addShop('flowers');
    const answer = await world.request(key, 'GET', '/v1/nothing');
    assert.equal(answer.status, 404);
    assert.match(String(answer.body['detail']), /no GET \/v1\/nothing; \/docs lists/);
  });

  it('is told to come again when the database is away, and nothing of why', async () => {
    world = await openApiWorld();
    const key = await world.addShop('flowers');
    const broken = await openApiWorld({
      db: {
        getExecutor: () => {
          throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
        },
      } as never,
    });
    try {
      const answer = await broken.request(key, 'POST', '/v1/orders', orderBody());
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '15');
      assert.equal(JSON.stringify(answer.body).includes('127.0.0.1'), false);
      assert.equal(broken.errors.length, 1);
    } finally {
      await broken.close();
    }
  });
});

describe('a method that a path does not know', () => {
  it('is refused with those that it knows, and another path is not there', async () => {
    const world = await openApiWorld();
    try {
      const key = await world.addShop('flowers');
      const refused = await world.request(key, 'PATCH', '/v1/sellers/kim', { name: 'Kim' });
      assert.equal(refused.status, 405);
      assert.equal(refused.body['code'], 'method_not_allowed');
      assert.equal(refused.headers.get('allow'), 'PUT, GET');
      assert.equal((await world.request(key, 'PATCH', '/v1/sellers')).headers.get('allow'), 'GET');
      assert.equal((await world.request(key, 'PATCH', '/v1/unknown')).status, 404);
      assert.equal((await world.request('st_none', 'PATCH', '/v1/sellers/kim')).status, 401);
    } finally {
      await world.close();
    }
  });
});

describe('the description of the API', () => {
  let world: ApiWorld;
  beforeEach(async () => (world = await openApiWorld()));
  afterEach(() => world.close());

  it('is an OpenAPI 3.1 document in which every route demands a key and names its problems', async () => {
    const document = (await (await world.api.request('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { security?: unknown; responses: Record<string, unknown> }>>;
    };
    assert.equal(document.openapi, '3.1.0');
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        assert.deepEqual(operation.security, [{ api_key: [] }], `${method} ${path}`);
        for (const status of ['401', '429', '500', '503'])
          assert.ok(status in operation.responses, `${method} ${path} ${status}`);
      }
    }
  });

  it('is a page to read that holds every route and fetches nothing from elsewhere', async () => {
    const page = await (await world.api.request('/docs')).text();
    for (const text of ['/v1/orders', '/v1/orders/{shop_order_id}/cancel', '입금자명', 'OrderRequest'])
      assert.ok(page.includes(text), text);
    // The one address in it is an example to read.
    assert.doesNotMatch(page.replaceAll('https://shop.example/hooks', ''), /<script|https?:\/\//);
  });
});
