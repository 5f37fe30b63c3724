import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { cancelUnsent } from './outcome.repository.ts';
import { lockTransfer } from './transfer.repository.ts';
import type { Transfer } from './transfer.table.ts';

/**
 * Cancels a transfer before it is sent. Its row's lock decides between this and a claim. A payout's orders stay paid and owed: approving the cancelled
 * transfer pays them later.
 */
export async function cancelTransfer(
  db: Kysely<Database>,
  acting: Acting,
  transferId: bigint,
): Promise<{ readonly outcome: 'done'; readonly result: Transfer } | Refused> {
  return await act<Transfer>(db, acting, async (trx) => {
    const id = transferId.toString();
    const locked = await lockTransfer(trx, transferId);
    if (locked === undefined)
      return refuse('not_found', `there is no transfer ${id}; see smart-transfer transfers list`);
    const { transfer } = locked;
    const { state, amount, held_reason } = transfer;
    switch (state) {
      case 'planned':
      case 'queued':
      case 'held':
        await cancelUnsent(trx, transferId, acting.at);
        return {
          outcome: 'done',
          result: transfer,
          deed: {
            action: 'transfers cancel',
            subject: `transfer ${id}`,
            detail: { was: state, held_reason, amount },
          },
        };
      case 'sending':
      case 'unknown':
        return refuse(
          'may_have_left',
          `transfer ${id} is ${state}: its money may have left, so it cannot be cancelled; payouts halt stops the next ones`,
        );
      case 'succeeded':
      case 'failed':
      case 'returned':
      case 'cancelled':
        return refuse('ended', `transfer ${id} has ended: it is ${state}`);
      default:
        return state satisfies never;
    }
  });
}
