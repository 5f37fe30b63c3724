import type { Generated } from 'kysely';

export type EndpointState = 'active' | 'failing' | 'removed';
export type DeliveryState = 'pending' | 'delivered' | 'parked';

/** Where a shop wants to be told of events. */
export interface WebhookEndpointTable {
  endpoint_id: Generated<bigint>;
  shop_id: string;
  url: string;
  /** Types of events; none means all. */
  types: string[];
  /** `failing`: its last delivery failed, so that its messages take the slow lane. */
  state: Generated<EndpointState>;
  /** Which master key its signing key is derived from. */
  key_id: string;
  /** Raised by each rotation of its signing key. */
  generation: Generated<number>;
  /** The master key of the generation before, which signs too until `previous_until`. */
  previous_key_id: string | null;
  previous_until: Date | null;
  created_by: string;
  created_at: Date;
  removed_at: Date | null;
}

/** One event on its way to one endpoint. */
export interface WebhookDeliveryTable {
  delivery_id: Generated<bigint>;
  endpoint_id: bigint;
  event_id: bigint;
  state: Generated<DeliveryState>;
  /** Attempts whose result is known; a resend counts anew. */
  attempts: Generated<number>;
  /** When the next attempt is due. */
  due_at: Date;
  /** Until when an attempt is on its way; then it is taken for lost. */
  queued_until: Date | null;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: Date | null;
  created_at: Date;
}
