import * as pulumi from '@pulumi/pulumi';
import { Queue } from './queue.ts';
import { visibilitySeconds } from './queue-times.ts';

/** A message is void five minutes after it was queued, and the attempt is queued anew: kept longer it is only read to be thrown away, seconds. */
const LANE_RETENTION_SECONDS = 3600;

/** A lost result is an attempt made again; four days outlast any outage of the database, seconds. */
const RESULT_RETENTION_SECONDS = 4 * 24 * 3600;

export interface WebhookQueuesArgs {
  readonly namePrefix: string;
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  /** How long each of the functions that read these queues may take for a batch, seconds. */
  readonly functionTimeoutSeconds: number;
}

/** Webhooks' way out of the VPC, in two lanes, and the way of their results back in. */
export class WebhookQueues extends pulumi.ComponentResource {
  /** For receivers that are well. */
  readonly fast: Queue;
  /** For receivers whose last delivery failed, so that a dead one delays only others like it. */
  readonly slow: Queue;
  readonly results: Queue;

  constructor(name: string, args: WebhookQueuesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:WebhookQueues', name, {}, opts);
    this.fast = this.#createQueue(`${name}-fast`, args, LANE_RETENTION_SECONDS);
    this.slow = this.#createQueue(`${name}-slow`, args, LANE_RETENTION_SECONDS);
    this.results = this.#createQueue(`${name}-results`, args, RESULT_RETENTION_SECONDS);
    this.registerOutputs({});
  }

  #createQueue(name: string, args: WebhookQueuesArgs, retentionSeconds: number): Queue {
    const { namePrefix, keyArn, accountId } = args;
    return new Queue(
      name,
      {
        namePrefix,
        keyArn,
        accountId,
        visibilitySeconds: visibilitySeconds(args.functionTimeoutSeconds),
        retentionSeconds,
      },
      { parent: this },
    );
  }
}
