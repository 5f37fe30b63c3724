import { Logger } from '@aws-lambda-powertools/logger';
import { handle } from 'hono/aws-lambda';
import type { Database } from '../database.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { openVault } from '../shared/encryption.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { webhookKeysShape } from '../webhooks/webhook-keys.ts';
import { createShopApi } from './shop-api.ts';

const env = readEnvironment('api', process.env);
const secrets = createSecrets(env.SECRET_TTL_S);
const { WEBHOOK_KEYS_SECRET_ID: keysId, WEBHOOK_REACH: reach } = env;
const logger = new Logger({ serviceName: 'api' });

/**
 * Answers requests of API Gateway (HTTP API, payload 2.0).
 *
 * Every request is answered, also one that cannot be: returning a problem is no error of the function. Throwing means that the process is broken.
 */
// Hono 5 will move this adapter to a package of its own, which does not exist yet.
// eslint-disable-next-line @typescript-eslint/no-deprecated
export const handler = handle(
  createShopApi({
    db: openDatabase<Database>(env, secrets, 1),
    clock: clockFromEnvironment(process.env),
    chance: Math.random,
    collection: {
      bankCode: env.COLLECTION_BANK_CODE,
      accountNumber: env.COLLECTION_ACCOUNT_NUMBER,
      holder: env.COLLECTION_ACCOUNT_HOLDER,
    },
    readVault: () => openVault(secrets, env.DATA_KEYS_SECRET_ID),
    requestsPerMinute: env.API_REQUESTS_PER_MINUTE,
    ...(keysId === undefined
      ? {}
      : { webhooks: { readKeys: () => secrets.read(keysId, webhookKeysShape), reach } }),
    log: { error: (message, detail) => logger.error(message, detail) },
  }),
);
