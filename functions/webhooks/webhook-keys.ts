import { createHmac } from 'node:crypto';
import { z } from 'zod';

/** The secret that signing keys are derived from. Old ones stay in `keys` until no endpoint names them. */
export const webhookKeysShape = z
  .object({
    current: z.string().min(1),
    keys: z.record(
      z.string(),
      z.base64().refine((text) => Buffer.from(text, 'base64').length >= 32),
    ),
  })
  .refine((value) => value.current in value.keys, { path: ['current'] });

export type WebhookKeys = z.infer<typeof webhookKeysShape>;

/** Names the key of an endpoint without holding it: what a message may carry. */
export interface SigningKeyName {
  readonly keyId: string;
  readonly generation: number;
}

/**
 * An endpoint's signing key in the form of Standard Webhooks (`whsec_` and Base64). It is derived, so that nothing has to be written anywhere when an endpoint is added
 * or its key rotated, and no endpoint's key tells anything of another's.
 *
 * @throws when the master key is not in the secret: put it back until no endpoint names it.
 */
export function signingKeyOf(
  keys: WebhookKeys,
  endpointId: string,
  { keyId, generation }: SigningKeyName,
): string {
  const master = keys.keys[keyId];
  if (master === undefined)
    throw new Error(`webhook key ${keyId} is not in the secret; put it back until no endpoint names it`);
  const key = createHmac('sha256', Buffer.from(master, 'base64'))
    .update(`smart-transfer webhook ${endpointId} ${generation}`)
    .digest('base64');
  return `whsec_${key}`;
}
