import { Webhook } from 'standardwebhooks';
import type { Clock } from '../shared/clock.ts';
import { postOutside, type PostResult, type Resolve } from './post.client.ts';
import { signingKeyOf, type WebhookKeys } from './webhook-keys.ts';
import type { WebhookMessage, WebhookResult } from './webhook-message.ts';
import { parseWebhookUrl, type WebhookReach } from './webhook-url.ts';

export interface DeliverParts {
  readonly clock: Clock;
  readonly keys: WebhookKeys;
  readonly sendResult: (result: WebhookResult) => Promise<void>;
  readonly reach: WebhookReach;
  readonly resolve?: Resolve;
}

/**
 * Makes one attempt: checks the address anew, signs by the Standard Webhooks scheme with each key that is in force, posts, and says what became of it. It reads no
 * database and decides nothing: whether and when there is another attempt is decided where the result is recorded.
 *
 * @throws when a key is missing or the results queue cannot be reached: the message then comes again, and the receiver recognises the event by its id.
 */
export async function deliver(
  parts: DeliverParts,
  message: WebhookMessage,
): Promise<WebhookResult | 'expired'> {
  if (parts.clock.now() >= new Date(message.expires_at)) return 'expired';
  const posted = await send(parts, message);
  const answered = posted.outcome === 'answered';
  const result: WebhookResult = {
    delivery_id: message.delivery_id,
    attempt: message.attempt,
    outcome: judge(posted),
    status: answered ? posted.status : null,
    error: answered ? null : posted.error.slice(0, 200),
    at: parts.clock.now().toISOString(),
  };
  await parts.sendResult(result);
  return result;
}

/** 2xx is delivered; 410 says that nobody wants it any more (Standard Webhooks); all else failed, redirects too. */
function judge(posted: PostResult): WebhookResult['outcome'] {
  if (posted.outcome !== 'answered') return 'failed';
  if (posted.status >= 200 && posted.status < 300) return 'delivered';
  return posted.status === 410 ? 'gone' : 'failed';
}

async function send(parts: DeliverParts, message: WebhookMessage): Promise<PostResult> {
  const read = parseWebhookUrl(message.url, parts.reach);
  if ('wrong' in read) return { outcome: 'refused_address', error: read.wrong };
  const now = parts.clock.now();
  const signatures = message.keys.map((name) =>
    new Webhook(signingKeyOf(parts.keys, message.endpoint_id, name)).sign(
      message.event_id,
      now,
      message.body,
    ),
  );
  return await postOutside(
    {
      url: read.url,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'smart-transfer-webhooks/1',
        'webhook-id': message.event_id,
        'webhook-timestamp': Math.floor(now.getTime() / 1000).toString(),
        'webhook-signature': signatures.join(' '),
      },
      body: message.body,
      timeoutMs: message.answer_ms_max,
    },
    parts.reach,
    parts.resolve,
  );
}
