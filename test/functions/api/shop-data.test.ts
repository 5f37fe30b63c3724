import assert from 'node:assert/strict';
import { insertDeliveries } from '../../../functions/webhooks/webhook.repository.ts';
import { openApiWorld, orderBody, payOrderOf, reviewFor, type ApiWorld } from './api-world.ts';

/** Routes that make something of the caller's own. */
const ADDS: ReadonlySet<string> = new Set(['/v1/orders', '/v1/webhooks']);

type List = Record<string, unknown>[];

describe('what a shop sees of its money', () => {
  let world: ApiWorld;
  let key: string;
  let other: string;

  beforeEach(async () => {
    world = await openApiWorld();
    key = await world.addShop('flowers');
    other = await world.addShop('books');
    await world.request(key, 'PUT', '/v1/sellers/kim', { name: '김꽃집' });
    await world.request(other, 'PUT', '/v1/sellers/kim', { name: '김책방' });
  });
  afterEach(() => world.close());

  const payOrder = (shopOrderId: string, as = key, shopId = 'flowers', amount = 10_000) =>
    payOrderOf(world, as, { shopId, sellerId: 'kim', shopOrderId, amount });

  const list = async (as: string, path: string, field: string) => {
    const answer = await world.request(as, 'GET', path);
    assert.equal(answer.status, 200, path);
    return answer.body[field] as List;
  };

  it('is the balance and the statement of its sellers: what orders brought less the fee', async () => {
    await payOrder('A-1');
    await payOrder('A-2', key, 'flowers', 1000);
    await payOrder('B-1', other, 'books', 5000);
    assert.equal((await world.request(key, 'GET', '/v1/sellers/kim/balance')).body['balance'], 9700 + 970);
    assert.equal((await world.request(other, 'GET', '/v1/sellers/kim/balance')).body['balance'], 4850);
    const lines = await list(key, '/v1/sellers/kim/statement', 'lines');
    assert.deepEqual(
      lines.map((line) => [line['kind'], line['amount'], line['shop_order_id']]),
      [
        ['allocation', 970, 'A-2'],
        ['allocation', 9700, 'A-1'],
      ],
    );
    const first = await world.request(key, 'GET', '/v1/sellers/kim/statement?limit=1');
    const next = await world.request(
      key,
      'GET',
      `/v1/sellers/kim/statement?limit=1&cursor=${String(first.body['next_cursor'])}`,
    );
    assert.deepEqual(
      (next.body['lines'] as List).map((line) => line['shop_order_id']),
      ['A-1'],
    );
    assert.equal(next.body['next_cursor'], null);
  });

  it('is its payouts, with the orders that each pays', async () => {
    await payOrder('A-1');
    await payOrder('B-1', other, 'books');
    const [mine] = await list(key, '/v1/transfers', 'transfers');
    assert.deepEqual(
      [mine?.['seller_id'], mine?.['state'], mine?.['reason'], mine?.['amount'], mine?.['fee']],
      ['kim', 'held', 'approval', 9700, 300],
    );
    assert.equal((await list(key, '/v1/transfers', 'transfers')).length, 1);
    assert.deepEqual(await list(key, '/v1/transfers?state=planned', 'transfers'), []);
    assert.deepEqual(await list(key, '/v1/transfers?seller_id=nobody', 'transfers'), []);
    const one = await world.request(key, 'GET', `/v1/transfers/${String(mine?.['transfer_id'])}`);
    assert.deepEqual(one.body['shop_order_ids'], ['A-1']);
  });

  it('is the deposits in review that may be for its orders, with its own candidates only', async () => {
    await world.request(key, 'POST', '/v1/orders', orderBody({ shop_order_id: 'A-1' }));
    await world.request(other, 'POST', '/v1/orders', orderBody({ shop_order_id: 'B-1' }));
    await reviewFor(world, ['A-1', 'B-1']);
    await reviewFor(world, ['B-1']);
    await reviewFor(world, []);
    const mine = await list(key, '/v1/deposits', 'deposits');
    assert.deepEqual(
      mine.map((deposit) => [deposit['reason'], deposit['remaining'], deposit['candidates']]),
      [['number_missing', 9000, ['A-1']]],
    );
    assert.equal((await list(other, '/v1/deposits', 'deposits')).length, 2);
  });

  it('is the events of its orders and payouts', async () => {
    await payOrder('A-1');
    await payOrder('B-1', other, 'books');
    const events = await list(key, '/v1/events', 'events');
    assert.deepEqual(
      events.map((event) => event['type']),
      ['transfer.held', 'order.paid', 'order.placed'],
    );
    assert.deepEqual(new Set(events.map((event) => event['shop_id'])), new Set(['flowers']));
    assert.deepEqual(
      (await list(key, '/v1/events?type=order.paid', 'events')).map((event) => event['type']),
      ['order.paid'],
    );
  });

  it('lets it rename a seller and list its own', async () => {
    assert.equal((await world.request(key, 'PUT', '/v1/sellers/lee', { name: '이꽃집' })).status, 201);
    const renamed = await world.request(key, 'PUT', '/v1/sellers/kim', { name: '새꽃집' });
    assert.equal(renamed.status, 200);
    assert.equal(renamed.body['fee_bp'], 300, "the shop's fee");
    const sellers = await list(key, '/v1/sellers', 'sellers');
    assert.deepEqual(
      sellers.map((seller) => [seller['seller_id'], seller['name'], seller['payout_account']]),
      [
        ['kim', '새꽃집', null],
        ['lee', '이꽃집', null],
      ],
    );
    assert.deepEqual(
      (await list(key, '/v1/sellers?after=kim&limit=1', 'sellers')).map((seller) => seller['seller_id']),
      ['lee'],
    );
    const [theirs] = await list(other, '/v1/sellers', 'sellers');
    assert.equal(theirs?.['name'], '김책방');
  });

  it('knows each seller by one id', async () => {
    assert.equal((await world.request(key, 'GET', '/v1/sellers/flowers.kim')).status, 404);
    assert.equal(
      (await world.request(key, 'PUT', '/v1/sellers/flowers.kim', { name: '다른 꽃집' })).status,
      201,
    );
    const sellers = await list(key, '/v1/sellers', 'sellers');
    assert.deepEqual(
      sellers.map((seller) => [seller['seller_id'], seller['name'] === '다른 꽃집']),
      [
        ['flowers.kim', true],
        ['kim', false],
      ],
    );
  });

  it("shows nothing of another shop's on any route, whatever is asked for", async () => {
    await payOrder('A-1');
    await reviewFor(world, ['A-1']);
    const [transfer] = await list(key, '/v1/transfers', 'transfers');
    const webhook = await world.request(key, 'POST', '/v1/webhooks', { url: 'https://shop.example/hooks' });
    const [event] = await world.test.db.selectFrom('event').select('id').execute();
    await insertDeliveries(world.test.db, event?.id ?? '', world.clock.now());
    const [delivery] = await list(key, '/v1/webhook-deliveries', 'deliveries');
    const stranger = await world.addShop('stranger');
    const document = world.api.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
    const names: Record<string, string> = {
      shop_order_id: 'A-1',
      seller_id: 'kim',
      transfer_id: String(transfer?.['transfer_id']),
      webhook_id: String(webhook.body['webhook_id']),
      delivery_id: String(delivery?.['delivery_id']),
    };
    let tried = 0;
    for (const [path, methods] of Object.entries(document.paths ?? {})) {
      const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => names[name] ?? 'missing');
      assert.equal(filled.includes('missing'), false, `${path}: this test knows what to ask for`);
      for (const method of Object.keys(methods)) {
        if (method === 'put' || (method === 'post' && ADDS.has(path))) continue;
        const answer = await world.request(stranger, method.toUpperCase(), filled);
        const isEmpty =
          answer.status === 404 ||
          Object.values(answer.body).every(
            (value) => value === null || (Array.isArray(value) && value.length === 0),
          );
        assert.ok(isEmpty, `${method} ${filled}: ${answer.status} ${JSON.stringify(answer.body)}`);
        tried += 1;
      }
    }
    assert.ok(tried >= 10, `${tried} routes were tried`);
    assert.equal(
      (await world.request(key, 'GET', '/v1/orders/A-1')).body['state'],
      'paid',
      'and nothing has changed',
    );
  });
});
