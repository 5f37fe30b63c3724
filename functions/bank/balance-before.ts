import { won, type Won } from '../shared/money.ts';

/** The account's balance right before a row of its statement. */
export function balanceBefore(row: {
  readonly direction: 'in' | 'out';
  readonly amount: bigint;
  readonly balanceAfter: bigint;
}): Won {
  return won(row.direction === 'in' ? row.balanceAfter - row.amount : row.balanceAfter + row.amount);
}
