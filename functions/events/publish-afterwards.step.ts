import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { CycleLog } from '../cycle/cycle-context.ts';
import type { EventBus } from './event-bus.client.ts';
import { publishEvents } from './publish.step.ts';

/**
 * Publishes events at the end of other work, which it never fails: what is not published now is published by whoever comes next.
 *
 * @param bus nothing is published without one.
 */
export async function publishAfterwards(
  db: Kysely<Database>,
  bus: EventBus | undefined,
  hasTime: () => boolean,
  log: Pick<CycleLog, 'warn'>,
): Promise<void> {
  if (bus === undefined) return;
  try {
    const { notTaken } = await publishEvents(db, bus, hasTime);
    if (notTaken > 0)
      log.warn('the event bus did not take every event; the next publisher tries again', { notTaken });
  } catch (error) {
    log.warn('events could not be published; the next publisher tries again', { error: String(error) });
  }
}
