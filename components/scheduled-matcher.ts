import * as pulumi from '@pulumi/pulumi';
import { EventBus } from './event-bus.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  bankVariables,
  databaseVariables,
  failureQueue,
  functionDefaults,
  notTriedAgain,
  publishStatement,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { sendStatements } from './queue-access.ts';
import { ScheduledFunction } from './scheduled-function.ts';
import type { TransferQueue } from './transfer-queue.ts';

export interface ScheduledMatcherArgs extends OnPlatform {
  readonly bankBaseUrl: pulumi.Input<string>;
  readonly transfers: TransferQueue;
}

/** The matcher: a cycle at each beat of the schedule. A beat that is lost is made good by the next one. */
export class ScheduledMatcher extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'matcher'>;

  constructor(name: string, args: ScheduledMatcherArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:ScheduledMatcher', name, {}, opts);
    this.function = this.#createFunction(name, args);
    this.#createSchedule(name, args);
    this.registerOutputs();
  }

  #createFunction(name: string, args: ScheduledMatcherArgs): LambdaFunction<'matcher'> {
    const { platform, transfers } = args;
    const { settings, secrets, keys, network } = platform;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'matcher'),
        entry: 'functions/cycle/match.handler.ts',
        description: 'Reads the bank, matches deposits, plans payouts and dispatches them',
        kind: 'matcher',
        environment: {
          ...databaseVariables(platform),
          ...bankVariables(platform, args.bankBaseUrl),
          COLLECTION_BANK_CODE: settings.bank.collection.bankCode,
          COLLECTION_ACCOUNT_NUMBER: settings.bank.collection.number,
          EVENT_BUS_NAME: EventBus.nameOf(platform.namePrefix),
          TRANSFER_QUEUE_URL: transfers.url,
          CYCLE_MINUTES: settings.schedule.cycleMinutes.toString(),
          BANK_PROCESSING_MINUTES: settings.bank.processingMinutes.toString(),
          BANK_POSTING_LAG_MINUTES: settings.bank.postingLagMinutes.toString(),
          PAGE_SIZE: undefined,
          MAX_SENDS: undefined,
          TRANSFER_LIMIT_WON: settings.limits.transferWon,
          DAILY_LIMIT_WON: settings.limits.dailyWon,
        },
        timeoutSeconds: TIMEOUT_SECONDS.matcher,
        memoryMb: MEMORY_MB.matcher,
        network: network.functions,
        statements: [
          ...secrets.readStatements('database', 'dataKeys', 'bankCredentials'),
          ...sendStatements([transfers.arn], keys.arn('messages')),
          publishStatement(platform),
        ],
        onFailure: notTriedAgain(platform),
        rollout: { ...rolloutOf(args, 'matcher'), ...this.#oneRealCycle(args) },
      },
      { parent: this },
    );
  }

  /** One call in five minutes is too few to shift: by config, the new version is let go on once a cycle of it has run. */
  #oneRealCycle({ platform }: ScheduledMatcherArgs) {
    const { started, rollout, schedule } = platform.settings;
    if (!started || !rollout.watchOneCycle) return {};
    return {
      bakeMinutes: 0,
      minimumInvocations: {
        atFull: 1,
        waitMinutesMax: 2 * schedule.cycleMinutes + 2,
        otherwise: 'send_back' as const,
      },
    };
  }

  #createSchedule(name: string, { platform }: ScheduledMatcherArgs): void {
    new ScheduledFunction(
      name,
      {
        namePrefix: platform.namePrefix,
        group: platform.schedules,
        accountId: platform.accountId,
        description: 'A cycle of the matcher',
        expression: platform.settings.schedule.cycle,
        enabled: platform.settings.started,
        target: this.function,
        input: {},
        deadLetters: failureQueue(platform),
      },
      { parent: this },
    );
  }
}
