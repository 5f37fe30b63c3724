import assert from 'node:assert/strict';
import fc from 'fast-check';

import {
  normaliseDepositorText,
  readings,
  splitName,
  stripBankPrefix,
} from '../../../functions/deposits/depositor-text.ts';

describe('depositor text', () => {
  const examples: readonly (readonly [string, string, string])[] = [
    ['makes full-width characters half-width', 'ｒｎｄ＿０４２０', 'RND0420'],
    ['composes Hangul that comes in parts', '홍길동0420'.normalize('NFD'), '홍길동0420'],
    ['removes spaces of every kind', ' 홍 길\u3000동\u00a0\t0420\u200b', '홍길동0420'],
    ['removes punctuation and symbols', '(홍길동)-0420_★₩', '홍길동0420'],
    ['removes what cannot be seen', '홍길\u00ad동\u3164\ufe0f0420', '홍길동0420'],
    ['reads the letters in a symbol', '㈜가나', '주가나'],
    ['makes lower case upper case', 'rnd입금표시1', 'RND입금표시1'],
    ['does not put a free-standing accent on a letter', 'O´Brien', 'OBRIEN'],
    ['leaves nothing of a blank', ' - ', ''],
  ];
  for (const [outcome, raw, normalised] of examples) {
    it(outcome, () => assert.equal(normaliseDepositorText(raw), normalised));
  }

  it('changes nothing when it is done twice', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(text, (raw) => {
        const once = normaliseDepositorText(raw);
        assert.equal(normaliseDepositorText(once), once);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same for a text in another width, case or spacing', () => {
    const name = fc.stringMatching(/^[가-힣A-Z]{1,5}[0-9]{0,6}$/);
    fc.assert(
      fc.property(name, (text) => {
        const wide = text.replace(/[!-~]/g, (one) => String.fromCodePoint(one.codePointAt(0)! + 0xfee0));
        const spaced = Array.from(text.toLowerCase()).join(' ');
        assert.equal(normaliseDepositorText(wide), text);
        assert.equal(normaliseDepositorText(spaced), text);
      }),
    );
  });

  describe("a sending bank's name", () => {
    it('is taken off the beginning', () => {
      for (const bank of ['국민', '기업', '농협', 'KB', '토스', '새마을금고', '우리은행']) {
        assert.ok(stripBankPrefix(`${bank}홍길동0420`).includes('홍길동0420'), bank);
      }
    });

    it('is taken off in every length that it may have, the longest first', () => {
      assert.deepEqual(stripBankPrefix('카카오뱅크홍길동'), ['홍길동', '뱅크홍길동']);
      assert.deepEqual(stripBankPrefix('KB국민홍길동'), ['홍길동', '국민홍길동']);
    });

    it('stays where it is all there is, and in the middle', () => {
      assert.deepEqual(stripBankPrefix('국민'), []);
      assert.deepEqual(stripBankPrefix('홍국민0420'), []);
    });
  });

  it('is read as it stands first, then without the bank', () => {
    assert.deepEqual(readings('국민 홍길동－０４２０'), [
      { text: '국민홍길동0420', prefix: '', letters: '국민홍길동', digits: '0420' },
      { text: '홍길동0420', prefix: '국민', letters: '홍길동', digits: '0420' },
    ]);
  });

  it('has no reading when nothing is left of it', () => {
    assert.deepEqual(readings('-'), []);
  });

  it('is split into letters and digits, wherever they stand', () => {
    assert.deepEqual(splitName('12홍3길동4'), { letters: '홍길동', digits: '1234' });
  });
});
