import type { Message } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import type {
  DispatchedTransfer,
  TransferMessage,
  TransferQueue,
} from '../../functions/transfers/transfer-queue.client.ts';
import { succeededMessages } from '../function-host/batch-response.ts';
import type { Sandbox } from './sandbox.ts';
import type { WorldState } from './world-state.ts';

/** As deployed. */
const VISIBILITY_MS = 270_000;
const BATCH = 10;
const MAX_RECEIVES = 5;
/** SQS FIFO forgets after this what it has taken, ms. */
const DEDUPLICATION_MS = 5 * 60_000;

interface Held {
  readonly id: string;
  readonly body: string;
  readonly group: string;
  visibleAtMs: number;
  receives: number;
}

/** A queue in memory that keeps fewer promises than SQS FIFO does: the database alone must keep money from going twice. */
export class SimulatedQueue {
  readonly #state: WorldState;
  #messages: Held[] = [];
  readonly #takenAt = new Map<string, number>();
  #count = 0;
  /** Messages that were received too often. */
  dead = 0;
  /** Called with the time at which a message can be received. */
  onMessage: (atMs: number) => void = () => undefined;

  constructor(state: WorldState) {
    this.#state = state;
  }

  /** The queue as a function sees it. */
  clientOf(sandbox: Sandbox): TransferQueue {
    return {
      dispatch: async (transfers) => {
        for (let start = 0; start < transfers.length; start += BATCH) {
          const batch = transfers.slice(start, start + BATCH);
          await sandbox.turn('before sending to the queue');
          for (const transfer of batch) this.#take(transfer);
          await sandbox.turn('after sending to the queue');
        }
        return { notTaken: 0 };
      },
    };
  }

  /** Up to ten messages that may be received now; they are hidden until the visibility timeout. */
  receive(): Message[] {
    const { timeline, random } = this.#state;
    if (this.#state.befalls('queue_lost', this.#state.rateOf('queue_lost') / 20)) {
      this.#state.record('queue', `restarts and forgets ${this.#messages.length} messages`, true);
      this.#messages = [];
    }
    const isHidden = (one: Held) => one.visibleAtMs > timeline.nowMs;
    const busy = new Set(
      this.#messages.filter((one) => isHidden(one) && one.receives > 0).map((one) => one.group),
    );
    const ready = this.#messages.filter((one) => one.visibleAtMs <= timeline.nowMs && !busy.has(one.group));
    const ordered = this.#state.befalls('message_out_of_order') ? random.shuffle(ready) : ready;
    const received: Held[] = [];
    for (const message of ordered) {
      if (received.length === BATCH) break;
      message.receives += 1;
      if (message.receives > MAX_RECEIVES) {
        this.dead += 1;
        this.#messages = this.#messages.filter((one) => one !== message);
        this.#state.record('queue', `message ${message.id} goes to the dead letter queue`, true);
        continue;
      }
      received.push(message);
      // Handed out twice: another worker receives it while this one works.
      const hiddenMs = this.#state.befalls('message_twice') ? random.integer(10, 5000) : VISIBILITY_MS;
      message.visibleAtMs = timeline.nowMs + hiddenMs;
      this.onMessage(message.visibleAtMs);
    }
    return received.map((message) => ({
      MessageId: message.id,
      ReceiptHandle: `${message.id}/${message.receives}`,
      Body: message.body,
      Attributes: {
        MessageGroupId: message.group,
        ApproximateReceiveCount: message.receives.toString(),
      },
    }));
  }

  /** What Lambda does with a batch's answer: what succeeded is deleted, the rest comes back at the visibility timeout. */
  answer(messages: readonly Message[], response: SQSBatchResponse): void {
    const ids = messages.map((message) => message.MessageId ?? '');
    const succeeded = succeededMessages({ outcome: 'returned', payload: response } as never, ids);
    for (const id of succeeded) {
      if (this.#state.befalls('message_kept')) continue;
      this.#messages = this.#messages.filter((one) => one.id !== id);
    }
  }

  #take({ transferId, dispatchNumber, group }: DispatchedTransfer): void {
    const { timeline, random } = this.#state;
    const deduplicationId = `${transferId.toString()}-${dispatchNumber}`;
    const takenAt = this.#takenAt.get(deduplicationId);
    if (takenAt !== undefined && timeline.nowMs - takenAt < DEDUPLICATION_MS) return;
    this.#takenAt.set(deduplicationId, timeline.nowMs);
    const copies = this.#state.befalls('message_twice') ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#count += 1;
      const lateMs = this.#state.befalls('message_late')
        ? random.integer(1000, 15 * 60_000)
        : random.integer(1, 300);
      this.#messages.push({
        id: `m${this.#count}`,
        body: JSON.stringify({ transfer_id: transferId.toString() } satisfies TransferMessage),
        // A copy that comes by another way is in nobody's group.
        group: copy === 0 ? group : `${group}+`,
        visibleAtMs: timeline.nowMs + lateMs,
        receives: 0,
      });
      this.onMessage(timeline.nowMs + lateMs);
    }
  }
}
