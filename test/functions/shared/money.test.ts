import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  feeOf,
  formatWon,
  parseBasisPoints,
  parseWon,
  sumWon,
  won,
  WON_MAX,
  type BasisPoints,
  type Won,
} from '../../../functions/shared/money.ts';

const amounts = fc.bigInt({ min: 1n, max: WON_MAX }).map(won);
const rates = fc.integer({ min: 0, max: 10_000 }).map((rate) => rate as BasisPoints);

describe('won', () => {
  it('are read back as they are written, with and without thousands separators', () => {
    fc.assert(
      fc.property(amounts, (amount) => {
        assert.equal(parseWon(amount.toString()), amount);
        assert.equal(parseWon(formatWon(amount)), amount);
        assert.equal(parseWon(`-${amount.toString()}`, { signed: true }), 0n - amount);
        assert.equal(parseWon(`-${amount.toString()}`), undefined);
      }),
    );
  });

  it('are read with spaces around them', () => {
    assert.equal(parseWon(' 1,000 '), 1000n);
  });

  for (const text of [
    '',
    '12.5',
    '1,00',
    '1,0000',
    ',100',
    '₩100',
    '1e3',
    '0x10',
    '１００',
    '1 000',
    '1000000000000',
    '--1',
  ]) {
    it(`are not read from "${text}"`, () => {
      assert.equal(parseWon(text), undefined);
    });
  }

  it('add up beyond what a number could hold', () => {
    assert.equal(sumWon(Array.from({ length: 10_001 }, () => WON_MAX)), 10_001n * WON_MAX);
  });

  it('do not take a plain bigint, nor another kind of number', () => {
    // @ts-expect-error an amount is made by its constructors only
    const plain: Won = 5n;
    // @ts-expect-error money never passes through number
    const number: Won = 5;
    assert.deepEqual([plain, number], [5n, 5]);
  });
});

describe('a fee', () => {
  it("is never more than its rate, and less than a won below it: what does not divide is the seller's", () => {
    fc.assert(
      fc.property(amounts, rates, (amount, rate) => {
        const fee = feeOf(amount, rate);
        assert.ok(fee * 10_000n <= amount * BigInt(rate));
        assert.ok((fee + 1n) * 10_000n > amount * BigInt(rate));
      }),
    );
  });

  it('is read as whole basis points up to the whole', () => {
    assert.equal(parseBasisPoints('250'), 250);
    assert.equal(parseBasisPoints(' 250 '), 250);
    assert.equal(parseBasisPoints('10000'), 10_000);
    for (const text of ['10001', '-1', '2.5', '', '3%']) assert.equal(parseBasisPoints(text), undefined);
  });
});
