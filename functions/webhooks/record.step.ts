import { queueDue, type QueueParts } from './queue-due.step.ts';
import { retryAfterMs } from './retry-schedule.ts';
import type { WebhookResult } from './webhook-message.ts';
import { recordResult } from './webhook.repository.ts';

/**
 * Records what became of an attempt, decides whether and when there is another, and queues what the endpoint's share of a lane now has room for.
 *
 * @param chance a number from 0 up to 1.
 */
export async function recordAttempt(
  parts: QueueParts,
  result: WebhookResult,
  now: Date,
  chance: number,
): Promise<'recorded' | 'known'> {
  const afterMs = result.outcome === 'failed' ? retryAfterMs(result.attempt, chance) : undefined;
  const nextAt = afterMs === undefined ? undefined : new Date(now.getTime() + afterMs);
  const endpointId = await parts.db
    .transaction()
    .execute(async (trx) => await recordResult(trx, result, nextAt));
  if (endpointId === undefined) return 'known';
  await queueDue(parts, now, [endpointId]);
  return 'recorded';
}
