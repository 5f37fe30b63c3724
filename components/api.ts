import * as pulumi from '@pulumi/pulumi';
import { ApiGateway } from './api-gateway.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  databaseVariables,
  functionDefaults,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';
import { shopRoutes } from './shop-routes.ts';

/** The HTTP API: shops' routes, which take a key, and operators' routes, which take a person's signature. Each has a function of its own. */
export class Api extends pulumi.ComponentResource {
  readonly shops: LambdaFunction<'api'>;
  readonly gateway: ApiGateway;

  constructor(name: string, args: OnPlatform, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Api', name, {}, opts);
    this.shops = this.#createShops(name, args);
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
        statements: secrets.readStatements('database', 'webhookKeys'),
        onFailure: 'caller',
        rollout: rolloutOf(args, 'api'),
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
        routes: shopRoutes(),
        functions: { shops: this.shops.invoked, operators: this.shops.invoked },
        throttling: { requestsPerSecond: settings.api.rateLimit, burst: settings.api.burstLimit },
        accessLog: { retentionDays: settings.retention.logDays, keyArn: keys.arn('logs') },
        ...(domain === undefined ? {} : { domain }),
      },
      { parent: this },
    );
  }
}
