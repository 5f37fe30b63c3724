import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetQueueAttributesCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import {
  createEventSourceMapping,
  type BatchReport,
  type EventSourceMapping,
  type EventSourceMappingArgs,
} from '../../../local/function-host/event-source-mapping.ts';
import type { LocalFunction } from '../../../local/function-host/function-host.ts';
import { startQueue, type FifoQueueWithDlq, type LocalQueue } from '../../../local/queue.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { createHostForTest, type HostForTest } from './host-for-test.ts';

describe('event source mapping', () => {
  const folder = temporaryFolder();
  let queue: LocalQueue;
  let client: SQSClient;
  let urls: FifoQueueWithDlq;
  let host: HostForTest;
  let reports: BatchReport[];
  let mapping: EventSourceMapping | undefined;
  let sent: number;

  beforeEach(async () => {
    queue = await startQueue();
    client = queue.client();
    urls = await queue.createFifoQueueWithDlq('transfers', { visibilityTimeoutS: 1, maxReceiveCount: 2 });
    host = createHostForTest(folder());
    reports = [];
    mapping = undefined;
    sent = 0;
  });

  afterEach(async () => {
    await mapping?.stop();
    await host.stop();
    client.destroy();
    await queue.stop();
  });

  const batchesFile = () => join(folder(), 'batches');

  async function defineTarget(maximumConcurrency = 4): Promise<LocalFunction> {
    return await host.define('batch', { maximumConcurrency, environment: { BATCHES_FILE: batchesFile() } });
  }

  async function start(args: Partial<EventSourceMappingArgs> = {}): Promise<EventSourceMapping> {
    mapping = createEventSourceMapping({
      client,
      queueUrl: urls.queueUrl,
      queueArn: urls.queueArn,
      target: args.target ?? (await defineTarget()),
      batchSize: 10,
      maximumConcurrency: 2,
      polling: 'short',
      onBatch: (report) => reports.push(report),
      ...args,
    });
    return mapping;
  }

  async function send(group: string, order: object): Promise<string> {
    const { MessageId } = await client.send(
      new SendMessageCommand({
        QueueUrl: urls.queueUrl,
        MessageBody: JSON.stringify(order),
        MessageGroupId: group,
        MessageDeduplicationId: String(++sent),
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'payout' } },
      }),
    );
    return MessageId!;
  }

  async function countIn(queueUrl: string): Promise<number> {
    const { Attributes } = await client.send(
      new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }),
    );
    return (
      Number(Attributes!['ApproximateNumberOfMessages']) +
      Number(Attributes!['ApproximateNumberOfMessagesNotVisible'])
    );
  }

  /** The records of each batch that the function has seen. */
  function batches(): SQSRecord[][] {
    if (!existsSync(batchesFile())) return [];
    // What stands behind the last line's end is being written still.
    const lines = readFileSync(batchesFile(), 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as SQSRecord[]);
  }

  it('hands messages in as Lambda does, deletes them, and is idle then', async () => {
    const messageId = await send('seller-1', { name: 'one' });
    const { left } = await (await start()).idle();
    assert.equal(left, 0);
    const [[record]] = batches() as [[SQSRecord]];
    const body = '{"name":"one"}';
    assert.equal(record.messageId, messageId);
    assert.equal(record.body, body);
    assert.equal(record.md5OfBody, createHash('md5').update(body).digest('hex'));
    assert.equal(record.eventSource, 'aws:sqs');
    assert.equal(record.eventSourceARN, 'arn:aws:sqs:ap-northeast-2:000000000000:transfers.fifo');
    assert.equal(record.awsRegion, 'ap-northeast-2');
    assert.equal(record.attributes.ApproximateReceiveCount, '1');
    assert.equal(record.attributes.MessageGroupId, 'seller-1');
    assert.equal(record.attributes.MessageDeduplicationId, '1');
    assert.match(record.attributes.SequenceNumber!, /^\d{20}$/);
    assert.match(record.attributes.SentTimestamp, /^\d{13}$/);
    assert.equal(record.messageAttributes['kind']?.stringValue, 'payout');
    assert.ok(record.receiptHandle.length > 0);
  });

  it('deletes exactly the messages that succeeded', async () => {
    const good = await send('seller-1', { name: 'good' });
    const bad = await send('seller-2', { name: 'bad', answer: 'fail' });
    const alsoGood = await send('seller-3', { name: 'also good' });
    const { left } = await (await start()).idle();
    assert.equal(left, 1);
    assert.deepEqual(reports[0]?.messageIds, [good, bad, alsoGood]);
    assert.deepEqual(reports[0].deletedIds, [good, alsoGood]);
  });

  for (const answer of ['throw', 'unknown_id', 'empty_id', 'bad_key', 'text']) {
    it(`deletes nothing of a batch that ends with ${answer}`, async () => {
      await send('seller-1', { name: 'good' });
      await send('seller-2', { name: 'odd', answer });
      const { left } = await (await start()).idle();
      assert.equal(left, 2);
      assert.deepEqual(reports[0]?.deletedIds, []);
    });
  }

  for (const answer of ['nothing', 'no_list']) {
    it(`deletes all of a batch that ends with ${answer}`, async () => {
      await send('seller-1', { name: 'good', answer });
      await send('seller-2', { name: 'also good' });
      assert.equal((await (await start()).idle()).left, 0);
    });
  }

  it('hands a failed message in again after the visibility timeout, and the queue gives it up in the end', async () => {
    await send('seller-1', { name: 'bad', answer: 'fail' });
    await start();
    await until('it is in the dead-letter queue', async () => (await countIn(urls.dlqUrl)) === 1);
    const counts = batches().map(([record]) => record!.attributes.ApproximateReceiveCount);
    assert.deepEqual(counts, ['1', '2']);
    assert.equal(await countIn(urls.queueUrl), 0);
  });

  it('keeps the order within a group behind a message that failed', async () => {
    await send('seller-1', { name: 'first', answer: 'fail' });
    await send('seller-1', { name: 'second' });
    const { left } = await (await start()).idle();
    assert.equal(left, 2);
    await until('the second has run', async () => (await countIn(urls.queueUrl)) === 0);
    const names = batches().flatMap((records) =>
      records.map(({ body }) => (JSON.parse(body) as { name: string }).name),
    );
    assert.deepEqual(names, ['first', 'first', 'second']);
  });

  it('runs no more batches at a time than it may', async () => {
    for (let group = 0; group < 6; group++) await send(`seller-${group}`, { name: 'slow', ms: 60 });
    const target = await defineTarget(6);
    let busiest = 0;
    const watched: LocalFunction = {
      ...target,
      invoke: async (event, options) => {
        const result = target.invoke(event, options);
        busiest = Math.max(busiest, target.sandboxes().filter(({ state }) => state !== 'idle').length);
        return await result;
      },
    };
    await (await start({ batchSize: 1, target: watched })).idle();
    assert.equal(batches().length, 6);
    assert.ok(busiest <= 2);
    assert.equal(target.sandboxes().length, 2);
  });

  it('leaves messages in the queue when the function is throttled', async () => {
    const target = await defineTarget(1);
    const occupied = target.invoke({
      Records: [{ messageId: 'x', body: '{"name":"other caller","ms":400}' }],
    });
    await send('seller-1', { name: 'throttled' });
    const { left } = await (await start({ target })).idle();
    assert.equal(left, 1);
    assert.equal(reports[0]?.result.outcome, 'throttled');
    await occupied;
    await until('it comes back and succeeds', async () => (await countIn(urls.queueUrl)) === 0);
  });

  it('is idle only when what was sent before is done, each time', async () => {
    const idler = await start();
    for (let round = 1; round <= 20; round++) {
      await send(`seller-${round % 3}`, { name: 'one' });
      await send(`seller-${round % 3}`, { name: 'two', ms: 2 });
      await send('seller-9', { name: 'three' });
      assert.equal((await idler.idle()).left, 0);
      assert.equal(batches().flat().length, 3 * round);
    }
  });

  it('is idle with long polls too', async () => {
    const idler = await start({ polling: 'long' });
    await send('seller-1', { name: 'one' });
    await send('seller-1', { name: 'two' });
    assert.equal((await idler.idle()).left, 0);
    assert.equal(batches().flat().length, 2);
  });

  it('receives from other groups while a batch is at work', async () => {
    await send('seller-1', { name: 'slow', ms: 1_500 });
    await start({ polling: 'long' });
    await until('the first is at work', () => batches().length === 1);
    await send('seller-2', { name: 'quick' });
    await until('the second is done', () => reports.length === 1);
    assert.equal(batches().length, 2);
  });

  it('finishes the batch in flight before it stops', async () => {
    await send('seller-1', { name: 'slow', ms: 200 });
    const stopped = await start();
    await until('the function works', () => batches().length === 1);
    await stopped.stop();
    assert.equal(reports[0]?.deletedIds.length, 1);
    await assert.rejects(stopped.idle(), /is stopped/);
  });

  it('goes on when the queue was lost and is there again', async () => {
    const lines: string[] = [];
    const survivor = await start({ log: (line) => lines.push(line) });
    await send('seller-1', { name: 'before' });
    await survivor.idle();
    await queue.restart();
    await send('seller-1', { name: 'after' });
    assert.equal((await survivor.idle()).left, 0);
    assert.equal(batches().length, 2);
  });

  it('refuses limits that Lambda refuses', async () => {
    const target = await defineTarget();
    await assert.rejects(start({ target, batchSize: 11 }), /1 to 10, not 11/);
    await assert.rejects(start({ target, maximumConcurrency: 1 }), /2 to 1,000, not 1/);
  });
});
