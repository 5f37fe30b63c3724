import { sql, type Transaction } from 'kysely';
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
    })
    .execute();
}
