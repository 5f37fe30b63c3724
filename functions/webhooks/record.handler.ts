import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Database } from '../database.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openQueues } from '../shared/queues.client.ts';
import { createMetricsLog } from '../shared/metrics.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { recordAttempt } from './record.step.ts';
import { eachRecord } from './sqs-batch.ts';
import { webhookResultSchema } from './webhook-message.ts';
import { createWebhookLanes } from './webhook-queues.client.ts';

const env = readEnvironment('webhookQueueing', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'webhook-record' });
const secrets = createSecrets(env.SECRET_TTL_S);
const parts = {
  db: openDatabase<Database>(env, secrets, 1),
  lanes: createWebhookLanes(openQueues(), {
    fast: env.WEBHOOK_FAST_QUEUE_URL,
    slow: env.WEBHOOK_SLOW_QUEUE_URL,
  }),
  writeMetrics: createMetricsLog('webhook-record'),
};

/** Records what became of attempts. A result that is among the failures comes again, and is recorded once. */
async function work(event: SQSEvent): Promise<SQSBatchResponse> {
  return await eachRecord(
    event.Records,
    async (body) => await recordAttempt(parts, webhookResultSchema.parse(body), clock.now(), Math.random()),
    (error) => logger.error('a result could not be recorded; it comes again', { error: String(error) }),
  );
}

export const handler = answeringDryRuns(
  [secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape), schemaCheck(parts.db)],
  work,
);
