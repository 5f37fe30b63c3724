import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { LambdaFunction } from './lambda-function.ts';

export interface QueueMappingArgs {
  readonly queueArn: pulumi.Input<string>;
  readonly target: LambdaFunction;
  readonly enabled: boolean;
  /** Messages a batch, 1 to 10. */
  readonly batchSize: number;
  /** Batches at the same time, 2 or more. */
  readonly maximumConcurrency: number;
}

/** Feeds a queue to a function's alias. A message that failed comes again alone; the others of its batch do not. */
export class QueueMapping extends pulumi.ComponentResource {
  readonly mapping: aws.lambda.EventSourceMapping;

  constructor(name: string, args: QueueMappingArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:QueueMapping', name, {}, opts);
    this.mapping = new aws.lambda.EventSourceMapping(
      name,
      {
        eventSourceArn: args.queueArn,
        functionName: args.target.liveArn,
        enabled: args.enabled,
        batchSize: args.batchSize,
        functionResponseTypes: ['ReportBatchItemFailures'],
        scalingConfig: { maximumConcurrency: args.maximumConcurrency },
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}
