import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { EventBus } from './event-bus.client.ts';
import { giveBack, markPublished, takeUnpublished } from './event.repository.ts';

const PAGE = 100;

export interface Published {
  readonly published: number;
  /** What the bus did not take: it stays, and the next publisher tries again. */
  readonly notTaken: number;
}

/**
 * Puts what is not published yet on the bus, at least once: an event is noted as published after the bus has taken it, so a publisher that dies in between publishes it
 * twice, under the same id. Nothing is sent inside a transaction.
 *
 * @param hasTime asked before each page.
 * @throws when the bus or the database cannot be reached; what was taken is published by somebody else a minute later.
 */
export async function publishEvents(
  db: Kysely<Database>,
  bus: EventBus,
  hasTime: () => boolean,
): Promise<Published> {
  let published = 0;
  while (hasTime()) {
    const page = await takeUnpublished(db, PAGE);
    if (page.length === 0) break;
    const taken = await bus.put(page.map((event) => event.envelope));
    const isTaken = ({ envelope }: (typeof page)[number]) => taken.has(envelope.id);
    const done = page.filter(isTaken).map((event) => event.eventId);
    const left = page.filter((event) => !isTaken(event)).map((event) => event.eventId);
    await markPublished(db, done);
    await giveBack(db, left);
    published += done.length;
    if (left.length > 0) return { published, notTaken: left.length };
    if (page.length < PAGE) break;
  }
  return { published, notTaken: 0 };
}
