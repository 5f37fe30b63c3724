import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { readEvents } from '../events/event.repository.ts';
import type { WebhookMessage } from './webhook-message.ts';
import type { Lane, WebhookLanes } from './webhook-queues.client.ts';
import {
  giveBackDeliveries,
  keysInForce,
  QUEUED_MS,
  takeDue,
  type TakenDelivery,
} from './webhook.repository.ts';

/** How long a receiver may take, ms: one that is well answers soon, and one that failed is given longer where it delays nobody. */
const ANSWER_MS_MAX = { fast: 5_000, slow: 15_000 } as const;

export interface QueueParts {
  readonly db: Kysely<Database>;
  readonly lanes: WebhookLanes;
}

/**
 * Queues the attempts that are due. What has been taken is committed before anything is sent: a message that is then lost is taken again once it is overdue.
 * Called wherever something may have become due: after an event, after a result, and every minute for the rest.
 *
 * @throws when the queue or the database cannot be reached; nothing is lost by it.
 */
export async function queueDue(
  { db, lanes }: QueueParts,
  now: Date,
  endpointIds?: readonly bigint[],
): Promise<{ readonly queued: number; readonly notTaken: number }> {
  const taken = await takeDue(db, now, endpointIds);
  if (taken.length === 0) return { queued: 0, notTaken: 0 };
  const events = await readEvents(db, [...new Set(taken.map((one) => one.event_id))]);
  const envelopes = new Map(events.map(({ eventId, envelope }) => [eventId, envelope]));
  const messagesOf = (lane: Lane): WebhookMessage[] =>
    taken.flatMap((one) => {
      const envelope = envelopes.get(one.event_id);
      if (laneOf(one) !== lane || envelope === undefined) return [];
      return {
        delivery_id: one.delivery_id.toString(),
        endpoint_id: one.endpoint_id.toString(),
        url: one.url,
        keys: keysInForce(one, now),
        event_id: envelope.id,
        body: JSON.stringify(envelope),
        attempt: one.attempts + 1,
        expires_at: new Date(now.getTime() + QUEUED_MS).toISOString(),
        answer_ms_max: ANSWER_MS_MAX[lane],
      };
    });
  const notTaken: string[] = [];
  for (const lane of ['fast', 'slow'] as const) notTaken.push(...(await lanes.send(lane, messagesOf(lane))));
  await giveBackDeliveries(db, notTaken);
  return { queued: taken.length - notTaken.length, notTaken: notTaken.length };
}

function laneOf({ state, attempts }: TakenDelivery): Lane {
  return state === 'active' && attempts === 0 ? 'fast' : 'slow';
}
