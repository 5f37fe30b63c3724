import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import type { Database } from '../database.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logBy } from '../shared/function-log.ts';
import { createMetricsLog } from '../shared/metrics.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
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
const secrets = createSecrets(env.SECRET_TTL_S);
const db = openDatabase<Database>(env, secrets, 1);
const archive = openArchive(env);

/**
 * Runs the daily check of the books: replay, closes, the head's copy, and the whole comparison.
 *
 * Returning means that it ran, with what it found in the result: what is wrong has halted payouts and left an alarm. Throwing means that it could not run, or
 * not record what it found.
 */
export const handler = answeringDryRuns(
  [secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape), schemaCheck(db)],
  async (_event: unknown, lambda: Context): Promise<DailyResult> => {
    logger.addContext(lambda);
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
  },
);
