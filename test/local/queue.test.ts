import assert from 'node:assert/strict';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { startQueue, type FifoQueueWithDlq, type LocalQueue } from '../../local/queue.ts';

describe('local queue', () => {
  let queue: LocalQueue;
  let client: SQSClient;
  let urls: FifoQueueWithDlq;

  beforeEach(async () => {
    queue = await startQueue();
    client = queue.client();
    urls = await queue.createFifoQueueWithDlq('transfers', { visibilityTimeoutS: 270, maxReceiveCount: 5 });
  });
  afterEach(async () => {
    client.destroy();
    await queue.stop();
  });

  async function send(body: string): Promise<void> {
    const entry = { MessageBody: body, MessageGroupId: 'group', MessageDeduplicationId: body };
    await client.send(new SendMessageCommand({ QueueUrl: urls.queueUrl, ...entry }));
  }

  async function receive(): Promise<{ body: string | undefined; handle: string | undefined }[]> {
    const { Messages } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: urls.queueUrl, MaxNumberOfMessages: 10 }),
    );
    return (Messages ?? []).map(({ Body, ReceiptHandle }) => ({ body: Body, handle: ReceiptHandle }));
  }

  it('listens on 127.0.0.1 under addresses that need no name to be resolved', () => {
    assert.equal(queue.endpoint, `http://127.0.0.1:${queue.port}`);
    assert.equal(urls.queueUrl, `${queue.endpoint}/000000000000/transfers.fifo`);
    assert.equal(urls.dlqUrl, `${queue.endpoint}/000000000000/transfers-dlq.fifo`);
  });

  it('makes the queue with its timeout and its dead-letter queue', async () => {
    const command = new GetQueueAttributesCommand({ QueueUrl: urls.queueUrl, AttributeNames: ['All'] });
    const { Attributes } = await client.send(command);
    assert.equal(Attributes!['VisibilityTimeout'], '270');
    assert.equal(Attributes!['QueueArn'], urls.queueArn);
    assert.deepEqual(JSON.parse(Attributes!['RedrivePolicy']!), {
      deadLetterTargetArn: urls.dlqArn,
      maxReceiveCount: 5,
    });
  });

  it('holds a group back while one of its messages is out', async () => {
    await send('one');
    await send('two');
    const [first] = await receive();
    assert.equal(first?.body, 'one');
    assert.deepEqual(await receive(), []);
    await client.send(new DeleteMessageCommand({ QueueUrl: urls.queueUrl, ReceiptHandle: first.handle }));
    assert.equal((await receive())[0]?.body, 'two');
  });

  it('takes a message with the same deduplication id once', async () => {
    await send('one');
    await send('one');
    const [first, ...others] = await receive();
    await client.send(new DeleteMessageCommand({ QueueUrl: urls.queueUrl, ReceiptHandle: first?.handle }));
    assert.deepEqual([...others, ...(await receive())], []);
  });

  it('is there again after a restart, empty, under the same addresses', async () => {
    await send('lost');
    await queue.restart();
    assert.deepEqual(await receive(), []);
    await send('new');
    assert.equal((await receive())[0]?.body, 'new');
  });
});
