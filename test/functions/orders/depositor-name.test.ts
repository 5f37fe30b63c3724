import assert from 'node:assert/strict';
import fc from 'fast-check';
import iconv from 'iconv-lite';

import {
  normaliseDepositorText,
  splitName,
  stripBankPrefix,
} from '../../../functions/deposits/depositor-text.ts';
import { hasRightCheckDigit } from '../../../functions/orders/check-digit.ts';
import {
  isIssuableForm,
  issueName,
  issueNames,
  nameOf,
  numbersOf,
  stemsOf,
  type DepositorName,
} from '../../../functions/orders/depositor-name.ts';

const hangul = fc.integer({ min: 0xac00, max: 0xd7a3 }).map((code) => String.fromCodePoint(code));
const recipientName = fc.oneof(
  fc.string({ unit: hangul, maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom('あ', 'ﾊ', 'ﾞ', 'ー', '漢', '金', 'ㄱ', 'ㅏ', 'Ǆ', 'ß', 'İ'),
    maxLength: 5,
  }),
  fc.constantFrom(
    ...[
      '국민수',
      '기업은',
      '농협임',
      '하나',
      '카카오',
      '카카오뱅크',
      'KB',
      'kdb',
      'ＳＣ제일',
      '토스트',
      '우리은행',
    ],
    ...['Nguyễn Văn Đức', 'Jürgen', 'Ødegård', 'Иван', 'สมชาย', "O'Brien", 'O´Brien', '㈜가나다', '홍', 'Q'],
    ...['', ' ', '🙂🙂', '1234', '홍1길2동3', '남궁 민수', '홍길동(회사)', '金正恩', 'はなこ', 'ば'],
  ),
);

/** A source of chance that always answers the same. */
const always = (value: number) => () => value;

/** Chance between 0 and 1 from a list that begins again at its end. */
const chance = fc
  .array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 20 })
  .map((values) => {
    let next = 0;
    return () => values[next++ % values.length]!;
  });

function allNamesOf(stem: string): DepositorName[] {
  return Array.from({ length: numbersOf(stem) }, (_, number) => nameOf(stem, number));
}

function issued(outcome: ReturnType<typeof issueName>): DepositorName {
  assert.equal(outcome.outcome, 'issued');
  return outcome.name;
}

