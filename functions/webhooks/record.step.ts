import type { MetricsLog } from '../shared/metrics.ts';
import { queueDue, type QueueParts } from './queue-due.step.ts';
import { retryAfterMs } from './retry-schedule.ts';
import type { WebhookResult } from './webhook-message.ts';
import { recordResult } from './webhook.repository.ts';

export interface RecordParts extends QueueParts {
  readonly writeMetrics: MetricsLog;
}

/**
 * Records what became of an attempt, decides whether and when there is another, and queues what the endpoint's share of a lane now has room for.
 *
 * @param chance a number from 0 up to 1.
 */
export async function recordAttempt(
  parts: RecordParts,
  result: WebhookResult,
  now: Date,
  chance: number,
): Promise<'recorded' | 'parked' | 'known'> {
  const afterMs = result.outcome === 'failed' ? retryAfterMs(result.attempt, chance) : undefined;
  const nextAt = afterMs === undefined ? undefined : new Date(now.getTime() + afterMs);
  const endpointId = await parts.db
    .transaction()
    .execute(async (trx) => await recordResult(trx, result, nextAt));
  if (endpointId === undefined) return 'known';
  await queueDue(parts, now, [endpointId]);
  if (result.outcome !== 'failed' || nextAt !== undefined) return 'recorded';
  parts.writeMetrics({ WebhooksParked: 1 });
  return 'parked';
}
