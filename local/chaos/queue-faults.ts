import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { TransferMessage } from '../../functions/transfers/transfer-queue.client.ts';
import type { Fault } from './fault.ts';
import { payoutsInFlight } from './moments.ts';
import { transfersIn, type World } from './world.ts';

const restart: Fault = {
  name: 'queue_restart',
  what: 'the queue loses every message and every receipt, with payouts in flight and messages waiting',
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    await world.system.queue.restart();
    held.letGo('whole');
  },
};

/** Neither FIFO nor deduplication may be what keeps a transfer from being paid twice: the row is. */
const messagesTwice: Fault = {
  name: 'messages_twice',
  what: 'every message is in the queue three times, in groups of their own, so that functions get the same transfer at once',
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    await sendCopies(world, await transfersIn(world, 'queued', 'sending'));
    held.letGo('whole');
  },
};

async function sendCopies({ system }: World, transferIds: readonly bigint[]): Promise<void> {
  const client = system.queue.client();
  try {
    for (const copy of [1, 2]) {
      for (const id of transferIds) {
        const name = `copy-${copy}-${id}`;
        await client.send(
          new SendMessageCommand({
            QueueUrl: system.transfersUrl,
            MessageBody: JSON.stringify({ transfer_id: id.toString() } satisfies TransferMessage),
            MessageGroupId: name,
            MessageDeduplicationId: name,
          }),
        );
      }
    }
  } finally {
    client.destroy();
  }
}

export const queueFaults: readonly Fault[] = [restart, messagesTwice];
