import assert from 'node:assert/strict';
import fc from 'fast-check';

import { smallestSubset } from '../../../functions/deposits/subset-sum.ts';

const find = (items: readonly bigint[], total: bigint, most: number) =>
  smallestSubset(items, (item) => item, total, most);

describe('subset sum', () => {
  it('finds the fewest items, the earliest first', () => {
    assert.deepEqual(find([1n, 2n, 3n, 4n, 5n], 5n, 4), [5n]);
    assert.deepEqual(find([1n, 2n, 3n, 4n], 5n, 4), [1n, 4n]);
  });

  it('uses no item twice', () => {
    assert.equal(find([3n], 6n, 4), undefined);
    assert.deepEqual(find([3n, 3n], 6n, 4), [3n, 3n]);
  });

  it('finds nothing in more items than it may take', () => {
    assert.deepEqual(find([1n, 1n, 1n], 3n, 3), [1n, 1n, 1n]);
    assert.equal(find([1n, 1n, 1n], 3n, 2), undefined);
  });

  it('finds a sum exactly when there is one', () => {
    const amounts = fc.array(fc.bigInt({ min: 1n, max: 20n }), { maxLength: 8 });
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 1n, max: 60n }), (items, total) => {
        const found = find(items, total, 4);
        const smallest = smallestByTryingAll(items, total, 4);
        assert.equal(found?.length, smallest);
        if (found)
          assert.equal(
            found.reduce((sum, item) => sum + item, 0n),
            total,
          );
      }),
    );
  });
});

/** The size of the smallest choice with a sum, by trying every one of them. */
function smallestByTryingAll(items: readonly bigint[], total: bigint, most: number): number | undefined {
  const sizes = Array.from({ length: 2 ** items.length }, (_, choice) => {
    const chosen = items.filter((_item, at) => ((choice >> at) & 1) === 1);
    return chosen.reduce((sum, item) => sum + item, 0n) === total ? chosen.length : 0;
  }).filter((size) => size > 0 && size <= most);
  return sizes.length > 0 ? Math.min(...sizes) : undefined;
}
