import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { lookupKeys, reconsider } from './match.ts';
import { lockNamedOrders, readReviewsWithNewerOrders, updateReviews } from './match.repository.ts';

/**
 * Judges open reviews again for which an order was placed later, so that a person reads "paid before the order" and not "unknown name". It
 * never matches: what a person has on the desk stays there.
 *
 * @returns how many reviews were judged again.
 */
export async function reconsiderReviews({ db, token, now, settings }: CycleContext): Promise<number> {
  return await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const openReviews = await readReviewsWithNewerOrders(trx, settings.pageSize);
    if (openReviews.length === 0) return 0;
    const names = [...new Set(openReviews.flatMap((review) => lookupKeys(review.text).names))];
    const orders = await lockNamedOrders(trx, names);
    await updateReviews(trx, reconsider({ openReviews, orders }), now);
    return openReviews.length;
  });
}
