import { Logger } from '@aws-lambda-powertools/logger';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import { sql } from 'kysely';
import { bankCredentialsShape } from '../bank/bank-secrets.ts';
import { mayNotPay, openBank } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { createVault, dataKeysShape } from '../shared/encryption.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { createTransferQueue } from '../transfers/transfer-queue.client.ts';
import { runCycle, type CycleSummary } from './cycle.ts';
import { LeaseLost, returnLease, takeLease } from './lease.ts';

/** A cycle's lease outlives its function by this, ms. */
const LEASE_MARGIN_MS = 5_000;

const env = readEnvironment('matcher', process.env);

/** No page and no call begins with less left: a bank call to its limit, and ten seconds to record what was begun, ms. */
const RESERVE_MS = env.BANK_CALL_TIMEOUT_S * 1000 + 10_000;

const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'matcher' });
const secrets = createSecrets(env.SECRET_TTL_S);
const db = openDatabase<Database>(env, secrets, 1);
const queue = createTransferQueue(new SQSClient({}), env.TRANSFER_QUEUE_URL);
const bank = openBank(env, secrets, clock, mayNotPay);

/** The schedule's event. `dry_run` looks whether a cycle could run, and changes nothing. */
export interface MatchEvent {
  readonly dry_run?: boolean;
}

export type MatchResult = CycleSummary | { readonly ended: 'overlap' | 'taken_over' | 'dry_run' };

/**
 * Runs one cycle. Cycles are one at a time: an invocation that overlaps another ends at once and says so.
 *
 * Returning means that the cycle has run, with what failed in its summary. Throwing means that it could not even begin: no database, no secret.
 */
export async function handler(event: MatchEvent, lambda: Context): Promise<MatchResult> {
  logger.addContext(lambda);
  const credentials = await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape);
  const vault = createVault(await secrets.read(env.DATA_KEYS_SECRET_ID, dataKeysShape));
  if (event.dry_run === true) {
    await sql`select token from lease limit 1`.execute(db);
    return { ended: 'dry_run' };
  }
  const now = clock.now();
  const remainingMs = lambda.getRemainingTimeInMillis();
  const workMs = Math.max(remainingMs - RESERVE_MS, 0);
  const token = await takeLease(db, lambda.awsRequestId, now, remainingMs + LEASE_MARGIN_MS).catch(lockHeld);
  if (token === undefined) {
    logger.info('another cycle is running; this one ends at once');
    return { ended: 'overlap' };
  }
  logger.appendKeys({ cycle: token.toString() });
  try {
    await db
      .insertInto('cycle')
      .values({ token, began_at: now, ended_at: null, ended_as: null, summary: null })
      .execute();
    const summary = await runCycle({
      db,
      bank,
      queue,
      vault,
      now,
      token,
      log: {
        info: (message, detail) => logger.info(message, detail ?? {}),
        warn: (message, detail) => logger.warn(message, detail ?? {}),
        error: (message, detail) => logger.error(message, detail ?? {}),
      },
      hasTime: (leave = 0) => lambda.getRemainingTimeInMillis() > RESERVE_MS + leave * workMs,
      settings: {
        collectionAccount: env.COLLECTION_ACCOUNT,
        payoutAccount: env.PAYOUT_ACCOUNT,
        organisationCode: credentials.organisation_code,
        databaseCluster: env.DATABASE_IDENTITY,
        cycleMs: env.CYCLE_MINUTES * 60_000,
        absenceWaitMs: (env.BANK_PROCESSING_MINUTES + env.BANK_POSTING_LAG_MINUTES) * 60_000,
        pageSize: env.PAGE_SIZE,
        maxSends: env.MAX_SENDS,
      },
    });
    await db
      .updateTable('cycle')
      .set({ ended_at: clock.now(), ended_as: summary.ended, summary: JSON.stringify(summary) })
      .where('token', '=', token)
      .execute();
    logger.info('cycle ended', { summary });
    return summary;
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
    logger.warn(error.message);
    return { ended: 'taken_over' };
  } finally {
    await returnLease(db, token);
  }
}

/** A lease whose row is locked for longer than a statement may wait (SQLSTATE 55P03) is a cycle at work. */
function lockHeld(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== '55P03') throw error;
}
