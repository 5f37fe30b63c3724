import * as pulumi from '@pulumi/pulumi';
import { EventBus } from './event-bus.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  databaseVariables,
  failureQueue,
  functionDefaults,
  notTriedAgain,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { receiveStatements, sendStatements } from './queue-access.ts';
import { QueueMapping } from './queue-mapping.ts';
import type { Queue } from './queue.ts';
import { ScheduledFunction } from './scheduled-function.ts';
import { WebhookQueues } from './webhook-queues.ts';

/** Messages that a function of webhooks takes at a time. */
const BATCH_SIZE = 10;

/** An event that could not be fanned out is tried again by Lambda: no sweep finds what never became a delivery. */
const FAN_OUT_RETRIES = 2;
const FAN_OUT_AGE_SECONDS_MAX = 3600;

/**
 * Events to shops: the bus feeds a function in the VPC that notes deliveries and queues attempts; functions outside, without a database, sign and post them;
 * another in the VPC records what became of them.
 */
export class Webhooks extends pulumi.ComponentResource {
  readonly queues: WebhookQueues;
  readonly bus: EventBus;
  readonly fanOut: LambdaFunction<'webhookQueueing'>;
  readonly deliverFast: LambdaFunction<'webhookDelivery'>;
  readonly deliverSlow: LambdaFunction<'webhookDelivery'>;
  readonly record: LambdaFunction<'webhookQueueing'>;

  constructor(name: string, args: OnPlatform, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Webhooks', name, {}, opts);
    this.queues = this.#createQueues(name, args);
    this.fanOut = this.#createFanOut(`${name}-fan-out`, args);
    this.#createSweep(`${name}-sweep`, args);
    this.bus = this.#createBus(args);
    this.deliverFast = this.#createDelivery(`${name}-delivery-fast`, this.queues.fast, args);
    this.deliverSlow = this.#createDelivery(`${name}-delivery-slow`, this.queues.slow, args);
    this.record = this.#createRecord(`${name}-record`, args);
    this.registerOutputs();
  }

  #createQueues(name: string, { platform }: OnPlatform): WebhookQueues {
    return new WebhookQueues(
      name,
      {
        namePrefix: platform.namePrefix,
        keyArn: platform.keys.arn('messages'),
        accountId: platform.accountId,
        functionTimeoutSeconds: TIMEOUT_SECONDS.webhooks,
      },
      { parent: this },
    );
  }

  #createFanOut(name: string, args: OnPlatform): LambdaFunction<'webhookQueueing'> {
    return new LambdaFunction(
      name,
      {
        ...this.#queueing(args),
        entry: 'functions/webhooks/fan-out.handler.ts',
        description: "Makes an event's deliveries and queues their attempts",
        onFailure: {
          ...notTriedAgain(args.platform),
          retries: FAN_OUT_RETRIES,
          eventAgeSecondsMax: FAN_OUT_AGE_SECONDS_MAX,
        },
        rollout: rolloutOf(args, 'webhookFanOut'),
      },
      { parent: this },
    );
  }

  #createSweep(name: string, { platform }: OnPlatform): void {
    new ScheduledFunction(
      name,
      {
        namePrefix: platform.namePrefix,
        group: platform.schedules,
        accountId: platform.accountId,
        description: 'Queues webhooks that are due or were lost',
        expression: platform.settings.schedule.webhookSweep,
        enabled: platform.settings.started,
        target: this.fanOut,
        input: { sweep: true },
        deadLetters: failureQueue(platform),
      },
      { parent: this },
    );
  }

  #createBus({ platform }: OnPlatform): EventBus {
    return new EventBus(
      'events',
      {
        namePrefix: platform.namePrefix,
        keyArn: platform.keys.arn('messages'),
        accountId: platform.accountId,
        region: platform.region,
        archiveDays: platform.settings.retention.eventDays,
        fanOut: this.fanOut.invoked,
      },
      { parent: this },
    );
  }

  #createDelivery(name: string, lane: Queue, args: OnPlatform): LambdaFunction<'webhookDelivery'> {
    const { platform } = args;
    const keyArn = platform.keys.arn('messages');
    const delivery = new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        entry: 'functions/webhooks/deliver.handler.ts',
        description: 'Signs and posts webhooks, outside the VPC and without a database',
        kind: 'webhookDelivery',
        environment: {
          WEBHOOK_REACH: 'public',
          WEBHOOK_KEYS_SECRET_ID: platform.secrets.arn('webhookKeys'),
          WEBHOOK_RESULTS_QUEUE_URL: this.queues.results.url,
          SECRET_TTL_S: undefined,
        },
        timeoutSeconds: TIMEOUT_SECONDS.webhooks,
        memoryMb: MEMORY_MB.webhooks,
        statements: [
          ...platform.secrets.readStatements('webhookKeys'),
          ...receiveStatements({ arn: lane.arn, keyArn }),
          ...sendStatements([this.queues.results.arn], keyArn),
        ],
        onFailure: 'caller',
        rollout: rolloutOf(args, 'webhookDelivery'),
      },
      { parent: this },
    );
    this.#map(name, lane, delivery, args);
    return delivery;
  }

  #createRecord(name: string, args: OnPlatform): LambdaFunction<'webhookQueueing'> {
    const { results } = this.queues;
    const keyArn = args.platform.keys.arn('messages');
    const queueing = this.#queueing(args);
    const record = new LambdaFunction(
      name,
      {
        ...queueing,
        statements: [...queueing.statements, ...receiveStatements({ arn: results.arn, keyArn })],
        entry: 'functions/webhooks/record.handler.ts',
        description: 'Records what became of webhooks',
        onFailure: 'caller',
        rollout: rolloutOf(args, 'webhookRecord'),
      },
      { parent: this },
    );
    this.#map(name, results, record, args);
    return record;
  }

  /** What the two functions have in common that read and write deliveries and queue attempts. */
  #queueing({ platform }: OnPlatform) {
    const { fast, slow } = this.queues;
    return {
      ...functionDefaults(platform),
      kind: 'webhookQueueing' as const,
      environment: {
        ...databaseVariables(platform),
        WEBHOOK_FAST_QUEUE_URL: fast.url,
        WEBHOOK_SLOW_QUEUE_URL: slow.url,
      },
      timeoutSeconds: TIMEOUT_SECONDS.webhooks,
      memoryMb: MEMORY_MB.webhooks,
      network: platform.network.functions,
      statements: [
        ...platform.secrets.readStatements('database'),
        ...sendStatements([fast.arn, slow.arn], platform.keys.arn('messages')),
      ],
    };
  }

  #map(name: string, queue: Queue, target: LambdaFunction, { platform }: OnPlatform): void {
    new QueueMapping(
      name,
      {
        queueArn: queue.arn,
        target,
        enabled: platform.settings.started,
        batchSize: BATCH_SIZE,
        maximumConcurrency: platform.settings.concurrency.deliveryMaximum,
      },
      { parent: this },
    );
  }
}
