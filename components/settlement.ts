import * as pulumi from '@pulumi/pulumi';
import { EventBus } from './event-bus.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  bankVariables,
  databaseVariables,
  functionDefaults,
  publishStatement,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { receiveStatements } from './queue-access.ts';
import { QueueMapping } from './queue-mapping.ts';
import type { TransferQueue } from './transfer-queue.ts';

export interface SettlementArgs extends OnPlatform {
  readonly bankBaseUrl: pulumi.Input<string>;
  readonly transfers: TransferQueue;
}

/** The settlement: pays the transfers that the queue names. It alone may read what a payout needs. */
export class Settlement extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'settlement'>;

  constructor(name: string, args: SettlementArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Settlement', name, {}, opts);
    this.function = this.#createFunction(name, args);
    this.#createMapping(name, args);
    args.platform.secrets.refuseAllBut('bankPayout', this.function.role.arn);
    this.registerOutputs();
  }

  #createFunction(name: string, args: SettlementArgs): LambdaFunction<'settlement'> {
    const { platform, transfers } = args;
    const { settings, secrets, keys, network } = platform;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'settlement'),
        entry: 'functions/transfers/settle.handler.ts',
        description: 'Pays the transfers of a batch, each once',
        kind: 'settlement',
        environment: {
          ...databaseVariables(platform),
          ...bankVariables(platform, args.bankBaseUrl),
          EVENT_BUS_NAME: EventBus.nameOf(platform.namePrefix),
          BANK_PAYOUT_SECRET_ID: secrets.arn('bankPayout'),
          BANK_PROCESSING_MINUTES: settings.bank.processingMinutes.toString(),
        },
        timeoutSeconds: TIMEOUT_SECONDS.settlement,
        memoryMb: MEMORY_MB.settlement,
        network: network.functions,
        statements: [
          ...secrets.readStatements('database', 'dataKeys', 'bankCredentials', 'bankPayout'),
          ...receiveStatements({ arn: transfers.arn, keyArn: keys.arn('messages') }),
          publishStatement(platform),
        ],
        onFailure: 'caller',
        rollout: rolloutOf(args, 'settlement'),
      },
      { parent: this },
    );
  }

  #createMapping(name: string, { platform, transfers }: SettlementArgs): void {
    const { settings } = platform;
    new QueueMapping(
      name,
      {
        queueArn: transfers.arn,
        target: this.function,
        enabled: settings.started,
        batchSize: settings.concurrency.batchSize,
        maximumConcurrency: settings.concurrency.settlementMaximum,
      },
      { parent: this },
    );
  }
}
