import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { bankCredentialsShape } from '../bank/bank-secrets.ts';
import { mayNotPay, openBank } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { openEventBus } from '../events/event-bus.client.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { dataKeysShape, openVault } from '../shared/encryption.ts';
import { readEnvironment, type MatcherEnvironment } from '../shared/environment.ts';
import { openQueues } from '../shared/queues.client.ts';
import { logBy } from '../shared/function-log.ts';
import { createMetricsLog } from '../shared/metrics.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { createTransferQueue } from '../transfers/transfer-queue.client.ts';
import { dryCycleChecks } from './dry-cycle.step.ts';
import { createMatcher, type MatcherParts, type MatchEvent, type MatchResult } from './matcher.ts';

export type { MatchEvent, MatchResult } from './matcher.ts';

const env = readEnvironment('matcher', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'matcher' });
const secrets = createSecrets(env.SECRET_TTL_S);

const parts: MatcherParts = {
  db: openDatabase<Database>(env, secrets, 1),
  bank: openBank(env, secrets, clock, mayNotPay),
  queue: createTransferQueue(openQueues(), env.TRANSFER_QUEUE_URL),
  bus: openEventBus(env.EVENT_BUS_NAME),
  clock,
  log: logBy(logger),
  writeMetrics: createMetricsLog('matcher'),
  readVault: () => openVault(secrets, env.DATA_KEYS_SECRET_ID),
  readOrganisationCode: async () =>
    (await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape)).organisation_code,
  settings: {
    collectionAccount: env.COLLECTION_ACCOUNT,
    payoutAccount: env.PAYOUT_ACCOUNT,
    sendersOf: sendersOf(env),
    databaseCluster: env.DATABASE_IDENTITY,
    cycleMs: env.CYCLE_MINUTES * 60_000,
    absenceWaitMs: (env.BANK_PROCESSING_MINUTES + env.BANK_POSTING_LAG_MINUTES) * 60_000,
    pageSize: env.PAGE_SIZE,
    maxSends: env.MAX_SENDS,
    limits: { transfer: env.TRANSFER_LIMIT_WON, day: env.DAILY_LIMIT_WON },
  },
  reserveMs: env.BANK_CALL_TIMEOUT_S * 1000 + 10_000,
};
const match = createMatcher(parts);

const checks = [
  secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape),
  secretCheck(secrets, env.DATA_KEYS_SECRET_ID, dataKeysShape),
  secretCheck(secrets, env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape),
  schemaCheck(parts.db),
  ...dryCycleChecks(async () => ({
    ...parts,
    now: () => clock.now(),
    vault: await parts.readVault(),
    settings: { ...parts.settings, organisationCode: await parts.readOrganisationCode() },
  })),
];

function sendersOf({
  COLLECTION_BANK_CODE: bankCode,
  COLLECTION_ACCOUNT_NUMBER: accountNumber,
}: MatcherEnvironment) {
  return bankCode === undefined || accountNumber === undefined ? undefined : { bankCode, accountNumber };
}

/** Runs one cycle: `matcher.ts` says what returning and throwing mean. */
export const handler = answeringDryRuns(
  checks,
  async (event: MatchEvent, lambda: Context): Promise<MatchResult> => {
    logger.addContext(lambda);
    return await match(event, lambda);
  },
);
