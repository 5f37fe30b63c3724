import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { Part } from '../deposits/allocation.repository.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { refuse } from '../people/refusal.ts';
import { formatWon, sumWon } from '../shared/money.ts';
import { allocate, lockSubjects } from './allocate.step.ts';
import type { DecidedOutcome } from './assign.step.ts';
import { refuseDeposit, refuseOrder } from './open-subjects.ts';

/**
 * Combines several deposits to pay one order. It must come out to the won: whoever wants to allocate less, or leave a rest, assigns one deposit after the other
 * and sees what each leaves.
 */
export async function combineDeposits(
  db: Kysely<Database>,
  acting: Acting,
  { orderId, depositRowIds }: { readonly orderId: bigint; readonly depositRowIds: readonly bigint[] },
): Promise<DecidedOutcome> {
  if (new Set(depositRowIds).size !== depositRowIds.length || depositRowIds.length < 2)
    return refuse(
      'not_several_deposits',
      'two deposits or more are combined, each named once; for a single deposit use review assign',
    );
  return await act(db, acting, async (trx) => {
    const locked = await lockSubjects(trx, [orderId], depositRowIds);
    const order = locked.orders.get(orderId);
    const parts: Part[] = [];
    for (const depositRowId of depositRowIds) {
      const deposit = locked.deposits.get(depositRowId);
      const refused = refuseDeposit(depositRowId, deposit);
      if (refused !== undefined) return refused;
      if (deposit === undefined) throw new Error('a deposit that is not there was not refused');
      parts.push({ depositRowId, orderId, amount: deposit.remaining });
    }
    const refused = refuseOrder(order);
    if (refused !== undefined) return refused;
    const sum = sumWon(parts.map((part) => part.amount));
    if (order?.outstanding !== sum)
      return refuse(
        'does_not_come_out',
        `the deposits have ${formatWon(sum)} won left together, and order ${order?.shopOrderId ?? ''} needs ${formatWon(order?.outstanding ?? 0n)}: it must come out to the won; assign the deposits one after the other to leave a rest`,
      );
    return await allocate(trx, acting, 'combine', parts, locked);
  });
}
