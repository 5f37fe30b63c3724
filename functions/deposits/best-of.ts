/**
 * The first `count` of the items in the order of `compare`, without sorting the rest. Of items that compare as equal the earlier
 * one comes first.
 */
export function bestOf<Item>(
  items: Iterable<Item>,
  count: number,
  compare: (a: Item, b: Item) => number,
): readonly Item[] {
  const best: Item[] = [];
  for (const item of items) {
    const place = best.findLastIndex((better) => compare(better, item) <= 0) + 1;
    if (place === count) continue;
    best.splice(place, 0, item);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Compares what `<` compares, of one type: numbers, whole won, ids. */
export function ascending<Value extends number | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
