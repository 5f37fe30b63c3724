import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { jsonOf } from '../shared/json.ts';
import type { Acting, PersonId, ShopActor } from './person.ts';

/** What a person did. */
export interface Deed {
  /** Noun and verb, such as `review assign`. */
  readonly action: string;
  /** What it was done to, such as `deposit 17`. */
  readonly subject: string;
  readonly detail?: object;
}

/** A deed that was done, by the key of the request that asked for it. */
export interface KnownDeed {
  readonly action: string;
  readonly subject: string;
  readonly detail: object;
  readonly at: Date;
  readonly fingerprint: string;
}

/** The index that lets a person's key stand in the trail once. */
export const REQUEST_ONCE = 'audit_request_once';

/** What a person's request with this key has done, if it was done. */
export async function readDeedOf(
  db: Kysely<Database>,
  actor: string,
  key: string,
): Promise<KnownDeed | undefined> {
  const row = await db
    .selectFrom('audit')
    .select(['action', 'subject', 'detail', 'at', 'request_fingerprint'])
    .where('actor', '=', actor)
    .where('request_key', '=', key)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { request_fingerprint: fingerprint, ...deed } = row;
  return { ...deed, fingerprint: fingerprint ?? '' };
}

/** Leaves the trace of a person's action, in the transaction of the action itself. */
export async function recordDeed(
  trx: Transaction<Database>,
  acting: Acting<PersonId | ShopActor>,
  deed: Deed,
): Promise<void> {
  await trx
    .insertInto('audit')
    .values({
      actor: acting.by,
      action: deed.action,
      subject: deed.subject,
      reason: acting.reason,
      detail: sql`${jsonOf(deed.detail ?? {})}::jsonb`,
      at: acting.at,
      request_key: acting.request?.key ?? null,
      request_fingerprint: acting.request?.fingerprint ?? null,
    })
    .execute();
}
