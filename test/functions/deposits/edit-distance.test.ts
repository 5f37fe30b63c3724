import assert from 'node:assert/strict';
import fc from 'fast-check';

import { editDistance, typingDistance } from '../../../functions/deposits/edit-distance.ts';

const text = fc.string({ unit: fc.constantFrom('홍', '길', '동', 'A', '1'), maxLength: 6 });

describe('edit distance', () => {
  const examples: readonly (readonly [string, string, string, number])[] = [
    ['nothing between equal texts', '홍길동', '홍길동', 0],
    ['one for a wrong character', '0420', '0421', 1],
    ['one for a missing character', '0420', '042', 1],
    ['one for an additional character', '0420', '04520', 1],
    ['one for two neighbours swapped', '0420', '0240', 1],
    ['two for two characters swapped that are no neighbours', '0420', '2400', 2],
    ['every character against an empty text', '홍길동', '', 3],
  ];
  for (const [outcome, from, to, slips] of examples) {
    it(`counts ${outcome}`, () => assert.equal(editDistance(from, to), slips));
  }

  it('is the same in both directions, and 0 only between equal texts', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
      }),
    );
  });

  it('counts a wrong final consonant as one slip, another syllable as more', () => {
    assert.equal(typingDistance('길동', '길돈'), 1);
    assert.ok(typingDistance('길동', '길수') > 1);
  });
});
