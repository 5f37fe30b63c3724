import type { DepositState } from '../deposits/deposit.table.ts';
import type { OrderState } from '../orders/order.table.ts';
import { refuse, type Refused } from '../people/refusal.ts';
import { formatWon, type Won } from '../shared/money.ts';

interface Deposit {
  readonly rowId: bigint;
  readonly amount: Won;
  readonly state: DepositState;
}

interface Order {
  readonly shopOrderId: string;
  readonly amount: Won;
  readonly state: OrderState;
}

/** Why a deposit cannot be decided on; nothing when something of it is nobody's. */
export function refuseDeposit(rowId: bigint, deposit: Deposit | undefined): Refused | undefined {
  if (deposit === undefined)
    return refuse(
      'deposit_not_found',
      `there is no deposit ${rowId.toString()}; npx smart-transfer review list shows those that wait`,
    );
  if (deposit.state === 'in_review') return undefined;
  return refuse(
    'already_used',
    `deposit ${rowId.toString()} of ${formatWon(deposit.amount)} won is ${deposit.state}: nothing of it is left to decide on; see npx smart-transfer review show ${rowId.toString()}`,
  );
}

/** Why nothing can be allocated to an order; nothing when something of it is still to be paid, whether it awaits it, is expired or cancelled. */
export function refuseOrder(order: Order | undefined): Refused | undefined {
  if (order === undefined)
    return refuse('order_not_found', 'there is no such order; name it by the id that the shop gave it');
  if (order.state !== 'paid') return undefined;
  return refuse(
    'order_paid',
    `order ${order.shopOrderId} of ${formatWon(order.amount)} won is paid already; refund the deposit, or assign it to another order`,
  );
}
