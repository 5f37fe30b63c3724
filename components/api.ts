import * as pulumi from '@pulumi/pulumi';
import { ApiGateway } from './api-gateway.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import type { HeadBucket } from './head-bucket.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  databaseVariables,
  functionDefaults,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { operatorsRoutes, shopRoutes } from './route-list.ts';

export interface ApiArgs extends OnPlatform {
  /** Where the ledger's heads are kept, against which operators verify it. */
  readonly heads: HeadBucket;
}

/** The HTTP API: shops' routes, which take a key, and operators' routes, which take a person's signature. Each has a function of its own. */
export class Api extends pulumi.ComponentResource {
  readonly shops: LambdaFunction<'api'>;
  readonly operators: LambdaFunction<'operators'>;
  readonly gateway: ApiGateway;

  constructor(name: string, args: ApiArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Api', name, {}, opts);
    this.shops = this.#createShops(name, args);
    this.operators = this.#createOperators('operators', args);
    this.gateway = this.#createGateway(name, args);
    this.registerOutputs({ url: this.gateway.url });
  }

  #createShops(name: string, args: OnPlatform): LambdaFunction<'api'> {
    const { platform } = args;
    const { settings, secrets, network } = platform;
    const { collection } = settings.bank;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'api'),
        entry: 'functions/api/api.handler.ts',
        description: "Answers shops' requests",
        kind: 'api',
        environment: {
          ...databaseVariables(platform),
          DATA_KEYS_SECRET_ID: secrets.arn('dataKeys'),
          WEBHOOK_REACH: 'public',
          WEBHOOK_KEYS_SECRET_ID: secrets.arn('webhookKeys'),
          COLLECTION_BANK_CODE: collection.bankCode,
          COLLECTION_ACCOUNT_NUMBER: collection.number,
          COLLECTION_ACCOUNT_HOLDER: collection.holder,
          API_REQUESTS_PER_MINUTE: settings.api.requestsPerMinute.toString(),
        },
        timeoutSeconds: TIMEOUT_SECONDS.api,
        memoryMb: MEMORY_MB.api,
        network: network.functions,
        statements: secrets.readStatements('database', 'dataKeys', 'webhookKeys'),
        onFailure: 'caller',
        rollout: rolloutOf(args, 'api'),
      },
      { parent: this },
    );
  }

  #createOperators(name: string, args: ApiArgs): LambdaFunction<'operators'> {
    const { platform, heads } = args;
    const { settings, secrets, network } = platform;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'operators'),
        entry: 'functions/operators/operators.handler.ts',
        description: "Answers operators' requests, each signed by a person",
        kind: 'operators',
        environment: {
          ...databaseVariables(platform),
          DATA_KEYS_SECRET_ID: secrets.arn('dataKeys'),
          HEAD_BUCKET: heads.bucketName,
          HEAD_FOLDER: undefined,
          BANK_PROCESSING_MINUTES: settings.bank.processingMinutes.toString(),
          BANK_POSTING_LAG_MINUTES: settings.bank.postingLagMinutes.toString(),
          OPERATORS_SIGN_IN: settings.api.operatorsSignIn,
        },
        timeoutSeconds: TIMEOUT_SECONDS.operators,
        memoryMb: MEMORY_MB.operators,
        network: network.functions,
        statements: [...secrets.readStatements('database', 'dataKeys'), ...heads.readStatements()],
        onFailure: 'caller',
        rollout: rolloutOf(args, 'operators'),
      },
      { parent: this },
    );
  }

  #createGateway(name: string, { platform }: OnPlatform): ApiGateway {
    const { settings, namePrefix, keys } = platform;
    const { domain } = settings.api;
    return new ApiGateway(
      name,
      {
        namePrefix,
        routes: [...shopRoutes(), ...operatorsRoutes()],
        functions: { shops: this.shops.invoked, operators: this.operators.invoked },
        throttling: { requestsPerSecond: settings.api.rateLimit, burst: settings.api.burstLimit },
        accessLog: { retentionDays: settings.retention.logDays, keyArn: keys.arn('logs') },
        ...(domain === undefined ? {} : { domain }),
      },
      { parent: this },
    );
  }
}
