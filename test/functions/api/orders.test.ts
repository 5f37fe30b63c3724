import assert from 'node:assert/strict';
import { openApiWorld, orderBody, type Answer, type ApiWorld } from './api-world.ts';

interface ProblemError {
  readonly field: string;
  readonly value?: string;
  readonly remedy: string;
}

const errorsOf = ({ body }: Answer) => body['errors'] as ProblemError[];

describe('orders by the API', () => {
  let world: ApiWorld;
  let key: string;
  beforeEach(async () => {
    world = await openApiWorld();
    key = await world.addShop('flowers');
    await world.addSeller('flowers', 'kim');
  });
  afterEach(() => world.close());

  const place = (overrides: Record<string, unknown> = {}, as = key) =>
    world.request(as, 'POST', '/v1/orders', orderBody(overrides));

  const count = async () => {
    const { orders } = await world.test.db
      .selectFrom('shop_order')
      .select((eb) => eb.fn.countAll<bigint>().as('orders'))
      .executeTakeFirstOrThrow();
    return Number(orders);
  };

  it('are placed with the account, the depositor name, the exact amount and the deadline', async () => {
    const { status, body } = await place({ shop_order_id: 'A-1' });
    assert.equal(status, 201);
    assert.match(String(body['depositor_name']), /^김민수\d{4}$/);
    assert.equal(body['amount'], 32_000);
    assert.equal(body['outstanding'], 32_000);
    assert.equal(body['state'], 'awaiting_deposit');
    assert.equal(body['seller_id'], 'kim');
    assert.deepEqual(body['deposit_to'], {
      bank_code: '004',
      account_number: '100000000001',
      account_holder: '스마트이체',
    });
    assert.equal(body['opens_at'], '2026-03-02T01:00:00.000Z', 'when it was received');
    assert.equal(body['expires_at'], '2026-03-02T02:00:00.000Z', "the shop's usual hour");
  });

  it('are answered the same when the same request comes again, also after their deadline', async () => {
    const request = orderBody({ expires_at: '2026-03-02T12:00:00+09:00' });
    const first = await world.request(key, 'POST', '/v1/orders', request);
    world.clock.advance(24 * 60 * 60_000);
    const again = await world.request(key, 'POST', '/v1/orders', request);
    assert.equal(first.status, 201);
    assert.equal(again.status, 200);
    assert.deepEqual(again.body, first.body);
    assert.equal(await count(), 1);
  });

  it('are refused with what differs when the id was used for another request', async () => {
    await place({ shop_order_id: 'A-1' });
    const other = await place({ shop_order_id: 'A-1', amount: 33_000, recipient_name: '이서연' });
    assert.equal(other.status, 409);
    assert.equal(other.body['code'], 'differs');
    assert.deepEqual(
      errorsOf(other).map(({ field, value }) => [field, value]),
      [
        ['body.recipient_name', '이서연'],
        ['body.amount', '33000'],
      ],
    );
    assert.match(errorsOf(other)[1]?.remedy ?? '', /had 32000.*new shop_order_id/);
    assert.equal(
      JSON.stringify(other.body).includes('depositor_name'),
      false,
      'nothing of the first is given away',
    );
  });

  it('are one order when the same request is sent twenty times at once', async () => {
    const request = orderBody();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => world.request(key, 'POST', '/v1/orders', request)),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [
      ...Array.from({ length: 19 }, () => 200),
      201,
    ]);
    assert.equal(new Set(answers.map(({ body }) => body['order_id'])).size, 1);
    assert.equal(await count(), 1);
  });

  it('keep the ids of two shops apart', async () => {
    const other = await world.addShop('books');
    await world.addSeller('books', 'kim');
    const first = await place({ shop_order_id: 'A-1' });
    const second = await place({ shop_order_id: 'A-1', amount: 1000 }, other);
    assert.equal(second.status, 201);
    assert.notEqual(second.body['order_id'], first.body['order_id']);
    assert.notEqual(second.body['depositor_name'], first.body['depositor_name']);
  });

  it('are one order, however its id and its names are composed', async () => {
    await world.addSeller('flowers', '꽃집');
    const request = { shop_order_id: '주문-각', seller_id: '꽃집', recipient_name: '김민수', amount: 1000 };
    const decomposed = Object.fromEntries(
      Object.entries(request).map(([field, value]) => [
        field,
        typeof value === 'string' ? value.normalize('NFD') : value,
      ]),
    );
    assert.equal((await world.request(key, 'POST', '/v1/orders', request)).status, 201);
    const again = await world.request(key, 'POST', '/v1/orders', decomposed);
    assert.equal(again.status, 200);
    assert.equal(await count(), 1);
    const path = `/v1/orders/${encodeURIComponent('주문-각'.normalize('NFD'))}`;
    assert.deepEqual((await world.request(key, 'GET', path)).body, again.body);
  });

  it('refuse a seller of another shop as one that is not there', async () => {
    await world.addShop('books');
    await world.addSeller('books', 'lee');
    const answer = await place({ seller_id: 'lee' });
    assert.equal(answer.status, 400);
    assert.deepEqual(errorsOf(answer), [
      { field: 'body.seller_id', value: 'lee', remedy: 'your shop has no seller of this id; add it first' },
    ]);
  });

  for (const [name, change, field] of [
    ['an amount of nothing', { amount: 0 }, 'body.amount'],
    ['an amount with a fraction', { amount: 12.5 }, 'body.amount'],
    ['an amount as text', { amount: '32000' }, 'body.amount'],
    ['an amount that no bank message can carry', { amount: 1_000_000_000_000 }, 'body.amount'],
    ['no amount', { amount: undefined }, 'body.amount'],
    ['a recipient of spaces', { recipient_name: '   ' }, 'body.recipient_name'],
    ['a recipient with a control character', { recipient_name: '김\u0000수' }, 'body.recipient_name'],
    ['a recipient whom nobody can see', { recipient_name: '\u200b\u200b' }, 'body.recipient_name'],
    ['a recipient that reads backwards', { recipient_name: '\u202e수민김' }, 'body.recipient_name'],
    ['half a surrogate pair', { recipient_name: '김\ud800' }, 'body.recipient_name'],
    ['a long recipient', { recipient_name: '김'.repeat(41) }, 'body.recipient_name'],
    ['an id that is empty', { shop_order_id: '' }, 'body.shop_order_id'],
    ['a field that nobody knows', { ordered_at: '2020-01-01T00:00:00Z' }, 'body.ordered_at'],
    ['a deadline that is no time', { expires_at: 'tomorrow' }, 'body.expires_at'],
    ['a deadline that is over', { expires_at: '2026-03-01T00:00:00Z' }, 'body.expires_at'],
    ['a deadline a year away', { expires_at: '2027-03-01T00:00:00Z' }, 'body.expires_at'],
  ] as const) {
    it(`name the field and the remedy for ${name}, and place nothing`, async () => {
      const answer = await place(change);
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.deepEqual(
        errorsOf(answer).map((one) => one.field),
        [field],
      );
      assert.notEqual(errorsOf(answer)[0]?.remedy, '');
      assert.equal(await count(), 0);
    });
  }

  it('quote the value that does not fit', async () => {
    assert.equal(errorsOf(await place({ amount: 12.5 }))[0]?.value, '12.5');
  });

  it('refuse a body however deep it is', async () => {
    const deep = '['.repeat(8000) + ']'.repeat(8000);
    assert.equal((await world.request(key, 'POST', '/v1/orders', deep)).status, 400);
    const field = await world.request(key, 'POST', '/v1/orders', `{"amount":${deep.slice(1000, -1000)}}`);
    assert.equal(field.status, 400);
    assert.deepEqual(world.errors, []);
  });

  it('refuse a body that is no JSON, no object, of another type, or too large', async () => {
    const send = (body: string, type = 'application/json') =>
      world.request(key, 'POST', '/v1/orders', body, { 'content-type': type });
    assert.equal((await send('{"amount":')).body['code'], 'bad_request');
    assert.equal((await send('[]')).status, 400);
    assert.equal((await send('')).status, 400);
    assert.equal((await send('amount=1', 'application/x-www-form-urlencoded')).status, 415);
    assert.equal((await send(JSON.stringify({ pad: 'x'.repeat(20_000) }))).status, 413);
    assert.equal(await count(), 0);
  });

  it('are read by their shop only', async () => {
    await place({ shop_order_id: 'A-1' });
    const other = await world.addShop('books');
    assert.equal((await world.request(key, 'GET', '/v1/orders/A-1')).body['shop_order_id'], 'A-1');
    const foreign = await world.request(other, 'GET', '/v1/orders/A-1');
    assert.equal(foreign.status, 404);
    assert.match(String(foreign.body['detail']), /your shop has no order A-1/);
  });

  it('are cancelled once, and not after they are paid', async () => {
    await place({ shop_order_id: 'A-1' });
    const cancel = () => world.request(key, 'POST', '/v1/orders/A-1/cancel');
    assert.equal((await cancel()).body['state'], 'cancelled');
    assert.equal((await cancel()).status, 200);

    await place({ shop_order_id: 'A-2' });
    await world.test.owner
      .updateTable('shop_order')
      .set({ state: 'paid', outstanding: 0n, paid_at: world.clock.now(), closed_at: world.clock.now() })
      .where('shop_order_id', '=', 'A-2')
      .execute();
    const refused = await world.request(key, 'POST', '/v1/orders/A-2/cancel');
    assert.equal(refused.status, 409);
    assert.equal(refused.body['code'], 'order_not_cancellable');
    assert.match(String(refused.body['detail']), /A-2 is paid/);
    assert.equal((await world.request(key, 'GET', '/v1/orders/A-2')).body['state'], 'paid');
  });

  it('are cancelled by their shop only', async () => {
    await place({ shop_order_id: 'A-1' });
    const other = await world.addShop('books');
    assert.equal((await world.request(other, 'POST', '/v1/orders/A-1/cancel')).status, 404);
    assert.equal((await world.request(key, 'GET', '/v1/orders/A-1')).body['state'], 'awaiting_deposit');
  });

  it('are listed page by page, each once, although others are placed meanwhile', async () => {
    for (let n = 1; n <= 5; n += 1) await place({ shop_order_id: `A-${n}` });
    const other = await world.addShop('books');
    await world.addSeller('books', 'kim');
    await place({ shop_order_id: 'foreign' }, other);
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await world.request(key, 'GET', `/v1/orders?limit=2${cursor}`);
      assert.equal(page.status, 200);
      const orders = page.body['orders'] as { shop_order_id: string }[];
      seen.push(...orders.map((order) => order.shop_order_id));
      await place();
      const next = page.body['next_cursor'] as string | null;
      cursor = next === null ? '' : `&cursor=${next}`;
    } while (cursor !== '');
    assert.deepEqual(seen, ['A-5', 'A-4', 'A-3', 'A-2', 'A-1']);
  });

  it('are listed by state, and a query that does not fit is named', async () => {
    await place({ shop_order_id: 'A-1' });
    await place({ shop_order_id: 'A-2' });
    await world.request(key, 'POST', '/v1/orders/A-1/cancel');
    const cancelled = await world.request(key, 'GET', '/v1/orders?state=cancelled');
    assert.deepEqual(
      (cancelled.body['orders'] as { shop_order_id: string }[]).map((order) => order.shop_order_id),
      ['A-1'],
    );
    for (const [query, field] of [
      ['limit=0', 'query.limit'],
      ['limit=201', 'query.limit'],
      ['limit=x', 'query.limit'],
      ['cursor=!!', 'query.cursor'],
      ['cursor=djE6MQ%3D%3D', 'query.cursor'],
      ['state=lost', 'query.state'],
      ['page=2', 'query.page'],
    ]) {
      const answer = await world.request(key, 'GET', `/v1/orders?${query ?? ''}`);
      assert.equal(answer.status, 400, query);
      assert.deepEqual(
        errorsOf(answer).map((one) => one.field),
        [field],
      );
    }
  });

  it('of a hundred shops at once share no name, and none is lost', async () => {
    const keys = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const shopKey = await world.addShop(`shop-${n}`);
        await world.addSeller(`shop-${n}`, 'kim');
        return shopKey;
      }),
    );
    const answers = await Promise.all(keys.flatMap((shopKey) => [place({}, shopKey), place({}, shopKey)]));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(answers.map(({ body }) => body['depositor_name'])).size, 200);
    assert.equal(await count(), 200);
  }).timeout(120_000);
});
