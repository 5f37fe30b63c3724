import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CloudWatchClient, type SetAlarmStateInput } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { probeText } from '../../../cli/probe.ts';
import { probeStack, type ProbedPath, type ProbeParts } from '../../../cli/probe/probe-stack.ts';
import type { ProbedQueue, ProbeTargets } from '../../../cli/probe/targets.ts';
import { startEventBus, type LocalEventBus } from '../../../local/event-bus.ts';
import { startQueue, type LocalQueue } from '../../../local/queue.ts';

const PLACE = {
  region: 'ap-northeast-2',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
};

/** What is broken in a stack. */
interface Broken {
  /** Queues that nobody reads. */
  readonly unread?: readonly ProbedQueue[];
  /** Queues whose reader fails: each message ends in the dead letter queue. */
  readonly failing?: readonly ProbedQueue[];
  /** The bus takes events, and they arrive nowhere: the silence of a key's policy. */
  readonly silentBus?: boolean;
  readonly silentTopic?: boolean;
  readonly functionError?: string;
  /** What unsigned requests to operators' routes are answered. */
  readonly unsigned?: number;
}

describe('the probe of a stack', () => {
  let queue: LocalQueue;
  let bus: LocalEventBus;
  let sqs: SQSClient;
  let api: Server;
  let targets: ProbeTargets;
  let broken: Broken;
  let reading: AbortController;
  let readers: Promise<void>[];

  before(async () => {
    queue = await startQueue();
    sqs = queue.client();
    const { queueUrl: probeQueueUrl } = await queue.createStandardQueue('probe', 30);
    bus = await startEventBus({
      onEvent: ({ event }) => {
        if (broken.silentBus !== true) void arrive(JSON.stringify(event));
      },
    });
    const arrive = async (body: string) =>
      await sqs.send(new SendMessageCommand({ QueueUrl: probeQueueUrl, MessageBody: body }));
    api = createServer(({ url }, response) => {
      response.writeHead(url === '/openapi.json' ? 200 : (broken.unsigned ?? 403)).end();
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    const fifo = await queue.createFifoQueueWithDlq('transfers', {
      visibilityTimeoutS: 30,
      maxReceiveCount: 5,
    });
    const standard = async (name: string) => ({
      url: (await queue.createStandardQueue(name, 30)).queueUrl,
      deadLettersUrl: (await queue.createStandardQueue(`${name}-dlq`, 30)).queueUrl,
    });
    targets = {
      region: PLACE.region,
      queues: {
        transfers: { url: fifo.queueUrl, deadLettersUrl: fifo.dlqUrl },
        'webhooks-fast': await standard('webhooks-fast'),
        'webhooks-slow': await standard('webhooks-slow'),
        'webhook-results': await standard('webhook-results'),
      },
      busName: 'smart-transfer-test-events',
      alarmName: 'smart-transfer-test-probe',
      probeQueueUrl,
      functions: { matcher: 'arn:aws:lambda:ap-northeast-2:123456789012:function:matcher:live' },
      apiUrl: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      operatorsPath: '/operators/v1/payouts',
    };
  });
  after(async () => {
    sqs.destroy();
    await bus.stop();
    await queue.stop();
    await new Promise((resolve) => api.close(resolve));
  });
  beforeEach(() => {
    broken = {};
    reading = new AbortController();
    readers = [];
  });
  afterEach(async () => {
    reading.abort();
    await Promise.all(readers);
  });

  /** What an event source mapping does: takes messages, and gives up on those whose function fails. */
  async function readQueue(name: ProbedQueue): Promise<void> {
    const { url, deadLettersUrl } = targets.queues[name];
    while (!reading.signal.aborted) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }),
      );
      for (const { Body, ReceiptHandle } of Messages) {
        if (broken.failing?.includes(name) === true)
          await sqs.send(
            new SendMessageCommand({
              QueueUrl: deadLettersUrl,
              MessageBody: Body,
              ...(url.endsWith('.fifo') ? { MessageGroupId: 'a', MessageDeduplicationId: randomUUID() } : {}),
            }),
          );
        await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
      }
      await sleep(20);
    }
  }

  /** CloudWatch, SNS and the subscription of the probe's queue. */
  function cloudWatch(): CloudWatchClient {
    const client = new CloudWatchClient(PLACE);
    client.middlewareStack.add(
      () => async (args) => {
        const { AlarmName, StateReason } = args.input as SetAlarmStateInput;
        if (broken.silentTopic !== true)
          await sqs.send(
            new SendMessageCommand({
              QueueUrl: targets.probeQueueUrl,
              MessageBody: JSON.stringify({ AlarmName, NewStateReason: StateReason }),
            }),
          );
        return { output: { $metadata: {} }, response: {} };
      },
      { step: 'initialize' },
    );
    return client;
  }

  function lambda(): LambdaClient {
    const client = new LambdaClient(PLACE);
    client.middlewareStack.add(
      () => () => {
        const { functionError } = broken;
        const output =
          functionError === undefined
            ? { $metadata: {}, StatusCode: 200, Payload: Buffer.from('{"ended":"dry_run"}') }
            : { $metadata: {}, FunctionError: 'Unhandled', Payload: Buffer.from(functionError) };
        return Promise.resolve({ output, response: {} });
      },
      { step: 'initialize' },
    );
    return client;
  }

  async function probe(what: Broken = {}, secondsMax = 20): Promise<ProbedPath[]> {
    broken = what;
    const read = (Object.keys(targets.queues) as ProbedQueue[]).filter(
      (name) => what.unread?.includes(name) !== true,
    );
    readers = read.map((name) => readQueue(name));
    const parts: ProbeParts = {
      sqs,
      events: new EventBridgeClient({ ...PLACE, endpoint: bus.endpoint }),
      cloudwatch: cloudWatch(),
      lambda: lambda(),
      id: randomUUID(),
      now: () => new Date(),
      sleep: async (ms) => await sleep(ms / 20),
      secondsMax,
    };
    return await probeStack(parts, targets);
  }

  const failed = (paths: readonly ProbedPath[]) => paths.filter(({ ok }) => !ok).map(({ path }) => path);

  it('finds every path of a stack that is well', async () => {
    const paths = await probe();
    assert.deepEqual(failed(paths), [], JSON.stringify(paths));
    assert.deepEqual(
      paths.map(({ path }) => path),
      [
        'queue transfers',
        'queue webhooks-fast',
        'queue webhooks-slow',
        'queue webhook-results',
        'bus, rule and key',
        'alarm, topic and key',
        'function matcher',
        'API',
        "API, operators' routes unsigned",
      ],
    );
    assert.match(probeText(paths), /^ok +queue transfers .*\n[\s\S]*Every path works\.$/);
  });

  it('names the queue that nobody reads, and waits no longer than it is told', async () => {
    const began = performance.now();
    const paths = await probe({ unread: ['webhook-results'] }, 2);
    assert.deepEqual(failed(paths), ['queue webhook-results']);
    assert.match(probeText(paths), /FAILED +queue webhook-results .*mapping enabled/);
    assert.match(probeText(paths), /1 of 9 paths FAILED/);
    assert.ok(performance.now() - began < 15_000);
    readers.push(readQueue('webhook-results'));
  });

  it('names the queue whose message ends in the dead letter queue', async () => {
    assert.deepEqual(failed(await probe({ failing: ['transfers'] })), ['queue transfers']);
  });

  it("hears the silence of a bus and of a topic that the key's policy does not know", async () => {
    const paths = await probe({ silentBus: true, silentTopic: true }, 2);
    assert.deepEqual(failed(paths), ['bus, rule and key', 'alarm, topic and key']);
    for (const { saw } of paths.filter(({ ok }) => !ok)) assert.match(saw, /key's policy/);
  });

  it("tells what a function's dry run failed with", async () => {
    const paths = await probe({ functionError: '{"errorMessage":"secret data-keys has no text value"}' });
    assert.deepEqual(failed(paths), ['function matcher']);
    assert.match(probeText(paths), /secret data-keys has no text value/);
  });

  it("finds operators' routes that let an unsigned request through", async () => {
    const paths = await probe({ unsigned: 200 });
    assert.deepEqual(failed(paths), ["API, operators' routes unsigned"]);
  });
});
