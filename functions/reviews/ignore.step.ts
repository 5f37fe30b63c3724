import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { ignoredPosting } from '../ledger/postings.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { ZERO_WON } from '../shared/money.ts';
import { beforeOf, lockSubjects } from './allocate.step.ts';
import { required, type DecidedOutcome } from './assign.step.ts';
import { insertDecision } from './decision.repository.ts';
import { takeRemainder } from './deposit.repository.ts';
import { refuseDeposit } from './open-subjects.ts';
import type { IgnoredAccount } from './review.table.ts';

/** Says that what is left of a deposit is nobody's order: it leaves the queue, and is booked to the account that is named. */
export async function ignoreDeposit(
  db: Kysely<Database>,
  acting: Acting,
  { depositRowId, account }: { readonly depositRowId: bigint; readonly account: IgnoredAccount },
): Promise<DecidedOutcome> {
  return await act(db, acting, async (trx) => {
    const locked = await lockSubjects(trx, [], [depositRowId]);
    const deposit = locked.deposits.get(depositRowId);
    const refused = refuseDeposit(depositRowId, deposit);
    if (refused !== undefined || deposit === undefined) return required(refused);
    const amount = deposit.remaining;
    const decisionId = await insertDecision(trx, acting, {
      kind: 'ignore',
      depositRows: [depositRowId],
      amount,
      account,
      before: beforeOf(locked),
    });
    await takeRemainder(trx, deposit, 'ignored', acting.at);
    await insertPostings(trx, [ignoredPosting(depositRowId, account, amount)], acting.at);
    return {
      outcome: 'done',
      result: {
        decisionId,
        kind: 'ignore',
        deposits: [{ rowId: depositRowId, amount, state: 'ignored', remaining: ZERO_WON }],
        orders: [],
        planned: 0,
        held: 0,
      },
      deed: {
        action: 'review ignore',
        subject: `deposit ${depositRowId.toString()}`,
        detail: { decisionId, amount, account },
      },
    };
  });
}
