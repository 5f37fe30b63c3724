import { Logger } from '@aws-lambda-powertools/logger';
import { handle } from 'hono/aws-lambda';
import type { Database } from '../database.ts';
import { openArchive } from '../ledger/head-archive.client.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { dataKeysShape, openVault } from '../shared/encryption.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { createOperatorsApi } from './operators-api.ts';
import { whoSigned } from './who-signed.ts';

/** API Gateway waits 30 s for a function: so long the journal is replayed at the most, ms. */
const REPLAY_MS_MAX = 20_000;

const env = readEnvironment('operators', process.env);
const secrets = createSecrets(env.SECRET_TTL_S);
const db = openDatabase<Database>(env, secrets, 1);
const logger = new Logger({ serviceName: 'operators' });

/**
 * Answers people's requests of API Gateway (HTTP API, payload 2.0, IAM authorizer). An event that no person has signed is answered with 403, whatever it asks.
 *
 * Every request is answered, also one that cannot be: returning a problem is no error of the function. Throwing means that the process is broken.
 */
// Hono 5 will move this adapter to a package of its own, which does not exist yet.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const answer = handle(
  createOperatorsApi({
    db,
    clock: clockFromEnvironment(process.env),
    openVault: async () => await openVault(secrets, env.DATA_KEYS_SECRET_ID),
    archive: openArchive(env),
    absenceWaitMs: (env.BANK_PROCESSING_MINUTES + env.BANK_POSTING_LAG_MINUTES) * 60_000,
    replayMsMax: REPLAY_MS_MAX,
    whoAsks: (invocation) => whoSigned(invocation, env.OPERATORS_SIGN_IN),
    log: { error: (message, detail) => logger.error(message, detail) },
  }),
);

export const handler = answeringDryRuns(
  [
    secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape),
    secretCheck(secrets, env.DATA_KEYS_SECRET_ID, dataKeysShape),

    schemaCheck(db),
  ],
  answer,
);
