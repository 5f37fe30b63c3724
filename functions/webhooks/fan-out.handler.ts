import { Logger } from '@aws-lambda-powertools/logger';
import type { Database } from '../database.ts';
import { schemaCheck } from '../migrations/schema-check.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openQueues } from '../shared/queues.client.ts';
import { loginShape, openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { queueDue } from './queue-due.step.ts';
import { fanOutEventSchema } from './webhook-message.ts';
import { createWebhookLanes } from './webhook-queues.client.ts';
import { insertDeliveries } from './webhook.repository.ts';

const env = readEnvironment('webhookQueueing', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'webhook-fan-out' });
const secrets = createSecrets(env.SECRET_TTL_S);
const parts = {
  db: openDatabase<Database>(env, secrets, 1),
  lanes: createWebhookLanes(openQueues(), {
    fast: env.WEBHOOK_FAST_QUEUE_URL,
    slow: env.WEBHOOK_SLOW_QUEUE_URL,
  }),
};

/**
 * Makes the deliveries of an event and queues them; the sweep queues what is due or was lost.
 *
 * Returning means that the deliveries are in the database, whatever the queue took. Throwing means that the event is to come again: each delivery is made once.
 */
async function work(input: unknown): Promise<{ queued: number; notTaken: number }> {
  const event = fanOutEventSchema.parse(input);
  const now = clock.now();
  const endpointIds = 'sweep' in event ? undefined : await insertDeliveries(parts.db, event.detail.id, now);
  const queued = await queueDue(parts, now, endpointIds);
  if (queued.notTaken > 0) logger.warn('the queue did not take every webhook; the sweep tries again', queued);
  return queued;
}

export const handler = answeringDryRuns(
  [secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape), schemaCheck(parts.db)],
  work,
);
