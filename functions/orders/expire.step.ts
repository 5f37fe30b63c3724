import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { expireOrders } from './expire.repository.ts';

const PAGE = 5000;

/**
 * Closes orders whose deadline has passed, after matching, and only once the collection account has been read completely to ten minutes beyond it: whoever
 * paid in time is in time, however late the cycle.
 *
 * @returns how many orders expired.
 */
export async function expire({ db, now, token, settings, hasTime }: CycleContext): Promise<number> {
  let expired = 0;
  for (;;) {
    if (!hasTime()) return expired;
    const page = await db.transaction().execute(async (trx) => {
      await fence(trx, token);
      return await expireOrders(trx, settings.collectionAccount, now, PAGE);
    });
    expired += page;
    if (page < PAGE) return expired;
  }
}
