import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logBy } from '../shared/function-log.ts';
import { createMetricsLog } from '../shared/metrics.ts';
import { openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { checkDaily, type DailyResult } from './daily.step.ts';
import { dailyMetrics } from './daily-metrics.ts';
import { openArchive } from './head-archive.client.ts';

/** No page begins with less left, ms: the longest statement that the login may run, and a little to record what was found. */
const RESERVE_MS = 35_000;

const env = readEnvironment('verification', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'verification' });
const writeMetrics = createMetricsLog('verification');
const db = openDatabase<Database>(env, createSecrets(env.SECRET_TTL_S), 1);
const archive = openArchive(env);

/** The daily schedule's event. `dry_run` looks whether the check could run, and changes nothing. */
export interface VerifyEvent {
  readonly dry_run?: boolean;
}

export type VerifyResult = DailyResult | { readonly ended: 'dry_run' };

/**
 * Runs the daily check of the books: replay, closes, the head's copy, and the whole comparison.
 *
 * Returning means that it ran, with what it found in the result: what is wrong has halted payouts and left an alarm. Throwing means that it could not run, or
 * not record what it found.
 */
export async function handler(event: VerifyEvent, lambda: Context): Promise<VerifyResult> {
  logger.addContext(lambda);
  if (event.dry_run === true) {
    await sql`select position from posting_seal limit 1`.execute(db);
    return { ended: 'dry_run' };
  }
  const result = await checkDaily({
    db,
    archive,
    now: clock.now(),
    hasTime: () => lambda.getRemainingTimeInMillis() > RESERVE_MS,
    log: logBy(logger),
  });
  logger.info('daily check ended', { result });
  writeMetrics(dailyMetrics(result));
  return result;
}
