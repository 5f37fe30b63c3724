import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { Part } from '../deposits/allocation.repository.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { refuse } from '../people/refusal.ts';
import { formatWon, sumWon, type Won } from '../shared/money.ts';
import { allocate, lockSubjects } from './allocate.step.ts';
import type { DecidedOutcome } from './assign.step.ts';
import { refuseDeposit, refuseOrder } from './open-subjects.ts';

export interface Share {
  readonly orderId: bigint;
  /** Without it, all that the order still needs. */
  readonly amount?: Won;
}

/** Splits one deposit over several orders. What is left of it stays in review. */
export async function splitDeposit(
  db: Kysely<Database>,
  acting: Acting,
  { depositRowId, shares }: { readonly depositRowId: bigint; readonly shares: readonly Share[] },
): Promise<DecidedOutcome> {
  const orderIds = shares.map((share) => share.orderId);
  if (new Set(orderIds).size !== shares.length || shares.length < 2)
    return refuse(
      'not_several_orders',
      'a deposit is split over two orders or more, each named once; for a single order use review assign',
    );
  return await act(db, acting, async (trx) => {
    const locked = await lockSubjects(trx, orderIds, [depositRowId]);
    const deposit = locked.deposits.get(depositRowId);
    const refusedDeposit = refuseDeposit(depositRowId, deposit);
    if (refusedDeposit !== undefined) return refusedDeposit;
    const parts: Part[] = [];
    for (const share of shares) {
      const order = locked.orders.get(share.orderId);
      const refused = refuseOrder(order);
      if (refused !== undefined) return refused;
      if (order === undefined) throw new Error('an order that is not there was not refused');
      const amount = share.amount ?? order.outstanding;
      if (amount <= 0n || amount > order.outstanding)
        return refuse(
          'more_than_outstanding',
          `order ${order.shopOrderId} still needs ${formatWon(order.outstanding)} won, and ${formatWon(amount)} were to go to it; name 1 to ${formatWon(order.outstanding)}`,
        );
      parts.push({ depositRowId, orderId: share.orderId, amount });
    }
    const sum = sumWon(parts.map((part) => part.amount));
    const remaining = deposit?.remaining ?? 0n;
    if (sum > remaining)
      return refuse(
        'more_than_remaining',
        `the orders take ${formatWon(sum)} won together, and deposit ${depositRowId.toString()} has ${formatWon(remaining)} left; name smaller amounts as ORDER=AMOUNT`,
      );
    return await allocate(trx, acting, 'split', parts, locked);
  });
}
