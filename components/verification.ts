import * as pulumi from '@pulumi/pulumi';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import type { HeadBucket } from './head-bucket.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  databaseVariables,
  failureQueue,
  functionDefaults,
  notTriedAgain,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { ScheduledFunction } from './scheduled-function.ts';

export interface VerificationArgs extends OnPlatform {
  readonly heads: HeadBucket;
}

/** The daily check of the books: it replays the ledger, closes days, and keeps each day's head where nobody can change it. */
export class Verification extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'verification'>;

  constructor(name: string, args: VerificationArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Verification', name, {}, opts);
    this.function = this.#createFunction(name, args);
    this.#createSchedule(name, args);
    this.registerOutputs();
  }

  #createFunction(name: string, args: VerificationArgs): LambdaFunction<'verification'> {
    const { platform, heads } = args;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'verification'),
        entry: 'functions/ledger/verify.handler.ts',
        description: 'Replays the ledger, closes days and compares everything',
        kind: 'verification',
        environment: {
          ...databaseVariables(platform),
          HEAD_BUCKET: heads.bucketName,
          HEAD_FOLDER: undefined,
        },
        timeoutSeconds: TIMEOUT_SECONDS.verification,
        memoryMb: MEMORY_MB.verification,
        network: platform.network.functions,
        statements: [...platform.secrets.readStatements('database'), ...heads.keepStatements()],
        onFailure: notTriedAgain(platform),
        rollout: rolloutOf(args, 'verification'),
      },
      { parent: this },
    );
  }

  #createSchedule(name: string, { platform }: VerificationArgs): void {
    new ScheduledFunction(
      name,
      {
        namePrefix: platform.namePrefix,
        group: platform.schedules,
        accountId: platform.accountId,
        description: 'The daily check of the books',
        expression: platform.settings.schedule.verification,
        enabled: platform.settings.started,
        target: this.function,
        input: {},
        deadLetters: failureQueue(platform),
      },
      { parent: this },
    );
  }
}
