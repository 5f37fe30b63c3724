import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { queueWaiting } from './dispatch.repository.ts';
import { activeStops } from './stops.repository.ts';

const PAGE = 500;
/** Messages of one cycle. What is left goes in the next: settling takes them one by one, and a queue that is too long goes stale. */
const MESSAGES_MAX = 2000;

/**
 * A cycle may begin so much earlier after the one before than the schedule says, ms. What that one dispatched and nobody has claimed goes out again in
 * this one, not only in the next: by now the queue has given back whatever it hid (270 s), and a second message for what still waits changes nothing.
 */
const EARLY_MS = 30_000;

export interface DispatchOutcome {
  readonly dispatched: number;
  readonly notTaken: number;
}

/**
 * Sends planned transfers to the queue, and again those that were dispatched a cycle ago and that nobody has claimed: a lost queue, a
 * lost message or a crash between commit and send heals itself. While payouts are stopped nothing is dispatched, for nothing could be claimed.
 */
export async function dispatch(context: CycleContext): Promise<DispatchOutcome> {
  const { db, queue, now, token, settings, hasTime } = context;
  let dispatched = 0;
  let notTaken = 0;
  if ((await activeStops(db)).length > 0) return { dispatched, notTaken };
  const stale = new Date(now.getTime() - Math.max(settings.cycleMs - EARLY_MS, 0));
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
