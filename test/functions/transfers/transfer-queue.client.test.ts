import assert from 'node:assert/strict';
import type { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  createTransferQueue,
  parseTransferMessage,
  type DispatchedTransfer,
} from '../../../functions/transfers/transfer-queue.client.ts';

const QUEUE_URL = 'https://sqs.example/transfers.fifo';

/** An SQS that keeps its calls, and refuses the entries of these ids. */
function fakeSqs(refused: readonly string[] = []) {
  const calls: SendMessageBatchCommand['input'][] = [];
  const client = {
    send(command: SendMessageBatchCommand) {
      calls.push(command.input);
      const failed = (command.input.Entries ?? []).filter((entry) =>
        refused.some((id) => entry.MessageBody === JSON.stringify({ transfer_id: id })),
      );
      return Promise.resolve({ Failed: failed.map((entry) => ({ Id: entry.Id })) });
    },
  } as unknown as SQSClient;
  return { client, calls };
}

function transfers(count: number): DispatchedTransfer[] {
  return Array.from({ length: count }, (_, index) => ({
    transferId: BigInt(index + 1),
    dispatchNumber: 3,
    group: 'hash',
  }));
}

describe('the transfer queue', () => {
  it('takes ten messages a call, each with the id alone', async () => {
    const { client, calls } = fakeSqs();
    assert.deepEqual(await createTransferQueue(client, QUEUE_URL).dispatch(transfers(21)), { notTaken: 0 });
    assert.deepEqual(
      calls.map((call) => call.Entries?.length),
      [10, 10, 1],
    );
    assert.deepEqual(calls[2], {
      QueueUrl: QUEUE_URL,
      Entries: [
        {
          Id: '0',
          MessageBody: '{"transfer_id":"21"}',
          MessageGroupId: 'hash',
          MessageDeduplicationId: '21-3',
        },
      ],
    });
  });

  it('gives a redispatch another deduplication id', async () => {
    const { client, calls } = fakeSqs();
    const queue = createTransferQueue(client, QUEUE_URL);
    await queue.dispatch([{ transferId: 1n, dispatchNumber: 1, group: 'g' }]);
    await queue.dispatch([{ transferId: 1n, dispatchNumber: 2, group: 'g' }]);
    const ids = calls.map((call) => call.Entries?.[0]?.MessageDeduplicationId);
    assert.deepEqual(ids, ['1-1', '1-2']);
  });

  it('counts what was not taken, over all calls', async () => {
    const { client } = fakeSqs(['2', '11', '12']);
    assert.deepEqual(await createTransferQueue(client, QUEUE_URL).dispatch(transfers(12)), { notTaken: 3 });
  });
});

describe("a message's body", () => {
  it('gives the transfer id back', () => {
    assert.equal(parseTransferMessage('{"transfer_id":"42"}'), 42n);
    assert.equal(parseTransferMessage('{"transfer_id":"999999999999999999"}'), 999_999_999_999_999_999n);
  });

  for (const body of [
    '',
    'nonsense',
    'null',
    '42',
    '"42"',
    '[]',
    '{}',
    '{"transfer_id":42}',
    '{"transfer_id":""}',
    '{"transfer_id":"-1"}',
    '{"transfer_id":"1.5"}',
    '{"transfer_id":" 1"}',
    '{"transfer_id":"1234567890123456789"}',
    '{"transfer_id":"1; drop table transfer"}',
    '{"transferId":"42"}',
  ]) {
    it(`is refused when it is ${body || 'empty'}`, () => {
      assert.throws(() => parseTransferMessage(body));
    });
  }
});
