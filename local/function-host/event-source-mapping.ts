import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { succeededMessages } from './batch-response.ts';
import type { LocalFunction } from './function-host.ts';
import type { InvocationResult } from './invocation.ts';
import { sqsEvent } from './sqs-event.ts';

/** A long poll is short here, since whoever stops the mapping waits for it. A poll that is cut off could lose what it was given. */
const LONG_POLL_S = 1;

/** The pause between two polls of an empty queue, where polls are short. */
const SHORT_POLL_PAUSE_MS = 20;

/** The pause after a poll that failed: the queue is down. */
const FAILED_POLL_PAUSE_MS = 100;

export interface EventSourceMappingArgs {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly target: LocalFunction;
  /** 1 to 10, the limits for a FIFO queue (Lambda developer guide, "Using Lambda with Amazon SQS"). */
  readonly batchSize: number;
  /** 2 to 1,000, the limits of Lambda. So many batches at a time at most. */
  readonly maximumConcurrency: number;
  /**
   * `long` unless given: a poll waits for messages, and `idle` takes up to a second longer. `short` asks again and again, so that
   * `idle` answers at once: for a caller who steps a clock.
   */
  readonly polling?: 'long' | 'short';
  /** Troubles of the mapping itself, such as a queue that is down. */
  readonly log?: (line: string) => void;
  /** Called at the end of each batch. */
  readonly onBatch?: (batch: BatchReport) => void;
}

export interface BatchReport {
  readonly messageIds: readonly string[];
  /** The messages that were deleted; the others come back after their visibility timeout. */
  readonly deletedIds: readonly string[];
  readonly result: InvocationResult;
}

export interface EventSourceMapping {
  /**
   * Resolves once nothing can be received and no batch is in flight, and tells how many messages are left all the same: hidden
   * after a failure, or in a group behind such a message. Both become visible after the queue's visibility timeout.
   */
  idle(): Promise<{ readonly left: number }>;
  /** Receives nothing more, and waits for the batches in flight. */
  stop(): Promise<void>;
}

/**
 * Polls a FIFO queue and invokes a function with batches, as Lambda's event source mapping does with `ReportBatchItemFailures`:
 * what succeeded is deleted, what failed is left to become visible again and is redriven by the queue. That no two batches hold
 * the same group at a time is the queue's doing.
 */
export function createEventSourceMapping(args: EventSourceMappingArgs): EventSourceMapping {
  refuseBadLimits(args);
  const inFlight = new Set<Promise<void>>();
  const idleWaiters = new Set<IdleWaiter>();
  const pause = createPause();
  let stopping = false;

  const startBatch = (messages: readonly Message[]): void => {
    const batch = runBatch(args, messages).finally(() => inFlight.delete(batch));
    inFlight.add(batch);
  };

  /** One poll. An empty one tells those who wait for idleness if it began after they came and no batch ran beside it. */
  const pollOnce = async (): Promise<void> => {
    const witnesses = inFlight.size === 0 ? [...idleWaiters] : [];
    const long = args.polling !== 'short' && idleWaiters.size === 0;
    const messages = await receive(args, long ? LONG_POLL_S : 0);
    if (messages.length > 0) {
      startBatch(messages);
      return;
    }
    for (const waiter of witnesses) {
      idleWaiters.delete(waiter);
      waiter.resolve();
    }
    if (long) return;
    if (idleWaiters.size === 0) await pause.during(SHORT_POLL_PAUSE_MS);
    else if (inFlight.size > 0) await Promise.race([...inFlight, pause.during(SHORT_POLL_PAUSE_MS)]);
  };

  const pollUntilStopped = async (): Promise<void> => {
    while (!stopping) {
      if (inFlight.size >= args.maximumConcurrency) await Promise.race(inFlight);
      else await pollOnce().catch((error: unknown) => pollFailed(error));
    }
  };

  const pollFailed = async (error: unknown): Promise<void> => {
    args.log?.(`the queue ${args.queueUrl} cannot be polled: ${String(error)}`);
    await pause.during(FAILED_POLL_PAUSE_MS);
  };

  const polling = pollUntilStopped();
  return {
    async idle() {
      if (stopping) throw new Error('The event source mapping is stopped');
      await new Promise<void>((resolve, reject) => {
        idleWaiters.add({ resolve, reject });
        pause.end();
      });
      return { left: await countMessages(args) };
    },
    async stop() {
      stopping = true;
      pause.end();
      await polling;
      await Promise.all(inFlight);
      for (const waiter of idleWaiters) waiter.reject(new Error('The event source mapping is stopped'));
    },
  };
}

interface IdleWaiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function refuseBadLimits({ batchSize, maximumConcurrency }: EventSourceMappingArgs): void {
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 10) {
    throw new Error(`A FIFO queue's batch size is 1 to 10, not ${batchSize}`);
  }
  if (!Number.isInteger(maximumConcurrency) || maximumConcurrency < 2 || maximumConcurrency > 1_000) {
    throw new Error(`The maximum concurrency of a queue's mapping is 2 to 1,000, not ${maximumConcurrency}`);
  }
}

/** A pause that can be cut short. */
function createPause(): { during(ms: number): Promise<void>; end(): void } {
  let wake: () => void = () => undefined;
  return {
    async during(ms) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      wake = () => resolve(undefined);
      const timer = setTimeout(wake, ms);
      await promise;
      clearTimeout(timer);
    },
    end: () => wake(),
  };
}

async function receive(args: EventSourceMappingArgs, waitS: number): Promise<readonly Message[]> {
  const { Messages } = await args.client.send(
    new ReceiveMessageCommand({
      QueueUrl: args.queueUrl,
      MaxNumberOfMessages: args.batchSize,
      WaitTimeSeconds: waitS,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    }),
  );
  return Messages ?? [];
}

async function runBatch(args: EventSourceMappingArgs, messages: readonly Message[]): Promise<void> {
  const messageIds = messages.map(idOf);
  try {
    const result = await args.target.invoke(sqsEvent(messages, args.queueArn));
    const succeeded = succeededMessages(result, messageIds);
    const deletedIds = await deleteMessages(
      args,
      messages.filter((message) => succeeded.includes(idOf(message))),
    );
    args.onBatch?.({ messageIds, deletedIds, result });
  } catch (error) {
    args.log?.(`a batch of ${messages.length} messages comes back to ${args.queueUrl}: ${String(error)}`);
  }
}

function idOf(message: Message): string {
  return message.MessageId ?? '';
}

async function deleteMessages(
  args: EventSourceMappingArgs,
  messages: readonly Message[],
): Promise<readonly string[]> {
  if (messages.length === 0) return [];
  const entries = messages.map((message) => ({ Id: idOf(message), ReceiptHandle: message.ReceiptHandle }));
  const { Successful, Failed } = await args.client.send(
    new DeleteMessageBatchCommand({ QueueUrl: args.queueUrl, Entries: entries }),
  );
  for (const { Id, Message: why } of Failed ?? [])
    args.log?.(`message ${Id ?? ''} was not deleted: ${why ?? ''}`);
  return (Successful ?? []).map(({ Id }) => Id ?? '');
}

async function countMessages(args: EventSourceMappingArgs): Promise<number> {
  const { Attributes } = await args.client.send(
    new GetQueueAttributesCommand({
      QueueUrl: args.queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Object.values(Attributes ?? {}).reduce((total, count) => total + Number(count), 0);
}
