import assert from 'node:assert/strict';
import type { RemitterRow } from '../../../functions/bank/bank.ts';
import { rowsOf, senderOf } from '../../../functions/deposits/sender.ts';
import { won } from '../../../functions/shared/money.ts';

const NOON = new Date('2026-03-10T12:00:00+09:00');
const ROW: RemitterRow = {
  occurredAt: NOON,
  amount: won(5000n),
  balanceAfter: won(12_000n),
  bankCode: '088',
  accountNumber: '110222333444',
  name: '홍길동',
};
const DEPOSIT = { occurredAt: NOON, amount: 5000n, balanceAfter: 12_000n };

describe('the sender of a deposit', () => {
  it('is told by the row of its second, its amount and its balance, and by no other', () => {
    const others = [
      { ...ROW, occurredAt: new Date(NOON.getTime() + 1000) },
      { ...ROW, amount: won(5001n) },
      { ...ROW, balanceAfter: won(17_000n) },
    ];
    assert.deepEqual(rowsOf(DEPOSIT, [...others, ROW]), [ROW]);
    assert.deepEqual(rowsOf(DEPOSIT, others), []);
    assert.equal(rowsOf(DEPOSIT, [ROW, ROW]).length, 2);
  });

  it('is an account, its number with or without hyphens', () => {
    const account = { bankCode: '088', accountNumber: '110222333444', holder: '홍길동' };
    assert.deepEqual(senderOf(ROW), account);
    assert.deepEqual(senderOf({ ...ROW, accountNumber: '110-222-333444' }), account);
  });

  for (const [what, change] of [
    ['without a bank', { bankCode: '' }],
    ['with a bank that is no code', { bankCode: '88' }],
    ['without a number', { accountNumber: '' }],
    ['with a number that the bank masks', { accountNumber: '110222***444' }],
    ['without a name', { name: '' }],
    ['with a name that no message carries', { name: '가나다라마바사아자차카' }],
  ] as const) {
    it(`is not known ${what}`, () => {
      assert.equal(senderOf({ ...ROW, ...change }), undefined);
    });
  }
});
