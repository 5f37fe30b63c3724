import type * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { FunctionKind, Variables } from '../functions/shared/environment.ts';
import { DATABASE_NAME, type Database } from './database.ts';
import type { DeadLetterQueue } from './dead-letter-queue.ts';
import { EventBus } from './event-bus.ts';
import type { Keys } from './keys.ts';
import {
  RUNTIME_CA_FILE,
  type FailureDestination,
  type FunctionRollout,
  type LambdaFunctionArgs,
} from './lambda-function.ts';
import type { Network } from './network.ts';
import type { EncryptedQueue } from './queue-access.ts';
import type { RuntimeSecrets } from './runtime-secrets.ts';
import type { RolledOut, Settings } from './settings.ts';

/** What every function of a stack stands on. */
export interface Platform {
  readonly settings: Settings;
  /** Begins every name that a policy must know beforehand, such as `smart-transfer-dev`. */
  readonly namePrefix: string;
  readonly region: string;
  readonly accountId: pulumi.Input<string>;
  readonly keys: Keys;
  readonly network: Network;
  readonly database: Database;
  readonly secrets: RuntimeSecrets;
  /** Where events end that a function took without being waited for, and failed. */
  readonly failures: DeadLetterQueue;
  readonly schedules: aws.scheduler.ScheduleGroup;
}

/** What the components of functions take. */
export interface OnPlatform {
  readonly platform: Platform;
  /** What must be done before any alias names a new version: the migration. */
  readonly after: readonly pulumi.Resource[];
}

/** What all functions of a stack have in common. */
export function functionDefaults({ settings, namePrefix, keys }: Platform) {
  return {
    namePrefix,
    logRetentionDays: settings.retention.logDays,
    logKey: keys.arn('logs'),
    environmentKey: keys.arn('functions'),
  } satisfies Partial<LambdaFunctionArgs<FunctionKind>>;
}

/** How a function's new versions take over, as the stack's settings have it. */
export function rolloutOf({ platform, after }: OnPlatform, name: RolledOut): FunctionRollout {
  const { started, protection, rollout } = platform.settings;
  return {
    strategy: rollout[name],
    bakeMinutes: started ? rollout.bakeMinutes : 0,
    ignoreAlarms: rollout.ignoreAlarms,
    protect: protection,
    checked: started,
    after,
  };
}

/** The concurrency that the stack keeps for a function, if any. */
export function reservedConcurrency(
  { settings }: Platform,
  name: keyof NonNullable<Settings['concurrency']['reserved']>,
): { reservedConcurrency?: number } {
  const { reserved } = settings.concurrency;
  return reserved === undefined ? {} : { reservedConcurrency: reserved[name] };
}

/** An event that failed is not tried again: what comes next does its work, and a person is told. */
export function notTriedAgain(platform: Platform): FailureDestination {
  const { arn, keyArn } = failureQueue(platform);
  return { queueArn: arn, keyArn, retries: 0, eventAgeSecondsMax: 300 };
}

export function failureQueue({ failures, keys }: Platform): EncryptedQueue {
  return { arn: failures.arn, keyArn: keys.arn('messages') };
}

/** How a function finds the database and logs in. */
export function databaseVariables({ database, secrets }: Platform) {
  return {
    DATABASE_IDENTITY: database.identity,
    DATABASE_HOST: database.endpoint,
    DATABASE_PORT: '5432',
    DATABASE_NAME,
    DATABASE_TLS: 'verify',
    DATABASE_CA_FILE: RUNTIME_CA_FILE,
    DATABASE_SECRET_ID: secrets.arn('database'),
    SECRET_TTL_S: undefined,
  } satisfies Partial<Variables<'verification', pulumi.Input<string>>>;
}

/** How a function finds the bank. */
export function bankVariables({ settings, secrets }: Platform, bankBaseUrl: pulumi.Input<string>) {
  const { bank } = settings;
  return {
    DATA_KEYS_SECRET_ID: secrets.arn('dataKeys'),
    BANK_BASE_URL: bankBaseUrl,
    BANK_CREDENTIALS_SECRET_ID: secrets.arn('bankCredentials'),
    COLLECTION_ACCOUNT: bank.collection.account,
    PAYOUT_ACCOUNT: bank.payoutAccount,
    BANK_MAX_CALLS: bank.maximumCalls.toString(),
    BANK_CALL_TIMEOUT_S: bank.callTimeoutSeconds.toString(),
  };
}

/** The bus, known by its name before it exists: who publishes comes before who is fed by it. */
export function eventBusArn({ namePrefix, region, accountId }: Platform): pulumi.Output<string> {
  return pulumi.interpolate`arn:aws:events:${region}:${accountId}:event-bus/${EventBus.nameOf(namePrefix)}`;
}

/** What publishing events takes. */
export function publishStatement(platform: Platform): aws.iam.PolicyStatement {
  return {
    Sid: 'Publish',
    Effect: 'Allow',
    Action: ['events:PutEvents'],
    Resource: [eventBusArn(platform)],
  };
}
