import { Logger } from '@aws-lambda-powertools/logger';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { bankCredentialsShape, bankPayoutShape } from '../bank/bank-secrets.ts';
import { bankCheck } from '../bank/bank-check.ts';
import { mayNotPay, openBank } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import { openEventBus } from '../events/event-bus.client.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { dataKeysShape, openVault } from '../shared/encryption.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logBy } from '../shared/function-log.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { createSettlement } from './settle-batch.step.ts';

/**
 * Settling waits for no lock longer than 10 s and reads nothing long: a database that is silent for longer is gone, and the outcome that was just
 * answered can still be recorded on another connection, ms.
 */
const SILENT_MS_MAX = 12_000;

const env = readEnvironment('settlement', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'settlement' });
const secrets = createSecrets(env.SECRET_TTL_S);

const db = openDatabase<Database>(env, secrets, 1, SILENT_MS_MAX);
const readOrganisationCode = async (): Promise<string> =>
  (await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape)).organisation_code;

const settleBatch = createSettlement({
  db,
  openBank: (authority) => openBank(env, secrets, clock, authority),
  bus: openEventBus(env.EVENT_BUS_NAME),
  clock,
  log: logBy(logger),
  payoutAccount: env.PAYOUT_ACCOUNT,
  databaseCluster: env.DATABASE_IDENTITY,
  readVault: () => openVault(secrets, env.DATA_KEYS_SECRET_ID),
  readOrganisationCode,
  readPayoutSecret: (fresh) =>
    fresh
      ? secrets.readFresh(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape)
      : secrets.read(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape),
});

const checks = [
  secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape),
  secretCheck(secrets, env.DATA_KEYS_SECRET_ID, dataKeysShape),
  secretCheck(secrets, env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape),
  secretCheck(secrets, env.BANK_PAYOUT_SECRET_ID, bankPayoutShape),
  schemaCheck(db),
  bankCheck(openBank(env, secrets, clock, mayNotPay), clock, readOrganisationCode),
];

/** Pays the transfers of a batch: `settle-batch.step.ts` says what returning and throwing mean. */
export const handler = answeringDryRuns(
  checks,
  async (event: SQSEvent, lambda: Context): Promise<SQSBatchResponse> => {
    logger.addContext(lambda);
    return await settleBatch(event, lambda);
  },
);
