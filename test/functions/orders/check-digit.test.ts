import assert from 'node:assert/strict';

import { checkDigitOf, hasRightCheckDigit } from '../../../functions/orders/check-digit.ts';

/** Every number of three digits with its check digit: what three letters and four digits hold. */
const CHECKED = Array.from({ length: 1000 }, (_, number) => {
  const digits = String(number).padStart(3, '0');
  return digits + checkDigitOf(digits);
});

describe('check digit', () => {
  it('is the one of the published example', () => {
    assert.equal(checkDigitOf('572'), '4');
    assert.equal(hasRightCheckDigit('5724'), true);
    assert.equal(hasRightCheckDigit('5727'), false);
  });

  it('tells every single wrong digit', () => {
    for (const right of CHECKED) {
      for (let at = 0; at < right.length; at++) {
        const wrong = Array.from('0123456789', (digit) => right.slice(0, at) + digit + right.slice(at + 1));
        assert.deepEqual(wrong.filter(hasRightCheckDigit), [right]);
      }
    }
  });

  it('tells every swap of two neighbours', () => {
    for (const right of CHECKED) {
      for (let at = 1; at < right.length; at++) {
        const swapped =
          right.slice(0, at - 1) + right.charAt(at) + right.charAt(at - 1) + right.slice(at + 1);
        assert.equal(hasRightCheckDigit(swapped), swapped === right, swapped);
      }
    }
  });

  it('refuses what is not a digit', () => {
    assert.throws(() => checkDigitOf('12a'), /"12a"/);
  });
});
