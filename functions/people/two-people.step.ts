import type { Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { jsonOf } from '../shared/json.ts';
import { refuse, type Done, type Refused } from './act.step.ts';
import { askOrApprove, type TwoPersonMatter } from './approval.repository.ts';
import type { Deed } from './audit.repository.ts';
import type { Acting } from './person.ts';

/** The first of two people has asked; nothing else has changed. */
export interface Requested {
  readonly outcome: 'requested';
  readonly approvalId: bigint;
}

/** Two people mean the same. */
export interface Agreed {
  readonly approvalId: bigint;
  readonly requestedBy: string;
}

/**
 * Does what takes two people when the second asks for the very same; for the first it is written down. Both leave their trace.
 *
 * @param work may refuse still: then the request stays as it was, for another second person or a better time.
 */
export async function byTwoPeople<Result>(
  trx: Transaction<Database>,
  acting: Acting,
  matter: TwoPersonMatter,
  deed: Pick<Deed, 'action' | 'subject'>,
  work: (agreed: Agreed) => Promise<Result | Refused>,
): Promise<Done<Result | Requested> | Refused> {
  const asked = await askOrApprove(trx, acting, matter);
  const { approvalId } = asked;
  const id = approvalId.toString();
  switch (asked.outcome) {
    case 'requested':
      return {
        outcome: 'done',
        result: { outcome: 'requested', approvalId },
        deed: { ...deed, detail: { step: 'requested', approval: id, ...matter.detail } },
      };
    case 'needs_second_person':
      return refuse(
        'needs_second_person',
        `${acting.by} asked for this (request ${id}), so somebody else has to approve it, with the same command`,
      );
    case 'asked_otherwise':
      return refuse(
        'asked_otherwise',
        `${asked.requestedBy} asked for ${jsonOf(asked.asked as object)} (request ${id}), not for ${jsonOf(matter.detail)}: ask for the same, or let ${asked.requestedBy} ask anew`,
      );
    case 'approved': {
      const result = await work({ approvalId, requestedBy: asked.requestedBy });
      if (isRefused(result)) return result;
      return {
        outcome: 'done',
        result,
        deed: {
          ...deed,
          detail: {
            step: 'approved',
            approval: id,
            requested_by: asked.requestedBy,
            ...matter.detail,
          },
        },
      };
    }
    default:
      return asked satisfies never;
  }
}

function isRefused(result: unknown): result is Refused {
  return (result as { outcome?: unknown } | undefined)?.outcome === 'refused';
}
