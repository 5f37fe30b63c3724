import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { DeadLetterQueue } from './dead-letter-queue.ts';

/** As the functions publish (functions/events/event-bus.client.ts). */
export const EVENT_SOURCE = 'smart-transfer';

/** How long and how often EventBridge tries to hand an event to the function: a day, as it does by itself, seconds and times. */
const RETRY = { maximumEventAgeInSeconds: 24 * 3600, maximumRetryAttempts: 185 };

/** A function as whoever invokes it names it. */
export interface InvokedFunction {
  readonly functionName: pulumi.Input<string>;
  readonly aliasName: pulumi.Input<string>;
  readonly aliasArn: pulumi.Input<string>;
}

export interface EventBusArgs {
  readonly namePrefix: string;
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  readonly region: pulumi.Input<string>;
  /** How long the archive keeps events, days. */
  readonly archiveDays: number;
  /** The function that makes webhooks of events. */
  readonly fanOut: InvokedFunction;
}

/** The bus that domain events are published on, its archive, and the rule that feeds webhooks. */
export class EventBus extends pulumi.ComponentResource {
  readonly bus: aws.cloudwatch.EventBus;
  /** What the bus cannot decrypt, and what the rule cannot hand to its function. */
  readonly deadLetters: DeadLetterQueue;

  constructor(name: string, args: EventBusArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:EventBus', name, {}, opts);
    this.deadLetters = this.#createDeadLetters(name, args);
    this.bus = this.#createBus(name, args);
    this.#createArchive(name, args);
    const rule = this.#createRule(name, args);
    const permission = this.#createPermission(name, args, rule);
    this.#createTarget(name, args, rule, permission);
    this.registerOutputs({ busName: this.bus.name, busArn: this.bus.arn });
  }

  /** The bus's name, which is known before it exists: functions that publish get it as a variable. */
  static nameOf(namePrefix: string): string {
    return `${namePrefix}-events`;
  }

  #createDeadLetters(name: string, { namePrefix, keyArn, accountId, region }: EventBusArgs): DeadLetterQueue {
    const arnOf = (what: string) => pulumi.interpolate`arn:aws:events:${region}:${accountId}:${what}`;
    const busName = EventBus.nameOf(namePrefix);
    return new DeadLetterQueue(
      `${name}-dlq`,
      {
        namePrefix,
        keyArn,
        accountId,
        senders: [
          { service: 'events.amazonaws.com', sourceArn: arnOf(`event-bus/${busName}`) },
          { service: 'events.amazonaws.com', sourceArn: arnOf(`rule/${busName}/${fanOutRule(namePrefix)}`) },
        ],
      },
      { parent: this },
    );
  }

  #createBus(name: string, { namePrefix, keyArn }: EventBusArgs): aws.cloudwatch.EventBus {
    return new aws.cloudwatch.EventBus(
      name,
      {
        name: EventBus.nameOf(namePrefix),
        description: 'What becomes of orders, deposits, transfers and payouts (docs/events.md)',
        kmsKeyIdentifier: keyArn,
        deadLetterConfig: { arn: this.deadLetters.arn },
      },
      { parent: this },
    );
  }

  #createArchive(name: string, { namePrefix, keyArn, archiveDays }: EventBusArgs): void {
    new aws.cloudwatch.EventArchive(
      name,
      {
        name: EventBus.nameOf(namePrefix),
        description: 'Events, to be replayed to a consumer that missed them',
        eventSourceArn: this.bus.arn,
        kmsKeyIdentifier: keyArn,
        retentionDays: archiveDays,
      },
      { parent: this },
    );
  }

  #createRule(name: string, { namePrefix }: EventBusArgs): aws.cloudwatch.EventRule {
    return new aws.cloudwatch.EventRule(
      `${name}-fan-out`,
      {
        name: fanOutRule(namePrefix),
        description: 'Makes webhooks of events',
        eventBusName: this.bus.name,
        // Replays of the archive too: a delivery is made once, so that a replay makes only those that were missed.
        eventPattern: JSON.stringify({ source: [EVENT_SOURCE] }),
      },
      { parent: this },
    );
  }

  #createPermission(
    name: string,
    { fanOut }: EventBusArgs,
    rule: aws.cloudwatch.EventRule,
  ): aws.lambda.Permission {
    return new aws.lambda.Permission(
      `${name}-fan-out`,
      {
        action: 'lambda:InvokeFunction',
        function: fanOut.functionName,
        qualifier: fanOut.aliasName,
        principal: 'events.amazonaws.com',
        sourceArn: rule.arn,
      },
      { parent: this },
    );
  }

  #createTarget(
    name: string,
    { fanOut }: EventBusArgs,
    rule: aws.cloudwatch.EventRule,
    permission: aws.lambda.Permission,
  ): void {
    new aws.cloudwatch.EventTarget(
      `${name}-fan-out`,
      {
        eventBusName: this.bus.name,
        rule: rule.name,
        arn: fanOut.aliasArn,
        retryPolicy: RETRY,
        deadLetterConfig: { arn: this.deadLetters.arn },
      },
      { parent: this, dependsOn: [permission] },
    );
  }
}

function fanOutRule(namePrefix: string): string {
  return `${namePrefix}-fan-out`;
}
