import type { WebhookMessage, WebhookResult } from '../../functions/webhooks/webhook-message.ts';
import type { TransferMessage } from '../../functions/transfers/transfer-queue.client.ts';
import type { ProbedQueue } from './targets.ts';

/** No transfer, delivery or endpoint has this id: ids count from 1. */
const NOBODY = '0';

/** A message for one of the queues. */
export interface ProbeMessage {
  readonly body: string;
  /** What a FIFO queue wants to know. */
  readonly fifo?: { readonly groupId: string; readonly deduplicationId: string };
}

/**
 * A message that its reader takes and that changes nothing: a transfer that does not exist is not claimed, an attempt that is overdue is not sent, the result of a delivery that does not
 * exist is not recorded.
 *
 * @param id this run's own.
 */
export function harmlessMessage(queue: ProbedQueue, id: string, now: Date): ProbeMessage {
  switch (queue) {
    case 'transfers':
      return {
        body: JSON.stringify({ transfer_id: NOBODY } satisfies TransferMessage),
        fifo: { groupId: 'probe', deduplicationId: `probe-${id}` },
      };
    case 'webhooks-fast':
    case 'webhooks-slow':
      return {
        body: JSON.stringify({
          delivery_id: NOBODY,
          endpoint_id: NOBODY,
          url: 'https://probe.invalid/',
          keys: [{ keyId: 'probe', generation: 1 }],
          event_id: id,
          body: '{}',
          attempt: 1,
          expires_at: new Date(now.getTime() - 60_000).toISOString(),
          answer_ms_max: 1,
        } satisfies WebhookMessage),
      };
    case 'webhook-results':
      return {
        body: JSON.stringify({
          delivery_id: NOBODY,
          attempt: 1,
          outcome: 'failed',
          status: null,
          error: 'probe',
          at: now.toISOString(),
        } satisfies WebhookResult),
      };
    default:
      return queue satisfies never;
  }
}
