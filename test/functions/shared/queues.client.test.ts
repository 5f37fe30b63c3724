import assert from 'node:assert/strict';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { openQueues } from '../../../functions/shared/queues.client.ts';
import { setEnvironment } from '../../support/function-environment.ts';

const ACCESS = { AWS_REGION: 'ap-northeast-2', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

/** The host that a message to a queue would go to, without sending it. */
async function hostOf(environment: Readonly<Record<string, string>>): Promise<string> {
  const putBack = setEnvironment({ ...ACCESS, ...environment });
  try {
    const client = openQueues();
    let host = '';
    client.middlewareStack.add(
      () => (args) => {
        host = (args.request as { hostname: string }).hostname;
        throw new Error('not sent');
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const QueueUrl = 'https://sqs.ap-northeast-2.amazonaws.com/123456789012/transfers.fifo';
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}' })).catch(() => undefined);
    return host;
  } finally {
    putBack();
  }
}

describe('a client for queues', () => {
  it("goes to the dual-stack address where the way out is IPv6, whatever the queue's URL says", async () => {
    assert.equal(await hostOf({ AWS_USE_DUALSTACK_ENDPOINT: 'true' }), 'sqs.ap-northeast-2.api.aws');
  });

  it('goes to the usual address otherwise', async () => {
    assert.equal(await hostOf({}), 'sqs.ap-northeast-2.amazonaws.com');
  });
});
