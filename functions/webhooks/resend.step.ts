import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { EVERY_SHOP, resendDelivery } from './webhook.repository.ts';

/** A person sends a shop's parked delivery again. */
export async function resendForOperator(
  db: Kysely<Database>,
  acting: Acting,
  deliveryId: bigint,
): Promise<{ readonly outcome: 'done'; readonly result: undefined } | Refused> {
  return await act<undefined>(db, acting, async (trx) => {
    const id = deliveryId.toString();
    const resent = await resendDelivery(trx, EVERY_SHOP, deliveryId, acting.at);
    switch (resent) {
      case 'unknown':
        return refuse('not_found', `there is no delivery ${id} to an endpoint in use; see webhooks list`);
      case 'not_parked':
        return refuse('not_parked', `delivery ${id} is not parked: only what is parked is sent again`);
      case 'resent':
        return {
          outcome: 'done',
          result: undefined,
          deed: { action: 'webhooks resend', subject: `delivery ${id}` },
        };
      default:
        return resent satisfies never;
    }
  });
}
