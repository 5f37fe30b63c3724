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
  const surplus = surplusOf(last);
  for (const [balance, count] of surplus) if (count > 0) return balance;
  const before = secondToLast.length > 0 ? closingBalance(secondToLast) : undefined;
  if (before !== undefined && surplus.has(before)) return before;
  return BigInt(last.at(-1)?.balance_after ?? 0);
}

/**
 * The balance before the first of the rows that share the statement's first second: the one to which no other row leads. Rows that lead round to where
 * they began begin where the next second does; where that is no help, the row that was stored first has the word.
 *
 * @param first the rows of the first second, in the order in which they were stored.
 * @param second those of the next second in which there are rows.
 */
export function openingBalance(first: readonly BalanceRow[], second: readonly BalanceRow[] = []): bigint {
  const surplus = surplusOf(first);
  for (const [balance, count] of surplus) if (count < 0) return balance;
  const next = second.length > 0 ? openingBalance(second) : undefined;
  if (next !== undefined && surplus.has(next)) return next;
  return first[0] === undefined ? 0n : before(first[0]);
}

/** How many more rows lead to each balance than start from it. */
function surplusOf(rows: readonly BalanceRow[]): Map<bigint, number> {
  const surplus = new Map<bigint, number>();
  const add = (balance: bigint, count: number) => surplus.set(balance, (surplus.get(balance) ?? 0) + count);
  for (const row of rows) {
    add(BigInt(row.balance_after), 1);
    add(before(row), -1);
  }
  return surplus;
}

function before({ direction, amount, balance_after }: BalanceRow): bigint {
  return BigInt(balance_after) + (direction === 'in' ? -BigInt(amount) : BigInt(amount));
}
