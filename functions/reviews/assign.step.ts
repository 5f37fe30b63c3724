import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import type { Refused } from '../people/refusal.ts';
import { allocate, least, lockSubjects, type Decided } from './allocate.step.ts';
import { refuseDeposit, refuseOrder } from './open-subjects.ts';

/** What a use case of reviews answers. Refused, the state is as it was. */
export type DecidedOutcome = { readonly outcome: 'done'; readonly result: Decided } | Refused;

/**
 * Assigns a deposit to an order, awaiting, expired or cancelled: as much as the deposit has left and the order still needs. The rest of the deposit stays in
 * review; what the order then still lacks stays outstanding, and it is paid when that is nothing.
 */
export async function assignDeposit(
  db: Kysely<Database>,
  acting: Acting,
  { depositRowId, orderId }: { readonly depositRowId: bigint; readonly orderId: bigint },
): Promise<DecidedOutcome> {
  return await act(db, acting, async (trx) => {
    const locked = await lockSubjects(trx, [orderId], [depositRowId]);
    const deposit = locked.deposits.get(depositRowId);
    const order = locked.orders.get(orderId);
    const refused = refuseDeposit(depositRowId, deposit) ?? refuseOrder(order);
    if (refused !== undefined || deposit === undefined || order === undefined) return required(refused);
    const amount = least(deposit.remaining, order.outstanding);
    return await allocate(trx, acting, 'assign', [{ depositRowId, orderId, amount }], locked);
  });
}

/** A subject that is missing is refused: the caller's types cannot tell. */
export function required(refused: Refused | undefined): Refused {
  if (refused === undefined) throw new Error('what is not there was not refused');
  return refused;
}
