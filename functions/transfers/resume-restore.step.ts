import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import { askOrApprove } from '../people/approval.repository.ts';
import type { Acting } from '../people/person.ts';
import { endRestoreHalt, lockRestoreHalt, readOpenRestore } from './restore.repository.ts';
import {
  readAccountsInUse,
  readResumeBlockers,
  USUAL_ABSENCE_WAIT_MS,
} from './resume-blockers.repository.ts';

export type Resumed =
  | { readonly outcome: 'requested'; readonly approvalId: bigint }
  | { readonly outcome: 'resumed'; readonly approvedRequestOf: string };

/**
 * Lets payouts go on after a restore, once nothing stands in the way any more. It takes two people, and changes nothing but the halt: what was planned goes
 * out, what is unknown is resolved as always. Another stop that stands, stands on.
 *
 * @param waitMs the bank's longest processing time and posting lag together.
 */
export async function resumeAfterRestore(
  db: Kysely<Database>,
  acting: Acting,
  waitMs: number = USUAL_ABSENCE_WAIT_MS,
): Promise<{ readonly outcome: 'done'; readonly result: Resumed } | Refused> {
  return await act<Resumed>(db, acting, async (trx) => {
    // Locked before anything is read: a row that a cycle books at this moment is seen here, or finds the halt gone and halts anew.
    await lockRestoreHalt(trx);
    const restore = await readOpenRestore(trx);
    if (restore === undefined)
      return refuse('not_halted', 'no restore waits to be resumed; payouts status tells what stops payouts');
    const blockers = await readResumeBlockers(trx, acting.at, await readAccountsInUse(trx, restore), waitMs);
    if (blockers.length > 0) return refuse('blocked', blockers.map(({ message }) => message).join('\n'));
    const subject = 'halt_restore';
    const detail = { restores: restore.restoreIds.map(String) };
    const approval = await askOrApprove(trx, acting, { action: 'payouts_resume', subject, detail });
    switch (approval.outcome) {
      case 'requested':
        return {
          outcome: 'done',
          result: { outcome: 'requested', approvalId: approval.approvalId },
          deed: { action: 'payouts resume: asked', subject, detail },
        };
      case 'needs_second_person':
        return refuse(
          'needs_second_person',
          'you have asked for this yourself; somebody else has to approve it',
        );
      case 'asked_otherwise':
        return refuse(
          'asked_otherwise',
          `${approval.requestedBy} has asked to resume after another restore (${JSON.stringify(approval.asked)}); the request lapses after three days`,
        );
      case 'approved':
        await endRestoreHalt(trx, acting);
        return {
          outcome: 'done',
          result: { outcome: 'resumed', approvedRequestOf: approval.requestedBy },
          deed: { action: 'payouts resume', subject, detail },
        };
      default:
        approval satisfies never;
        throw new Error('an approval of no known kind');
    }
  });
}
