import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { clockFromEnvironment } from '../shared/clock.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openQueues } from '../shared/queues.client.ts';
import { createSecrets } from '../shared/secrets.ts';
import { deliver } from './deliver.step.ts';
import { eachRecord } from './sqs-batch.ts';
import { webhookKeysShape } from './webhook-keys.ts';
import { webhookMessageSchema } from './webhook-message.ts';
import { createResultSender } from './webhook-queues.client.ts';

const env = readEnvironment('webhookDelivery', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'webhook-delivery' });
const secrets = createSecrets(env.SECRET_TTL_S);
const sendResult = createResultSender(openQueues(), env.WEBHOOK_RESULTS_QUEUE_URL);

/**
 * Signs and posts the attempts of a batch, outside the VPC and without a database.
 *
 * A receiver that fails is no failure of the message: its result says so. An item among the failures could not be tried or told of, and comes again.
 */
async function work(event: SQSEvent): Promise<SQSBatchResponse> {
  const keys = await secrets.read(env.WEBHOOK_KEYS_SECRET_ID, webhookKeysShape);
  return await eachRecord(
    event.Records,
    async (body) => {
      const result = await deliver(
        { clock, keys, sendResult, reach: env.WEBHOOK_REACH },
        webhookMessageSchema.parse(body),
      );
      logger.info('webhook attempt', result === 'expired' ? { outcome: result } : { ...result });
    },
    (error) => logger.error('a webhook could not be tried; it comes again', { error: String(error) }),
  );
}

export const handler = answeringDryRuns(
  [secretCheck(secrets, env.WEBHOOK_KEYS_SECRET_ID, webhookKeysShape)],
  work,
);
