import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { MetricValues } from '../../../functions/shared/metrics.ts';
import { deliver } from '../../../functions/webhooks/deliver.step.ts';
import { queueDue } from '../../../functions/webhooks/queue-due.step.ts';
import { recordAttempt } from '../../../functions/webhooks/record.step.ts';
import { RETRIES_AFTER_MS } from '../../../functions/webhooks/retry-schedule.ts';
import type { WebhookMessage, WebhookResult } from '../../../functions/webhooks/webhook-message.ts';
import type { Lane, WebhookLanes } from '../../../functions/webhooks/webhook-queues.client.ts';
import {
  BOTH_KEYS_MS,
  IN_FLIGHT_MAX,
  insertDeliveries,
  QUEUED_MS,
} from '../../../functions/webhooks/webhook.repository.ts';
import { openApiWorld, orderBody, WEBHOOK_KEYS, type ApiWorld } from '../api/api-world.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe('webhooks', () => {
  let world: ApiWorld;
  let key: string;
  let server: Server;
  let status: number;
  let received: Received[];
  let queued: { lane: Lane; message: WebhookMessage }[];
  let isQueueDown: boolean;
  let metrics: MetricValues[];

  const lanes: WebhookLanes = {
    send(lane, messages) {
      if (isQueueDown) throw new Error('the queue is down');
      queued.push(...messages.map((message) => ({ lane, message })));
      return Promise.resolve([]);
    },
  };

  beforeEach(async () => {
    status = 204;
    received = [];
    queued = [];
    isQueueDown = false;
    metrics = [];
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        received.push({ headers: request.headers, body });
        response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    world = await openApiWorld({
      webhooks: { readKeys: () => Promise.resolve(WEBHOOK_KEYS), reach: 'local' },
    });
    key = await world.addShop('flowers');
    await world.addSeller('flowers', 'kim');
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await world.close();
  });

  const urlOf = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

  async function addWebhook(path = '/hooks', types?: string[]): Promise<{ id: string; signingKey: string }> {
    const answer = await world.request(key, 'POST', '/v1/webhooks', {
      url: urlOf(path),
      ...(types && { types }),
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return { id: String(answer.body['webhook_id']), signingKey: String(answer.body['signing_key']) };
  }

  /** Places an order, and answers its event's id. */
  async function happen(): Promise<string> {
    assert.equal((await world.request(key, 'POST', '/v1/orders', orderBody())).status, 201);
    const event = await world.test.db
      .selectFrom('event')
      .select('id')
      .orderBy('event_id', 'desc')
      .executeTakeFirstOrThrow();
    return event.id;
  }

  const parts = () => ({
    db: world.test.db,
    lanes,
    writeMetrics: (values: MetricValues) => void metrics.push(values),
  });

  async function fanOut(eventId: string): Promise<void> {
    const now = world.clock.now();
    await queueDue(parts(), now, await insertDeliveries(world.test.db, eventId, now));
  }

  /** Sends what is queued, and records what became of it. */
  async function run(): Promise<WebhookResult[]> {
    const results: WebhookResult[] = [];
    for (const { message } of queued.splice(0)) {
      const sendResult = (result: WebhookResult) => Promise.resolve(void results.push(result));
      await deliver({ clock: world.clock, keys: WEBHOOK_KEYS, sendResult, reach: 'local' }, message);
    }
    for (const result of results) await recordAttempt(parts(), result, world.clock.now(), 0.5);
    return results;
  }

  const deliveries = async (state?: string) =>
    (await world.request(key, 'GET', `/v1/webhook-deliveries${state === undefined ? '' : `?state=${state}`}`))
      .body['deliveries'] as Record<string, unknown>[];

  /** The library looks at the machine's clock: its `now` is the request's own time here. */
  function verify(signingKey: string, { headers, body }: Received): unknown {
    const timestamp = Number(headers['webhook-timestamp']);
    const real = Date.now;
    Date.now = () => timestamp * 1000;
    try {
      return new Webhook(signingKey).verify(body, headers as Record<string, string>);
    } finally {
      Date.now = real;
    }
  }

  const one = (): Received => {
    assert.equal(received.length, 1);
    return received[0] as Received;
  };

  it("arrive as the library's verifier accepts them, and not changed, old or under another's key", async () => {
    const { signingKey } = await addWebhook();
    const other = await addWebhook('/other', ['order.paid']);
    const eventId = await happen();
    await fanOut(eventId);
    assert.deepEqual(
      (await run()).map((result) => result.outcome),
      ['delivered'],
    );
    const request = one();
    assert.equal((verify(signingKey, request) as { id: string }).id, eventId);
    assert.equal(request.headers['webhook-id'], eventId);
    assert.throws(() => verify(signingKey, { ...request, body: request.body.replace('32000', '1') }));
    assert.throws(() => verify(other.signingKey, request));
    const headers = request.headers as Record<string, string>;
    assert.throws(
      () => new Webhook(signingKey).verify(request.body, headers),
      /too old/,
      'by the clock of today',
    );
    const [delivery] = await deliveries();
    assert.deepEqual([delivery?.['state'], delivery?.['last_status']], ['delivered', 204]);
  });

  it('are made once for an event that comes twice, and queued later by whoever comes when the first died', async () => {
    await addWebhook();
    const eventId = await happen();
    isQueueDown = true;
    await assert.rejects(fanOut(eventId), /queue is down/);
    isQueueDown = false;
    await fanOut(eventId);
    assert.equal((await deliveries()).length, 1);
    assert.equal(queued.length, 0, 'somebody may be sending it still');
    world.clock.advance(QUEUED_MS);
    await queueDue(parts(), world.clock.now());
    await run();
    assert.equal(received.length, 1);
  });

  it('are tried again with longer and longer waits, then parked, and sent again by the shop', async () => {
    await addWebhook();
    status = 500;
    await fanOut(await happen());
    for (const wait of RETRIES_AFTER_MS) {
      assert.deepEqual(
        (await run()).map((result) => result.status),
        [500],
      );
      world.clock.advance(wait - 1);
      await queueDue(parts(), world.clock.now());
      assert.equal(queued.length, 0, `not before ${wait} ms`);
      world.clock.advance(1);
      await queueDue(parts(), world.clock.now());
      assert.deepEqual(
        queued.map(({ lane }) => lane),
        ['slow'],
      );
    }
    await run();
    assert.deepEqual(metrics, [{ WebhooksParked: 1 }], 'the last attempt alone parks');
    const [parked] = await deliveries('parked');
    assert.deepEqual([parked?.['attempts'], parked?.['last_status']], [RETRIES_AFTER_MS.length + 1, 500]);
    status = 200;
    const path = `/v1/webhook-deliveries/${String(parked?.['delivery_id'])}/resend`;
    assert.equal((await world.request(key, 'POST', path)).status, 204);
    assert.equal((await world.request(key, 'POST', path)).status, 409, 'it is not parked any more');
    await queueDue(parts(), world.clock.now());
    await run();
    assert.equal((await deliveries('delivered')).length, 1);
    const { body } = await world.request(key, 'GET', '/v1/webhooks');
    assert.equal((body['webhooks'] as { state: string }[])[0]?.state, 'active', 'it is well again');
  });

  it('of a receiver that fails go by the slow lane, and a burst takes no more than its share', async () => {
    const dead = await addWebhook('/dead');
    status = 503;
    await fanOut(await happen());
    await run();
    await addWebhook('/good');
    for (let n = 0; n < IN_FLIGHT_MAX + 5; n += 1) await fanOut(await happen());
    const of = (isDead: boolean) =>
      queued.filter(({ message }) => (message.endpoint_id === dead.id) === isDead);
    assert.deepEqual(new Set(of(true).map(({ lane }) => lane)), new Set(['slow']));
    assert.deepEqual(new Set(of(false).map(({ lane }) => lane)), new Set(['fast']));
    assert.equal(of(false).length, IN_FLIGHT_MAX);
    status = 200;
    while (queued.length > 0) await run();
    assert.equal((await deliveries('delivered')).length, 2 * (IN_FLIGHT_MAX + 5));
  });

  it('change nothing when a result comes twice, and are not sent after they are overdue', async () => {
    await addWebhook();
    status = 500;
    await fanOut(await happen());
    const [message] = queued.map((one) => one.message);
    const [result] = await run();
    assert.ok(result !== undefined && message !== undefined);
    assert.equal(await recordAttempt(parts(), result, world.clock.now(), 0.5), 'known');
    assert.equal((await deliveries())[0]?.['attempts'], 1);
    world.clock.advance(QUEUED_MS);
    const sendResult = () => Promise.reject(new Error('nothing is sent'));
    const late = await deliver(
      { clock: world.clock, keys: WEBHOOK_KEYS, sendResult, reach: 'local' },
      message,
    );
    assert.equal(late, 'expired');
    assert.equal(received.length, 1);
  });

  it('follow no redirect, and end for good at 410', async () => {
    await addWebhook();
    status = 302;
    await fanOut(await happen());
    assert.deepEqual(
      (await run()).map((result) => [result.outcome, result.status]),
      [['failed', 302]],
    );
    status = 410;
    world.clock.advance(2 * RETRIES_AFTER_MS[0]);
    await queueDue(parts(), world.clock.now());
    await run();
    assert.deepEqual((await world.request(key, 'GET', '/v1/webhooks')).body['webhooks'], []);
    await fanOut(await happen());
    assert.equal(queued.length, 0);
  });

  it('are signed with both keys for a day after a rotation, and then with the new one alone', async () => {
    const { id, signingKey: old } = await addWebhook();
    const rotated = await world.request(key, 'POST', `/v1/webhooks/${id}/rotate`);
    const fresh = String(rotated.body['signing_key']);
    assert.notEqual(fresh, old);
    await fanOut(await happen());
    await run();
    verify(old, one());
    verify(fresh, one());
    received = [];
    world.clock.advance(BOTH_KEYS_MS);
    await fanOut(await happen());
    await run();
    verify(fresh, one());
    assert.throws(() => verify(old, one()));
  });
});
