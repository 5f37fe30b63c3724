import { isDeepStrictEqual } from 'node:util';
import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { jsonOf } from '../shared/json.ts';
import type { ApprovalAction } from './people.table.ts';
import type { Acting } from './person.ts';

/** A request that nobody approves lapses after so long, so that a forgotten one cannot be approved out of its time, ms. */
const REQUEST_LIFE_MS = 72 * 60 * 60_000;

/** What takes two people, and what exactly is asked. */
export interface TwoPersonMatter {
  readonly action: ApprovalAction;
  readonly subject: string;
  /** JSON values only; amounts and ids as text. Both people must mean the same. */
  readonly detail: object;
}

export type Approval =
  /** The first person has asked; somebody else has to approve. */
  | { readonly outcome: 'requested'; readonly approvalId: bigint }
  /** The second person approves what the first asked for. */
  | { readonly outcome: 'approved'; readonly approvalId: bigint; readonly requestedBy: string }
  /** The same person asks again for the same: nothing changes. */
  | { readonly outcome: 'needs_second_person'; readonly approvalId: bigint }
  /** The second person means something else than the first has asked for. */
  | {
      readonly outcome: 'asked_otherwise';
      readonly approvalId: bigint;
      readonly requestedBy: string;
      readonly asked: unknown;
    };

/**
 * Asks for something that takes two people, or approves it where another person has asked for the very same. Whoever acts on the approval does it in this
 * transaction: an approval that is written is one that was used.
 */
export async function askOrApprove(
  trx: Transaction<Database>,
  acting: Acting,
  matter: TwoPersonMatter,
): Promise<Approval> {
  await lapseOld(trx, acting, matter);
  const inserted = await trx
    .insertInto('approval')
    .values({
      action: matter.action,
      subject: matter.subject,
      detail: sql`${jsonOf(matter.detail)}::jsonb`,
      requested_by: acting.by,
      requested_at: acting.at,
      request_reason: acting.reason,
    })
    // A literal: no plan that is made for any parameter can tell that the index is meant.
    .onConflict((oc) =>
      oc.columns(['action', 'subject']).where('state', '=', sql.lit('requested')).doNothing(),
    )
    .returning('approval_id')
    .executeTakeFirst();
  if (inserted !== undefined) return { outcome: 'requested', approvalId: inserted.approval_id };

  const open = await trx
    .selectFrom('approval')
    .select(['approval_id', 'requested_by', 'detail'])
    .where('action', '=', matter.action)
    .where('subject', '=', matter.subject)
    .where('state', '=', 'requested')
    .forUpdate()
    .executeTakeFirst();
  // Decided by somebody else between the two statements: the matter begins anew.
  if (open === undefined) return await askOrApprove(trx, acting, matter);
  const { approval_id: approvalId, requested_by: requestedBy, detail } = open;
  const isSame = isDeepStrictEqual(detail, JSON.parse(jsonOf(matter.detail)));
  if (requestedBy === acting.by) {
    if (isSame) return { outcome: 'needs_second_person', approvalId };
    // Who asks for something else takes back what they asked for before: nobody can mean it any more.
    await lapse(trx, approvalId, acting.at);
    return await askOrApprove(trx, acting, matter);
  }
  if (!isSame) return { outcome: 'asked_otherwise', approvalId, requestedBy, asked: detail };
  await trx
    .updateTable('approval')
    .set({
      state: 'approved',
      decided_by: acting.by,
      decided_at: acting.at,
      decision_reason: acting.reason,
    })
    .where('approval_id', '=', approvalId)
    .execute();
  return { outcome: 'approved', approvalId, requestedBy };
}

async function lapse(trx: Transaction<Database>, approvalId: bigint, at: Date): Promise<void> {
  await trx
    .updateTable('approval')
    .set({ state: 'lapsed', decided_at: at })
    .where('approval_id', '=', approvalId)
    .execute();
}

async function lapseOld(
  trx: Transaction<Database>,
  { at }: Acting,
  { action, subject }: TwoPersonMatter,
): Promise<void> {
  await trx
    .updateTable('approval')
    .set({ state: 'lapsed', decided_at: at })
    .where('action', '=', action)
    .where('subject', '=', subject)
    .where('state', '=', 'requested')
    .where('requested_at', '<=', new Date(at.getTime() - REQUEST_LIFE_MS))
    .execute();
}
