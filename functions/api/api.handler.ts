import { Logger } from '@aws-lambda-powertools/logger';
import { handle } from 'hono/aws-lambda';
import type { Database } from '../database.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { dataKeysShape, openVault } from '../shared/encryption.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { webhookKeysShape } from '../webhooks/webhook-keys.ts';
import { createShopApi } from './shop-api.ts';

const env = readEnvironment('api', process.env);
const secrets = createSecrets(env.SECRET_TTL_S);
const { WEBHOOK_KEYS_SECRET_ID: keysId, WEBHOOK_REACH: reach } = env;
const db = openDatabase<Database>(env, secrets, 1);
const logger = new Logger({ serviceName: 'api' });

/**
 * Answers requests of API Gateway (HTTP API, payload 2.0).
 *
 * Every request is answered, also one that cannot be: returning a problem is no error of the function. Throwing means that the process is broken.
 */
// Hono 5 will move this adapter to a package of its own, which does not exist yet.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const answer = handle(
  createShopApi({
    db,
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

export const handler = answeringDryRuns(
  [
    secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape),
    secretCheck(secrets, env.DATA_KEYS_SECRET_ID, dataKeysShape),
    ...(keysId === undefined ? [] : [secretCheck(secrets, keysId, webhookKeysShape)]),
    schemaCheck(db),
  ],
  answer,
);