describe('depositor name', () => {
  describe('stems', () => {
    const examples: readonly (readonly [string, string, readonly string[]])[] = [
      ['a Korean name', '홍길동', ['홍길동', '홍길', '홍']],
      ['a name with spaces, punctuation and digits', ' 홍 1길-2동 (회사)', ['홍길동', '홍길', '홍']],
      ['a name of two letters', '허준', ['허준', '허']],
      ['a name of one letter', '홍', ['홍']],
      ['Latin letters, in upper case', "O'Brien", ['OBR', 'OB', 'O']],
      ['full-width letters', 'ｋｉｍ', ['KIM', 'KI', 'K']],
      ['letters that CP949 lacks, by their base letters', 'Nguyễn', ['NGU', 'NG', 'N']],
      ['accents in front, by their base letters', 'Ễñé', ['ENE', 'EN', 'E']],
      ['kana and hanja, as they are', 'ﾊﾞ金', ['バ金', 'バ']],
      ['a script that CP949 lacks, by the word for deposit', 'สมชาย', ['입금', '입']],
      ['nothing, by the word for deposit', '', ['입금', '입']],
      ['digits only, by the word for deposit', '1234', ['입금', '입']],
      ["a bank's name in front, by fewer letters", '국민수', ['국']],
      ["a bank's name of three letters", '카카오', ['카카', '카']],
      ["a bank's name alone", 'kb', ['K']],
    ];
    for (const [what, name, stems] of examples) {
      it(`come from ${what}`, () => assert.deepEqual(stemsOf(name), stems));
    }
  });

  it('has three letters, three free digits and a check digit', () => {
    assert.equal(nameOf('홍길동', 572), '홍길동5724');
    assert.equal(nameOf('홍길동', 0), '홍길동0000');
  });

  it('has more digits the fewer letters there are', () => {
    assert.deepEqual(['홍길동', '홍길', '홍'].map(numbersOf), [1_000, 10_000, 100_000]);
    assert.equal(nameOf('홍', 572), '홍005724');
  });

  it('has no number outside the range of its stem', () => {
    for (const number of [-1, 1000, 0.5]) assert.throws(() => nameOf('홍길동', number), /홍길동/);
  });

  it('is different for every number', () => {
    for (const stem of ['홍길동', '홍길']) assert.equal(new Set(allNamesOf(stem)).size, numbersOf(stem));
  });

  it('has another check digit in each of ten lives of the database, so that none repeats a name of another', () => {
    const lives = Array.from({ length: 10 }, (_, life) => nameOf('홍길동', 572, life));
    assert.equal(new Set(lives).size, 10);
    assert.equal(nameOf('홍길동', 572, 10), lives[0]);
    fc.assert(
      fc.property(recipientName, chance, fc.integer({ min: 1, max: 9 }), (recipient, random, life) => {
        const name = issued(issueName(recipient, new Set(), random, life));
        assert.ok(isIssuableForm(name, life));
        assert.ok(!isIssuableForm(name), 'the life before cannot have given it out');
      }),
    );
  });

  it('can be typed, compared and checked, whoever the recipient is', () => {
    fc.assert(
      fc.property(recipientName, chance, (recipient, random) => {
        const name = issued(issueName(recipient, new Set(), random));
        const { letters, digits } = splitName(name);
        assert.equal(Array.from(name).length, 7);
        assert.ok(iconv.encode(name, 'cp949').length <= 14);
        assert.equal(iconv.decode(iconv.encode(name, 'cp949'), 'cp949'), name);
        assert.equal(normaliseDepositorText(name), name);
        assert.equal(letters + digits, name, 'letters come first');
        assert.ok(digits.length >= 4 && digits.length <= 6);
        assert.ok(hasRightCheckDigit(digits));
        assert.deepEqual(stripBankPrefix(name), []);
        assert.ok(isIssuableForm(name));
      }),
      { numRuns: 2_000 },
    );
  });

  describe('form', () => {
    it('is refused where a digit is wrong', () => {
      assert.equal(isIssuableForm('홍길동5724'), true);
      assert.equal(isIssuableForm('홍길동5734'), false);
    });

    it('is refused for what this system does not issue', () => {
      const others = [
        '홍길동',
        '홍길동057',
        '홍길동57240',
        '홍길동전572',
        '5724홍길동',
        '홍길5724동',
        '0홍길5724',
        '0000000',
        '국민05724',
        '',
      ];
      const notNormal = ['hgd5724', '홍길동５７２４', '홍-동5724', 'ễễễ5724', 'ễ길동5724'];
      for (const text of [...others, ...notNormal]) assert.equal(isIssuableForm(text), false, text);
    });
  });

  describe('issuing', () => {
    it('takes a random number of the longest stem', () => {
      assert.deepEqual(issueName('홍길동', new Set(), always(0.572)), {
        outcome: 'issued',
        name: '홍길동5724',
      });
    });

    it('stays within the range when chance is as large as it can be', () => {
      assert.equal(issued(issueName('홍길동', new Set(), always(1))), nameOf('홍길동', 999));
    });

    it('finds the last free number of a crowded stem', () => {
      for (const free of [0, 571, 999]) {
        const taken = new Set<string>(allNamesOf('홍길동'));
        taken.delete(nameOf('홍길동', free));
        assert.equal(issued(issueName('홍길동', taken, always(0.572))), nameOf('홍길동', free));
      }
    });

    it('uses fewer letters and more digits when the numbers run out', () => {
      const taken = new Set<string>(allNamesOf('홍길동'));
      assert.equal(issued(issueName('홍길동', taken, always(0))), nameOf('홍길', 0));
      for (const name of allNamesOf('홍길')) taken.add(name);
      assert.equal(issued(issueName('홍길동', taken, always(0))), nameOf('홍', 0));
    });

    it('answers that the names are exhausted, and does not throw', () => {
      const taken = new Set<string>(stemsOf('홍길동').flatMap(allNamesOf));
      assert.deepEqual(issueName('홍길동', taken, always(0)), { outcome: 'exhausted' });
      assert.equal(issueName('김길동', taken, always(0)).outcome, 'issued');
    });

    it('leaves the taken names of a single recipient as they are', () => {
      const taken = new Set<string>();
      issueName('홍길동', taken, always(0));
      assert.equal(taken.size, 0);
    });
  });

  describe('issuing for many', () => {
    it('gives everybody another name, and adds it to those taken', () => {
      fc.assert(
        fc.property(
          fc.array(fc.oneof(recipientName, fc.constantFrom('홍길동', '홍길순')), { maxLength: 40 }),
          fc.array(fc.nat(999)),
          chance,
          (recipients, numbers, random) => {
            const before = numbers.map((number) => nameOf('홍길동', number));
            const taken = new Set<string>(before);
            const names = issueNames(recipients, taken, random).map(issued);
            assert.equal(names.length, recipients.length);
            assert.equal(new Set([...before, ...names]).size, new Set(before).size + names.length);
            assert.deepEqual(taken, new Set([...before, ...names]));
            names.forEach((name, at) => {
              assert.ok(stemsOf(recipients[at]!).includes(splitName(name).letters));
            });
          },
        ),
      );
    });

    it('goes on with fewer letters, then with exhaustion, in the middle of a page', () => {
      const taken = new Set<string>([...allNamesOf('홍길동').slice(1), ...allNamesOf('홍길').slice(1)]);
      for (const name of allNamesOf('홍').slice(1)) taken.add(name);
      const outcomes = issueNames(['홍길동', '홍길동', '홍길순', '홍길동', '김길동'], taken, always(0));
      const [hong, gil, soon, none, kim] = outcomes;
      assert.equal(issued(hong!), nameOf('홍길동', 0));
      assert.equal(issued(gil!), nameOf('홍길', 0));
      assert.equal(issued(soon!), nameOf('홍길순', 0));
      assert.equal(issued(none!), nameOf('홍', 0));
      assert.equal(issued(kim!), nameOf('김길동', 0));
      const before = taken.size;
      assert.deepEqual(issueNames(['홍길동'], taken, always(0)), [{ outcome: 'exhausted' }]);
      assert.equal(taken.size, before);
    });
  });
});
