import { z } from 'zod';

// While versions change, what one release has written is read by another: these readers read past what they do not know (docs/rollout.md).

const rowId = z.string().regex(/^\d{1,18}$/);

/** What makes deliveries: an event of the bus, or the minute's sweep. */
export const fanOutEventSchema = z.union([
  z.object({ sweep: z.literal(true) }),
  z.object({ detail: z.object({ id: z.uuid() }) }),
]);

/** One attempt on its way out of the VPC: everything that signing and sending it needs, but no key. */
export const webhookMessageSchema = z.object({
  delivery_id: rowId,
  endpoint_id: rowId,
  url: z.string().min(1),
  /** The keys that sign, the newest first. */
  keys: z.array(z.object({ keyId: z.string().min(1), generation: z.int().min(1) })).min(1),
  event_id: z.uuid(),
  /** The body, byte for byte: what is signed is what is sent. */
  body: z.string().min(2),
  /** Counts from 1. */
  attempt: z.int().min(1),
  /** After this instant the attempt is queued anew, so that this message is no longer to be sent. */
  expires_at: z.iso.datetime(),
  /** How long the receiver may take, ms. */
  answer_ms_max: z.int().min(1),
});

export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** What became of one attempt, on its way back to the database. */
export const webhookResultSchema = z.object({
  delivery_id: rowId,
  attempt: z.int().min(1),
  /** `gone`: the receiver answered 410, it wants no more. */
  outcome: z.enum(['delivered', 'failed', 'gone']),
  status: z.int().nullable(),
  error: z.string().max(200).nullable(),
  at: z.iso.datetime(),
});

export type WebhookResult = z.infer<typeof webhookResultSchema>;
