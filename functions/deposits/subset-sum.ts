/** How many parts make up one payment at most. Stripe's reconciliation of transfers in yen looks for 1 to 5 open items, too. */
export const MOST_PARTS = 5;

/** Out of how many parts the others of a payment are chosen at most: there are 793 choices of up to four out of twelve. */
export const MOST_PARTS_TRIED = 12;

/**
 * The first of the smallest choices of 1 to `most` items whose amounts, all above 0, are exactly `total`; among equally small ones
 * the one with the earliest items. The caller bounds the number of items, because the work grows with the number of choices.
 */
export function smallestSubset<Item>(
  items: readonly Item[],
  amountOf: (item: Item) => bigint,
  total: bigint,
  most: number,
): readonly Item[] | undefined {
  for (let size = 1; size <= Math.min(most, items.length); size++) {
    const subset = subsetOfSize(items, amountOf, total, size);
    if (subset !== undefined) return subset;
  }
  return undefined;
}

function subsetOfSize<Item>(
  items: readonly Item[],
  amountOf: (item: Item) => bigint,
  total: bigint,
  size: number,
): readonly Item[] | undefined {
  if (size === 0) return total === 0n ? [] : undefined;
  for (const [at, item] of items.entries()) {
    const left = total - amountOf(item);
    const others = left < 0n ? undefined : subsetOfSize(items.slice(at + 1), amountOf, left, size - 1);
    if (others !== undefined) return [item, ...others];
  }
  return undefined;
}
