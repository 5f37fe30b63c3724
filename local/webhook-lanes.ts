import type { SQSClient } from '@aws-sdk/client-sqs';
import type { PublishedEvent } from './event-bus.ts';
import { createEventSourceMapping } from './function-host/event-source-mapping.ts';
import type { LocalFunction } from './function-host/function-host.ts';
import { createSchedule } from './function-host/scheduler.ts';
import type { StandardQueue } from './queue.ts';

export interface WebhookFunctions {
  readonly fanOut: LocalFunction;
  /** Each lane has a function of its own, so that one cannot take the other's sandboxes. */
  readonly deliverFast: LocalFunction;
  readonly deliverSlow: LocalFunction;
  readonly record: LocalFunction;
}

export interface WebhookLanesArgs {
  readonly client: SQSClient;
  readonly queues: WebhookQueues;
  readonly functions: WebhookFunctions;
  readonly log: (text: string) => void;
}

export interface WebhookQueues {
  readonly fast: StandardQueue;
  readonly slow: StandardQueue;
  readonly results: StandardQueue;
}

export interface LocalWebhooks {
  /** The bus's rule: an event that could not be fanned out is tried twice more, as Lambda does with what is invoked without waiting. */
  onEvent(published: PublishedEvent): void;
  stop(): Promise<void>;
}

/** Seconds between sweeps: a minute on AWS. */
const SWEEP_S = 5;

const INVOCATIONS_MAX = 3;

/** An event waits at most so long for a free sandbox, ms. */
const WAIT_MS_MAX = 300_000;

/** Connects the functions of webhooks: the bus to the fan-out, each lane to its deliveries, the results to what records them, and the sweep. */
export function connectWebhooks({ client, queues, functions, log }: WebhookLanesArgs): LocalWebhooks {
  const inFlight = new Set<Promise<void>>();
  const map = (queue: StandardQueue, target: LocalFunction) =>
    createEventSourceMapping({ client, ...queue, target, batchSize: 10, maximumConcurrency: 2, log });
  const mappings = [
    map(queues.fast, functions.deliverFast),
    map(queues.slow, functions.deliverSlow),
    map(queues.results, functions.record),
  ];
  const sweep = createSchedule({
    everyMs: SWEEP_S * 1000,
    target: functions.fanOut,
    event: () => ({ sweep: true }),
    onResult: ({ result }) => {
      if (result.outcome !== 'returned') log(`a sweep of the webhooks failed: ${JSON.stringify(result)}`);
    },
  });
  const fanOut = async (published: PublishedEvent): Promise<void> => {
    for (let n = 1; n <= INVOCATIONS_MAX; n += 1) {
      const result = await functions.fanOut.invoke(published.event, { queueMsMax: WAIT_MS_MAX });
      if (result.outcome === 'returned') return;
    }
    log(`the event ${published.event.id} could not be fanned out`);
  };
  return {
    onEvent(published) {
      const done = fanOut(published)
        .catch((error: unknown) => log(`an event could not be fanned out: ${String(error)}`))
        .finally(() => inFlight.delete(done));
      inFlight.add(done);
    },
    async stop() {
      await sweep.stop();
      await Promise.all(inFlight);
      for (const mapping of mappings) await mapping.stop();
    },
  };
}
