import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createEventBus } from '../../../functions/events/event-bus.client.ts';
import { publishEvents } from '../../../functions/events/publish.step.ts';
import { createTransferQueue } from '../../../functions/transfers/transfer-queue.client.ts';
import { deliver } from '../../../functions/webhooks/deliver.step.ts';
import { queueDue } from '../../../functions/webhooks/queue-due.step.ts';
import { webhookMessageSchema } from '../../../functions/webhooks/webhook-message.ts';
import { createResultSender, createWebhookLanes } from '../../../functions/webhooks/webhook-queues.client.ts';
import { insertDeliveries } from '../../../functions/webhooks/webhook.repository.ts';
import { openApiWorld, orderBody, WEBHOOK_KEYS, type ApiWorld } from '../api/api-world.ts';

/** What functions hand to one another. */
export type Format = 'transfer' | 'fan-out-event' | 'webhook-attempt' | 'webhook-result';

export type Written = Readonly<Record<Format, readonly unknown[]>>;

/** Has the real code write a message of each kind, as it goes over the wire: an order is placed, its event published, its webhook queued and tried. */
export async function writeMessages(): Promise<Written> {
  const receiver = await startReceiver();
  const world = await openApiWorld({
    webhooks: { readKeys: () => Promise.resolve(WEBHOOK_KEYS), reach: 'local' },
  });
  try {
    await placeOrderFor(world, receiver.url);
    const published = await publish(world);
    const attempts = await queueWebhooks(world, published);
    return {
      transfer: await dispatch(),
      'fan-out-event': [...published, { sweep: true }],
      'webhook-attempt': attempts,
      'webhook-result': await tryThem(world, receiver, attempts),
    };
  } finally {
    await world.close();
    receiver.stop();
  }
}

async function dispatch(): Promise<unknown[]> {
  const { client, bodies } = recordingSqs();
  await createTransferQueue(client, 'https://sqs.example/transfers.fifo').dispatch([
    { transferId: 41n, dispatchNumber: 1, group: 'hash' },
  ]);
  return bodies;
}

async function placeOrderFor(world: ApiWorld, url: string): Promise<void> {
  const key = await world.addShop('flowers');
  await world.addSeller('flowers', 'kim');
  await world.request(key, 'POST', '/v1/webhooks', { url });
  await world.request(key, 'POST', '/v1/orders', orderBody());
}

/** Events as EventBridge hands them to the fan-out. */
async function publish({ test }: ApiWorld): Promise<{ detail: { id: string } }[]> {
  const events: { detail: { id: string } }[] = [];
  const client = {
    send({ input }: PutEventsCommand) {
      for (const { Source, DetailType, Detail = '' } of input.Entries ?? [])
        events.push({
          source: Source,
          'detail-type': DetailType,
          detail: JSON.parse(Detail) as { id: string },
        } as (typeof events)[number]);
      return Promise.resolve({ Entries: input.Entries?.map(() => ({ EventId: 'taken' })) });
    },
  } as unknown as EventBridgeClient;
  await publishEvents(test.db, createEventBus(client, 'bus'), () => true);
  return events;
}

async function queueWebhooks(
  { test, clock }: ApiWorld,
  events: readonly { detail: { id: string } }[],
): Promise<unknown[]> {
  const { client, bodies } = recordingSqs();
  const lanes = createWebhookLanes(client, {
    fast: 'https://sqs.example/fast',
    slow: 'https://sqs.example/slow',
  });
  for (const { detail } of events)
    await queueDue(
      { db: test.db, lanes },
      clock.now(),
      await insertDeliveries(test.db, detail.id, clock.now()),
    );
  return bodies;
}

/** Each attempt three times: taken, refused for good, and cut off. */
async function tryThem(
  { clock }: ApiWorld,
  receiver: Receiver,
  attempts: readonly unknown[],
): Promise<unknown[]> {
  const { client, bodies } = recordingSqs();
  const sendResult = createResultSender(client, 'https://sqs.example/results');
  for (const attempt of attempts)
    for (const answer of [204, 410, 'nothing'] as const) {
      receiver.answers(answer);
      const message = webhookMessageSchema.parse(attempt);
      await deliver({ clock, keys: WEBHOOK_KEYS, sendResult, reach: 'local' }, message);
    }
  return bodies;
}

function recordingSqs(): { client: SQSClient; bodies: unknown[] } {
  const bodies: unknown[] = [];
  const client = {
    send({ input }: SendMessageBatchCommand | SendMessageCommand) {
      const sent = 'Entries' in input ? (input.Entries ?? []) : [input];
      bodies.push(...sent.map((one) => JSON.parse((one as { MessageBody: string }).MessageBody) as unknown));
      return Promise.resolve({});
    },
  } as unknown as SQSClient;
  return { client, bodies };
}

interface Receiver {
  readonly url: string;
  answers(status: number | 'nothing'): void;
  stop(): void;
}

async function startReceiver(): Promise<Receiver> {
  let answer: number | 'nothing' = 204;
  const server = createServer((request, response) => {
    if (answer === 'nothing') request.socket.destroy();
    else response.writeHead(answer).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    answers: (status) => (answer = status),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
