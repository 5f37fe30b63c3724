import assert from 'node:assert/strict';
import type { Message } from '@aws-sdk/client-sqs';
import { createSettlement } from '../../../functions/transfers/settle-batch.step.ts';
import { sqsEvent } from '../../../local/function-host/sqs-event.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  openPayoutWorld,
  ORGANISATION,
  PAYOUT,
  queueOne,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';

/** More than a claim needs. */
const ENOUGH_MS = 45_000;

describe('a batch of settlement', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const message = (id: string, group: string, body: string): Message => ({
    MessageId: id,
    ReceiptHandle: id,
    Body: body,
    Attributes: { MessageGroupId: group },
  });
  const transferMessage = (id: string, group: string, transferId: bigint): Message =>
    message(id, group, JSON.stringify({ transfer_id: transferId.toString() }));

  async function settleBatch(messages: readonly Message[], remainingMs: () => number): Promise<string[]> {
    const settlement = createSettlement({
      db: world.db,
      openBank: () => world.bank,
      clock: world.clock,
      log: { info: () => undefined, warn: () => undefined },
      payoutAccount: PAYOUT,
      databaseCluster: undefined,
      readVault: () => Promise.resolve(world.vault),
      readOrganisationCode: () => Promise.resolve(ORGANISATION),
      readPayoutSecret: () => Promise.resolve({ wd_pass_phrase: 'phrase', contract_account_number: '1' }),
    });
    const event = sqsEvent(messages, 'arn:aws:sqs:ap-northeast-2:000000000000:transfers.fifo');
    const { batchItemFailures } = await settlement(event, { getRemainingTimeInMillis: remainingMs });
    return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  }

  it('goes on with other accounts when a message fails: what follows it in its own group comes again', async () => {
    const [first, second] = [await queueOne(world, 5000n, 'kim'), await queueOne(world, 7000n, 'lee')];
    const failed = await settleBatch(
      [
        message('broken', 'kim', 'no message of ours'),
        transferMessage('behind', 'kim', first),
        transferMessage('other', 'lee', second),
      ],
      () => ENOUGH_MS,
    );
    assert.deepEqual(failed, ['broken', 'behind']);
    assert.equal(await stateOf(world, first), 'queued');
    assert.equal(await stateOf(world, second), 'succeeded');
    assert.equal(world.bank.executed.length, 1);
  });

  it('begins nothing that it has no time left for, and hands it back', async () => {
    const [first, second] = [await queueOne(world, 5000n, 'kim'), await queueOne(world, 7000n, 'lee')];
    let remaining = ENOUGH_MS;
    const failed = await settleBatch(
      [transferMessage('first', 'kim', first), transferMessage('second', 'lee', second)],
      () => {
        const now = remaining;
        remaining -= 20_000;
        return now;
      },
    );
    assert.deepEqual(failed, ['second']);
    assert.equal(await stateOf(world, first), 'succeeded');
    assert.equal(await stateOf(world, second), 'queued');
  });
});
