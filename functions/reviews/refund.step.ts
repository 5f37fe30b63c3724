import type { Kysely } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import type { Database } from '../database.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { refuse, type Refused } from '../people/refusal.ts';
import { byTwoPeople, type Requested } from '../people/two-people.step.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import { ZERO_WON } from '../shared/money.ts';
import { insertRefund } from '../transfers/refund.repository.ts';
import { beforeOf, lockSubjects, type Decided } from './allocate.step.ts';
import { required } from './assign.step.ts';
import { readSendersAccount } from '../deposits/sender.repository.ts';
import { insertDecision } from './decision.repository.ts';
import { takeRemainder } from './deposit.repository.ts';
import { refuseDeposit } from './open-subjects.ts';

export type RefundOutcome =
  | {
      readonly outcome: 'done';
      /** `requested`: the deposit is as it was, and anybody may still decide otherwise. */
      readonly result: Refunding | Requested;
    }
  | Refused;

/** Two people agree: the refund is planned. */
export interface Refunding {
  readonly outcome: 'refunding';
  readonly decided: Decided;
  readonly transferId: bigint;
}

/** How much of a fingerprint tells two accounts apart in a subject that people read. */
const FINGERPRINT_SHOWN = 12;

/**
 * Refunds all that is left of a deposit to an account that two people name: both the one that the bank says it came from, or both an account that they type. The
 * second one types it anew, so that a slip of either is caught, and so that no number need be kept before both have agreed. The deposit is `refund_pending` from then on, until its transfer has succeeded or has come back.
 */
export async function refundDeposit(
  db: Kysely<Database>,
  vault: Vault,
  acting: Acting,
  { depositRowId, to: named }: { readonly depositRowId: bigint; readonly to: PayeeAccount | 'sender' },
): Promise<RefundOutcome> {
  return await act<Refunding | Requested>(db, acting, async (trx) => {
    const locked = await lockSubjects(trx, [], [depositRowId]);
    const deposit = locked.deposits.get(depositRowId);
    const refused = refuseDeposit(depositRowId, deposit);
    if (refused !== undefined || deposit === undefined) return required(refused);
    const to = named === 'sender' ? await readSendersAccount(trx, vault, depositRowId) : named;
    if (to === undefined)
      return refuse(
        'sender_not_told',
        `the bank does not tell, or not yet, from which account deposit ${depositRowId.toString()} came: ask the buyer, and name the account with --to`,
      );
    const amount = deposit.remaining;
    const fingerprint = vault.fingerprint(`${to.bankCode} ${to.accountNumber} ${to.holder}`);
    const shown = `${to.bankCode} ${maskAccountNumber(to.accountNumber)} ${to.holder}`;
    const subject = `deposit ${depositRowId.toString()}`;
    // What is asked stands in the subject as well: a request with a slip in it lapses by itself and keeps nobody from asking anew.
    const matter = {
      action: 'refund_to_typed_account',
      subject: `${subject}: ${amount.toString()} won to ${fingerprint.slice(0, FINGERPRINT_SHOWN)}`,
      detail: { depositRowId, amount, to: shown, fingerprint },
    } as const;
    return await byTwoPeople<Refunding>(
      trx,
      acting,
      matter,
      { action: 'review refund', subject },
      async () => {
        const { transferId, isHeld } = await insertRefund(
          trx,
          vault,
          { depositRowId, amount, to },
          acting.at,
        );
        await takeRemainder(trx, deposit, 'refund_pending', acting.at);
        const decisionId = await insertDecision(trx, acting, {
          kind: 'refund',
          depositRows: [depositRowId],
          amount,
          transferId,
          before: beforeOf(locked),
        });
        const decided: Decided = {
          decisionId,
          kind: 'refund',
          deposits: [{ rowId: depositRowId, amount, state: 'refund_pending', remaining: ZERO_WON }],
          orders: [],
          planned: isHeld ? 0 : 1,
          held: isHeld ? 1 : 0,
        };
        return { outcome: 'refunding', decided, transferId };
      },
    );
  });
}
