import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { bankCredentialsShape, bankPayoutShape } from '../bank/bank-secrets.ts';
import { openBank } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import { openEventBus } from '../events/event-bus.client.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { openVault } from '../shared/encryption.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logBy } from '../shared/function-log.ts';
import { openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { createSettlement, type SettleEvent, type SettleResult } from './settle-batch.step.ts';

export type { SettleEvent } from './settle-batch.step.ts';

/**
 * Settling waits for no lock longer than 10 s and reads nothing long: a database that is silent for longer is gone, and the outcome that was just
 * answered can still be recorded on another connection, ms.
 */
const SILENT_MS_MAX = 12_000;

const env = readEnvironment('settlement', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'settlement' });
const secrets = createSecrets(env.SECRET_TTL_S);

const settleBatch = createSettlement({
  db: openDatabase<Database>(env, secrets, 1, SILENT_MS_MAX),
  openBank: (authority) => openBank(env, secrets, clock, authority),
  bus: openEventBus(env.EVENT_BUS_NAME),
  clock,
  log: logBy(logger),
  payoutAccount: env.PAYOUT_ACCOUNT,
  databaseCluster: env.DATABASE_IDENTITY,
  readVault: () => openVault(secrets, env.DATA_KEYS_SECRET_ID),
  readOrganisationCode: async () =>
    (await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape)).organisation_code,
  readPayoutSecret: (fresh) =>
    fresh
      ? secrets.readFresh(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape)
      : secrets.read(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape),
});

/** Pays the transfers of a batch: `settle-batch.step.ts` says what returning and throwing mean. */
export async function handler(event: SettleEvent, lambda: Context): Promise<SettleResult> {
  logger.addContext(lambda);
  return await settleBatch(event, lambda);
}
