import type { Generated, JSONColumnType } from 'kysely';
import type { EventType } from './event-types.ts';

/** What became of a subject. Written by triggers, in the transaction that changes it; only what says whether it is published ever changes. */
export interface EventTable {
  event_id: Generated<bigint>;
  /** By which a consumer recognises an event that comes twice. */
  id: Generated<string>;
  type: EventType;
  version: Generated<number>;
  subject_kind: 'order' | 'deposit' | 'transfer' | 'payouts';
  subject_id: string;
  /** Counts the events of the subject, from 1. */
  sequence: bigint;
  /** The shop that may see it; null: operators only. */
  shop_id: string | null;
  data: JSONColumnType<object>;
  occurred_at: Date;
  written_at: Generated<Date>;
  published_at: Date | null;
  /** Until when a publisher has taken it. */
  publishing_until: Date | null;
}
