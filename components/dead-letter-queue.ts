import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { letServicesSend, policyDocument, refusePlainHttp, type SendingService } from './resource-policy.ts';

/** The longest that SQS keeps a message, fourteen days: a person comes back from a holiday in between. */
const RETENTION_SECONDS = 14 * 24 * 3600;

export interface DeadLetterQueueArgs {
  /** Begins the queue's name; the rest is the component's own name. */
  readonly namePrefix: string;
  /** Whether it takes what a FIFO queue gives up. */
  readonly fifo?: boolean;
  /** The ARN of the key that encrypts what it holds. */
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  /** The ARN of the one queue that may give up messages to this one. None may without it. */
  readonly redriveFrom?: pulumi.Input<string>;
  /** Services that send to it by themselves. Who sends by a role of its own (a function, the scheduler) needs none. */
  readonly senders?: readonly SendingService[];
}

/**
 * Where messages end that nothing could work off. Nobody reads them but a person: the alarm on its depth tells of them, and the runbook what to do.
 */
export class DeadLetterQueue extends pulumi.ComponentResource {
  readonly queue: aws.sqs.Queue;

  constructor(name: string, args: DeadLetterQueueArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:DeadLetterQueue', name, {}, opts);
    this.queue = this.#createQueue(name, args);
    this.#createPolicy(name, args);
    this.#createRedriveAllowPolicy(name, args);
    this.registerOutputs({ queueArn: this.queue.arn });
  }

  get arn(): pulumi.Output<string> {
    return this.queue.arn;
  }

  /** The queue's name, which its metrics go by. */
  get queueName(): pulumi.Output<string> {
    return this.queue.name;
  }

  #createQueue(name: string, args: DeadLetterQueueArgs): aws.sqs.Queue {
    const fifo = args.fifo === true;
    return new aws.sqs.Queue(
      name,
      {
        name: `${args.namePrefix}-${name}${fifo ? '.fifo' : ''}`,
        ...(fifo ? { fifoQueue: true } : {}),
        kmsMasterKeyId: args.keyArn,
        messageRetentionSeconds: RETENTION_SECONDS,
      },
      { parent: this },
    );
  }

  #createPolicy(name: string, { accountId, senders = [] }: DeadLetterQueueArgs): void {
    const statements = [
      refusePlainHttp(['sqs:*'], this.queue.arn),
      ...letServicesSend('sqs:SendMessage', this.queue.arn, accountId, senders),
    ];
    new aws.sqs.QueuePolicy(
      name,
      { queueUrl: this.queue.url, policy: policyDocument(statements) },
      { parent: this },
    );
  }

  #createRedriveAllowPolicy(name: string, { redriveFrom }: DeadLetterQueueArgs): void {
    new aws.sqs.RedriveAllowPolicy(
      name,
      {
        queueUrl: this.queue.url,
        redriveAllowPolicy: pulumi.jsonStringify(
          redriveFrom === undefined
            ? { redrivePermission: 'denyAll' }
            : { redrivePermission: 'byQueue', sourceQueueArns: [redriveFrom] },
        ),
      },
      { parent: this },
    );
  }
}
