import * as pulumi from '@pulumi/pulumi';
import type { DeadLetterQueue } from './dead-letter-queue.ts';
import { Queue } from './queue.ts';
import { visibilityWithinCycle } from './queue-times.ts';

/**
 * How long a message is kept that settlement does not take, seconds. Each cycle dispatches again what nobody has claimed, so that a longer time would only pile up
 * messages for the same transfers. It is longer than five receives take.
 */
const RETENTION_SECONDS = 3600;

export interface TransferQueueArgs {
  readonly namePrefix: string;
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  /** How long the settlement function may take for a batch, seconds. */
  readonly settlementTimeoutSeconds: number;
  /** Minutes between two cycles, at the shortest. */
  readonly cycleMinutes: number;
}

/**
 * The queue from the matcher to the settlement function. Messages hold a transfer's id and nothing else; the row decides whether, what and where to pay. So whatever this
 * queue loses, repeats or delays is made good by the next cycle, and no message of it can pay twice.
 */
export class TransferQueue extends pulumi.ComponentResource {
  readonly url: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
  readonly deadLetters: DeadLetterQueue;

  constructor(name: string, args: TransferQueueArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:TransferQueue', name, {}, opts);
    const { namePrefix, keyArn, accountId, settlementTimeoutSeconds, cycleMinutes } = args;
    const { url, arn, deadLetters } = new Queue(
      name,
      {
        namePrefix,
        keyArn,
        accountId,
        fifo: true,
        visibilitySeconds: visibilityWithinCycle(settlementTimeoutSeconds, cycleMinutes),
        retentionSeconds: RETENTION_SECONDS,
      },
      { parent: this },
    );
    this.url = url;
    this.arn = arn;
    this.deadLetters = deadLetters;
    this.registerOutputs({ url, arn });
  }
}
