import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { EventType } from './event-types.ts';

/** An event as it is told to everybody outside; its shape is documented by `envelopeOf`. */
export interface EventEnvelope {
  readonly id: string;
  readonly type: EventType;
  readonly version: number;
  readonly occurred_at: string;
  readonly subject: { readonly kind: string; readonly id: string; readonly sequence: number };
  readonly shop_id: string | null;
  readonly data: object;
}

export interface StoredEvent {
  readonly eventId: bigint;
  readonly envelope: EventEnvelope;
}

interface Row {
  readonly event_id: bigint;
  readonly id: string;
  readonly type: EventType;
  readonly version: number;
  readonly subject_kind: string;
  readonly subject_id: string;
  readonly sequence: bigint;
  readonly shop_id: string | null;
  readonly data: object;
  readonly occurred_at: Date;
}

function toStored(row: Row): StoredEvent {
  return {
    eventId: row.event_id,
    envelope: {
      id: row.id,
      type: row.type,
      version: row.version,
      occurred_at: row.occurred_at.toISOString(),
      subject: { kind: row.subject_kind, id: row.subject_id, sequence: Number(row.sequence) },
      shop_id: row.shop_id,
      data: row.data,
    },
  };
}

/** A publisher that dies in the middle leaves its events to the next one after so long, seconds: longer than any call to the bus takes. */
const PUBLISHING_S = 60;

/**
 * Takes unpublished events, oldest first, for this publisher alone, and commits that before anything is sent. By the database's own clock: it says how long
 * a publisher is waited for, and nothing about the business.
 */
export async function takeUnpublished(db: Kysely<Database>, limit: number): Promise<StoredEvent[]> {
  const { rows } = await sql<Row>`
    update event e set publishing_until = clock_timestamp() + make_interval(secs => ${sql.lit(PUBLISHING_S)})
    from (
      select event_id from event
      where published_at is null and (publishing_until is null or publishing_until < clock_timestamp())
      order by event_id limit ${limit}
      for update skip locked
    ) taken
    where e.event_id = taken.event_id
    returning e.event_id, e.id, e.type, e.version, e.subject_kind, e.subject_id, e.sequence, e.shop_id, e.data, e.occurred_at`.execute(
    db,
  );
  return rows.map(toStored).sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
}

/** Notes that the bus has taken events. */
export async function markPublished(db: Kysely<Database>, eventIds: readonly bigint[]): Promise<void> {
  if (eventIds.length === 0) return;
  await sql`
    update event set published_at = clock_timestamp()
    where event_id = any(${eventIds.map(String)}::bigint[]) and published_at is null`.execute(db);
}

/** Gives back what the bus did not take, so that the next publisher need not wait. */
export async function giveBack(db: Kysely<Database>, eventIds: readonly bigint[]): Promise<void> {
  if (eventIds.length === 0) return;
  await sql`
    update event set publishing_until = null
    where event_id = any(${eventIds.map(String)}::bigint[]) and published_at is null`.execute(db);
}

/** Events of a shop, the youngest first; one more than `limit`. */
export async function listShopEvents(
  db: Kysely<Database>,
  shopId: string,
  wanted: { readonly type?: EventType; readonly before?: bigint; readonly limit: number },
): Promise<StoredEvent[]> {
  const { type, before, limit } = wanted;
  const rows = await db
    .selectFrom('event')
    .select([
      'event_id',
      'id',
      'type',
      'version',
      'subject_kind',
      'subject_id',
      'sequence',
      'shop_id',
      'data',
      'occurred_at',
    ])
    .where('shop_id', '=', shopId)
    .$if(type !== undefined, (query) => query.where('type', '=', type ?? 'order.paid'))
    .$if(before !== undefined, (query) => query.where('event_id', '<', before ?? 0n))
    .orderBy('event_id', 'desc')
    .limit(limit + 1)
    .execute();
  return rows.map((row) => toStored(row));
}

/** Events by their row ids. */
export async function readEvents(db: Kysely<Database>, eventIds: readonly bigint[]): Promise<StoredEvent[]> {
  const { rows } = await sql<Row>`
    select event_id, id, type, version, subject_kind, subject_id, sequence, shop_id, data, occurred_at
    from event where event_id = any(${eventIds.map(String)}::bigint[])`.execute(db);
  return rows.map(toStored);
}
