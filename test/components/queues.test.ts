import assert from 'node:assert/strict';
import { Queue } from '../../components/queue.ts';
import { visibilitySeconds, visibilityWithinCycle } from '../../components/queue-times.ts';
import { TransferQueue } from '../../components/transfer-queue.ts';
import { WebhookQueues } from '../../components/webhook-queues.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';
import { brokenRules, statementsOf } from '../support/stack-rules.ts';

const QUEUE = 'aws:sqs/queue:Queue';
const COMMON = { namePrefix: 'smart-transfer-test', keyArn: 'arn:mock:key', accountId: '123456789012' };
const isDeadLetterQueue = (name: string) => name.endsWith('-dlq');

describe('queue times', () => {
  it('hide a message for six times what its function may take, and less than a cycle', () => {
    assert.equal(visibilitySeconds(30), 180);
    assert.equal(visibilityWithinCycle(45, 5), 270);
  });

  it('refuse a function that is too slow for the cycle', () => {
    assert.throws(() => visibilityWithinCycle(50, 5), /300 s .* not less than a cycle of 300 s/);
  });
});

describe('the transfer queue', () => {
  let program: MockedProgram;

  before(async () => {
    program = await mockPulumi();
    new TransferQueue('transfers', {
      ...COMMON,
      settlementTimeoutSeconds: 45,
      cycleMinutes: 5,
    });
    await allRegistered();
  });

  it('is first in, first out, encrypted, and hides a message for 270 s', () => {
    const { inputs } = program.resource(QUEUE, 'transfers');
    assert.deepEqual(inputs, {
      name: 'smart-transfer-test-transfers.fifo',
      fifoQueue: true,
      contentBasedDeduplication: false,
      kmsMasterKeyId: 'arn:mock:key',
      visibilityTimeoutSeconds: 270,
      messageRetentionSeconds: 3600,
      receiveWaitTimeSeconds: 20,
    });
  });

  it('gives up after five receives, into a queue that keeps for fourteen days and takes from no other', () => {
    const { inputs: redrive } = program.resource('aws:sqs/redrivePolicy:RedrivePolicy', 'transfers');
    assert.deepEqual(JSON.parse(String(redrive['redrivePolicy'])), {
      deadLetterTargetArn: 'arn:mock:aws:sqs/queue:Queue:transfers-dlq',
      maxReceiveCount: 5,
    });
    const { inputs } = program.resource(QUEUE, 'transfers-dlq');
    assert.equal(inputs['name'], 'smart-transfer-test-transfers-dlq.fifo');
    assert.equal(inputs['fifoQueue'], true);
    assert.equal(inputs['messageRetentionSeconds'], 14 * 24 * 3600);
    const { inputs: allow } = program.resource(
      'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy',
      'transfers-dlq',
    );
    assert.deepEqual(JSON.parse(String(allow['redriveAllowPolicy'])), {
      redrivePermission: 'byQueue',
      sourceQueueArns: ['arn:mock:aws:sqs/queue:Queue:transfers'],
    });
  });

  it('keeps a message for longer than five receives take', () => {
    const { inputs } = program.resource(QUEUE, 'transfers');
    assert.ok(Number(inputs['messageRetentionSeconds']) > 5 * Number(inputs['visibilityTimeoutSeconds']));
  });

  it('lets nobody send or receive by its policy, and refuses plain HTTP', () => {
    for (const name of ['transfers', 'transfers-dlq']) {
      const { inputs } = program.resource('aws:sqs/queuePolicy:QueuePolicy', name);
      assert.deepEqual(statementsOf(inputs['policy']), [
        {
          effect: 'Deny',
          principal: '*',
          actions: ['sqs:*'],
          resources: [`arn:mock:aws:sqs/queue:Queue:${name}`],
          condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ]);
    }
  });

  it('breaks no rule of the stack', () => {
    assert.deepEqual(brokenRules(program.resources, isDeadLetterQueue), []);
  });
});

describe('the queues of webhooks', () => {
  it('are three, each with a dead letter queue of its own', async () => {
    const program = await mockPulumi();
    new WebhookQueues('webhooks', { ...COMMON, functionTimeoutSeconds: 30 });
    await allRegistered();
    const made = program.resources.filter(({ type }) => type === QUEUE);
    assert.deepEqual(made.map(({ name }) => name).sort(), [
      'webhooks-fast',
      'webhooks-fast-dlq',
      'webhooks-results',
      'webhooks-results-dlq',
      'webhooks-slow',
      'webhooks-slow-dlq',
    ]);
    for (const { inputs, name } of made)
      if (!isDeadLetterQueue(name)) assert.equal(inputs['visibilityTimeoutSeconds'], 180);
    assert.deepEqual(brokenRules(program.resources, isDeadLetterQueue), []);
  });
});

describe('a queue', () => {
  it('that gives up after fewer than five receives is refused', async () => {
    await mockPulumi();
    const args = { ...COMMON, visibilitySeconds: 60, retentionSeconds: 600, maxReceiveCount: 4 };
    assert.throws(() => new Queue('eager', args), /gives up after 4 receives; write 5 or more/);
  });
});
