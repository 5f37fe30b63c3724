/** A row of the statement, as far as its balances go; amounts in whole won, as text. */
export interface BalanceRow {
  readonly direction: 'in' | 'out';
  readonly amount: string;
  readonly balance_after: string;
}

/**
 * The balance after the last of the rows that share the statement's last second. Their order within the second is not known, their balances tell
 * it: the last balance is the one that no other row starts from. Rows that lead round to where they began leave the balance of the second
 * before; where that is no help, the row that was stored last has the word.
 *
 * @param last the rows of the last second, in the order in which they were stored.
 * @param secondToLast those of the second before it in which there are rows.
 */
export function closingBalance(
  last: readonly BalanceRow[],
  secondToLast: readonly BalanceRow[] = [],
): bigint {
  const surplus = new Map<bigint, number>();
  for (const row of last) {
    const after = BigInt(row.balance_after);
    const before = row.direction === 'in' ? after - BigInt(row.amount) : after + BigInt(row.amount);
    surplus.set(after, (surplus.get(after) ?? 0) + 1);
    surplus.set(before, (surplus.get(before) ?? 0) - 1);
  }
  for (const [balance, count] of surplus) if (count > 0) return balance;
  const before = secondToLast.length > 0 ? closingBalance(secondToLast) : undefined;
  if (before !== undefined && surplus.has(before)) return before;
  return BigInt(last.at(-1)?.balance_after ?? 0);
}
