import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ascending, bestOf } from '../../../functions/deposits/best-of.ts';

describe('the best of many', () => {
  it('are the first of them, sorted, and of equal ones the earlier', () => {
    const items = fc.array(fc.record({ rank: fc.nat(5), name: fc.uuid() }), { maxLength: 20 });
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 8 }), (all, count) => {
        const compare = (a: { rank: number }, b: { rank: number }) => ascending(a.rank, b.rank);
        assert.deepEqual(bestOf(all, count, compare), all.toSorted(compare).slice(0, count));
      }),
    );
  });
});
