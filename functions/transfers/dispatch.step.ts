import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { queueWaiting } from './dispatch.repository.ts';
import { activeStops } from './stops.repository.ts';

const PAGE = 500;
/** Messages of one cycle. What is left goes in the next: settling takes them one by one, and a queue that is too long goes stale. */
const MESSAGES_MAX = 2000;

export interface DispatchOutcome {
  readonly dispatched: number;
  readonly notTaken: number;
}

/**
 * Sends planned transfers to the queue, and again those that were dispatched over a cycle ago and that nobody has claimed: a lost queue, a
 * lost message or a crash between commit and send heals itself. While payouts are stopped nothing is dispatched, for nothing could be claimed.
 */
export async function dispatch(context: CycleContext): Promise<DispatchOutcome> {
  const { db, queue, now, token, settings, hasTime } = context;
  let dispatched = 0;
  let notTaken = 0;
  if ((await activeStops(db)).length > 0) return { dispatched, notTaken };
  const stale = new Date(now.getTime() - settings.cycleMs);
  while (dispatched < MESSAGES_MAX && hasTime()) {
    const limit = Math.min(PAGE, MESSAGES_MAX - dispatched);
    const page = await db.transaction().execute(async (trx) => {
      await fence(trx, token);
      return await queueWaiting(trx, now, stale, limit);
    });
    if (page.length === 0) break;
    // Committed first: a message that arrives before its row says `queued` would be acknowledged and lost.
    const sent = await queue.dispatch(
      page
        .sort((a, b) => (a.transfer_id < b.transfer_id ? -1 : 1))
        .map((row) => ({
          transferId: row.transfer_id,
          dispatchNumber: row.dispatch_number,
          group: row.queue_group ?? 'none',
        })),
    );
    dispatched += page.length;
    notTaken += sent.notTaken;
    if (page.length < limit) break;
  }
  return { dispatched, notTaken };
}
