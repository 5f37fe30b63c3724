import assert from 'node:assert/strict';
import { parsePayeeAccount } from '../../../functions/bank/payee-account.ts';

describe('an account that a person types', () => {
  it('is read with or without hyphens', () => {
    const account = { bankCode: '088', accountNumber: '110222333444', holder: '홍길동' };
    assert.deepEqual(parsePayeeAccount('088:110-222-333444:홍길동'), account);
    assert.deepEqual(parsePayeeAccount(' 088 : 110 222 333444 : 홍길동 '), account);
    assert.deepEqual(parsePayeeAccount(`088:110222333444:${'홍길동'.normalize('NFD')}`), account);
  });

  for (const [text, says] of [
    ['110-222-333444', /BANK:ACCOUNT:HOLDER/],
    ['88:110-222-333444:홍길동', /"88" is no bank code/],
    ['088:12345:홍길동', /6 to 16 digits/],
    ['088:12345678901234567:홍길동', /6 to 16 digits/],
    ['088:110222x33444:홍길동', /6 to 16 digits/],
    ['088:110222333444:', /does not fit/],
    ['088:110222333444:홍길동홍길동홍길동홍길', /does not fit the 20 bytes/],
    ['088:110222333444:홍길동😀', /does not fit/],
  ] as const) {
    it(`is refused in words that do not repeat its number: ${text}`, () => {
      const problem = parsePayeeAccount(text);
      assert.ok(typeof problem === 'string');
      assert.match(problem, says);
      assert.doesNotMatch(problem.replace('110-222-333444:홍길동', ''), /\d{5}/);
    });
  }
});
