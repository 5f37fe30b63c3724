import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { DeadLetterQueue } from './dead-letter-queue.ts';
import { policyDocument, refusePlainHttp } from './resource-policy.ts';

/** Fewer would give up on messages during a failover of the database. */
const RECEIVES_MIN = 5;

export interface QueueArgs {
  readonly namePrefix: string;
  readonly fifo?: boolean;
  /** The ARN of the key that encrypts messages, and those of the dead letter queue. */
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  /** How long a message that was handed out is hidden, seconds: see `queue-times.ts`. */
  readonly visibilitySeconds: number;
  /** After so many receives without a delete a message goes to the dead letter queue. Five unless given, and no fewer. */
  readonly maxReceiveCount?: number;
  /** How long a message is kept that nobody takes, seconds. */
  readonly retentionSeconds: number;
}

/** A queue for a function, with the dead letter queue behind it. Only who has the right by a role of its own may send or receive, and only by TLS. */
export class Queue extends pulumi.ComponentResource {
  readonly queue: aws.sqs.Queue;
  readonly deadLetters: DeadLetterQueue;

  /** @throws when `maxReceiveCount` is below five. */
  constructor(name: string, args: QueueArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Queue', name, {}, opts);
    const maxReceiveCount = args.maxReceiveCount ?? RECEIVES_MIN;
    if (maxReceiveCount < RECEIVES_MIN)
      throw new Error(`the queue ${name} gives up after ${maxReceiveCount} receives; write 5 or more`);
    this.queue = this.#createQueue(name, args);
    this.#createPolicy(name);
    this.deadLetters = new DeadLetterQueue(
      `${name}-dlq`,
      {
        namePrefix: args.namePrefix,
        ...(args.fifo === undefined ? {} : { fifo: args.fifo }),
        keyArn: args.keyArn,
        accountId: args.accountId,
        redriveFrom: this.queue.arn,
      },
      { parent: this },
    );
    this.#createRedrivePolicy(name, maxReceiveCount);
    this.registerOutputs({ queueUrl: this.queue.url, queueArn: this.queue.arn });
  }

  get url(): pulumi.Output<string> {
    return this.queue.url;
  }

  get arn(): pulumi.Output<string> {
    return this.queue.arn;
  }

  #createQueue(name: string, args: QueueArgs): aws.sqs.Queue {
    const fifo = args.fifo === true;
    return new aws.sqs.Queue(
      name,
      {
        name: `${args.namePrefix}-${name}${fifo ? '.fifo' : ''}`,
        // Deduplication ids are written by who sends: two messages with one body may be two dispatches.
        ...(fifo ? { fifoQueue: true, contentBasedDeduplication: false } : {}),
        kmsMasterKeyId: args.keyArn,
        visibilityTimeoutSeconds: args.visibilitySeconds,
        messageRetentionSeconds: args.retentionSeconds,
        receiveWaitTimeSeconds: 20,
      },
      { parent: this },
    );
  }

  #createPolicy(name: string): void {
    new aws.sqs.QueuePolicy(
      name,
      { queueUrl: this.queue.url, policy: policyDocument([refusePlainHttp(['sqs:*'], this.queue.arn)]) },
      { parent: this },
    );
  }

  /** A resource of its own: the dead letter queue must know this queue's ARN, and this queue the other's. */
  #createRedrivePolicy(name: string, maxReceiveCount: number): void {
    new aws.sqs.RedrivePolicy(
      name,
      {
        queueUrl: this.queue.url,
        redrivePolicy: pulumi.jsonStringify({ deadLetterTargetArn: this.deadLetters.arn, maxReceiveCount }),
      },
      { parent: this },
    );
  }
}
