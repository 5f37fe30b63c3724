import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { harmlessMessage } from '../../../cli/probe/messages.ts';
import type { ProbedQueue } from '../../../cli/probe/targets.ts';
import type { MetricValues } from '../../../functions/shared/metrics.ts';
import { settle } from '../../../functions/transfers/settle.step.ts';
import { parseTransferMessage } from '../../../functions/transfers/transfer-queue.client.ts';
import { deliver } from '../../../functions/webhooks/deliver.step.ts';
import { recordAttempt } from '../../../functions/webhooks/record.step.ts';
import { webhookMessageSchema, webhookResultSchema } from '../../../functions/webhooks/webhook-message.ts';
import { insertDeliveries } from '../../../functions/webhooks/webhook.repository.ts';
import { assertBooks } from '../../support/assert-books.ts';
import { dumpDatabase } from '../../support/logical-dump.ts';
import { openPayoutWorld, queueOne, settleContext, type PayoutWorld } from '../../support/payout-world.ts';

describe("the probe's messages", () => {
  let world: PayoutWorld;
  const id = randomUUID();

  beforeEach(async () => {
    world = await openPayoutWorld();
    await queueOne(world, 5000n);
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const read = (queue: ProbedQueue) =>
    JSON.parse(harmlessMessage(queue, id, world.clock.now()).body) as unknown;

  /** What a reader makes of a message, and whether anything is another than before. */
  async function whatChanges<T>(work: () => Promise<T>): Promise<T> {
    const before = await dumpDatabase(world.db);
    const outcome = await work();
    assert.deepEqual(await dumpDatabase(world.db), before);
    assert.deepEqual(world.bank.executed, []);
    return outcome;
  }

  it('are taken by settlement, which claims nothing and asks no bank', async () => {
    const { body } = harmlessMessage('transfers', id, world.clock.now());
    const outcome = await whatChanges(() => settle(settleContext(world), parseTransferMessage(body)));
    assert.deepEqual(outcome, { outcome: 'not_claimable', state: 'missing' });
  });

  it('are told apart by the FIFO queue from one run to the next', () => {
    const ids = [randomUUID(), randomUUID()].map(
      (run) => harmlessMessage('transfers', run, world.clock.now()).fifo?.deduplicationId,
    );
    assert.equal(new Set(ids).size, 2);
  });

  for (const lane of ['webhooks-fast', 'webhooks-slow'] as const)
    it(`are taken by the delivery of ${lane}, which sends nothing and reports nothing`, async () => {
      const parts = {
        clock: world.clock,
        keys: { current: 'none', keys: {} },
        sendResult: () => Promise.reject(new Error('nothing is to be reported')),
        reach: 'public' as const,
        resolve: () => Promise.reject(new Error('nothing is to be sent')),
      };
      assert.equal(await deliver(parts, webhookMessageSchema.parse(read(lane))), 'expired');
    });

  it('are taken by the record of results, which knows no such delivery', async () => {
    const metrics: MetricValues[] = [];
    const parts = {
      db: world.db,
      lanes: { send: () => Promise.reject(new Error('nothing is to be queued')) },
      writeMetrics: (values: MetricValues) => void metrics.push(values),
    };
    const result = webhookResultSchema.parse(read('webhook-results'));
    assert.equal(await whatChanges(() => recordAttempt(parts, result, world.clock.now(), 0.5)), 'known');
    assert.deepEqual(metrics, []);
  });

  it('make no delivery of an event that does not exist', async () => {
    assert.deepEqual(await whatChanges(() => insertDeliveries(world.db, id, world.clock.now())), []);
  });
});
