import assert from 'node:assert/strict';
import { won } from '../../../functions/shared/money.ts';
import type { SimulatedTransfer } from '../../../local/bank-simulator/bank-state.ts';
import { audit, type BooksAtRest } from '../../../local/chaos/audit.ts';
import type { PaidOrder } from '../../../local/chaos/buyers.ts';

const NOW = new Date('2026-03-02T03:00:00Z');

const PAID: readonly PaidOrder[] = [
  { shopOrderId: 'C-1', accountNumber: '300000010', owed: won(970n) },
  { shopOrderId: 'C-2', accountNumber: '300000010', owed: won(1940n) },
  { shopOrderId: 'C-3', accountNumber: '300000011', owed: won(500n) },
];

const BOOKS: BooksAtRest = {
  items: [
    { shopOrderId: 'C-1', transferId: 1n },
    { shopOrderId: 'C-2', transferId: 1n },
    { shopOrderId: 'C-3', transferId: 2n },
  ],
  transfers: [
    { transferId: 1n, state: 'succeeded' },
    { transferId: 2n, state: 'succeeded' },
  ],
  attempts: [
    { bankTranId: 'ONE', transferId: 1n, isBookedAsPaid: true },
    { bankTranId: 'TWO', transferId: 2n, isBookedAsPaid: true },
  ],
};

function payout(
  bankTranId: string,
  amount: bigint,
  changes: Partial<SimulatedTransfer> = {},
): SimulatedTransfer {
  return {
    bankDate: '2026-03-02',
    bankTranId,
    account: 'LOCAL0000100000000000001',
    amount: won(amount),
    toBankCode: '088',
    toAccountNumber: '300000010',
    toHolder: 'seller',
    reference: bankTranId,
    recipientText: '정산1',
    at: NOW,
    executed: true,
    rspCode: 'A0000',
    bankRspCode: '000',
    forgotten: false,
    ...changes,
  };
}

const ONE = payout('ONE', 2910n);
const TWO = payout('TWO', 500n, { recipientText: '정산2', toAccountNumber: '300000011' });

describe('the audit of a run of chaos', () => {
  it('finds nothing when each order was paid out once', () => {
    assert.deepEqual(audit(PAID, [ONE, TWO], BOOKS, NOW), { lost: 0, paidTwice: 0, wrongSums: [] });
  });

  it('counts a second payout under another id as paid twice, whether the books know it or not', () => {
    const forged = payout('FORGED', 2910n);
    const verdict = audit(PAID, [ONE, TWO, forged], BOOKS, NOW);
    assert.equal(verdict.paidTwice, 1);
    assert.equal(verdict.lost, 0);
    assert.deepEqual(verdict.wrongSums, ['account …0010 got 2910 won too much']);
    const known = [...BOOKS.attempts, { bankTranId: 'FORGED', transferId: 1n, isBookedAsPaid: true }];
    assert.equal(audit(PAID, [ONE, TWO, forged], { ...BOOKS, attempts: known }, NOW).paidTwice, 1);
  });

  it('counts an order as paid twice that is in two transfers which were both executed', () => {
    const books: BooksAtRest = {
      items: [...BOOKS.items, { shopOrderId: 'C-3', transferId: 3n }],
      transfers: [...BOOKS.transfers, { transferId: 3n, state: 'succeeded' }],
      attempts: [...BOOKS.attempts, { bankTranId: 'THREE', transferId: 3n, isBookedAsPaid: true }],
    };
    const again = payout('THREE', 500n, { recipientText: '정산3', toAccountNumber: '300000011' });
    assert.equal(audit(PAID, [ONE, TWO, again], books, NOW).paidTwice, 1);
  });

  it('takes a payout that came back for none', () => {
    const back = payout('BACK', 2910n, { returnAt: new Date(NOW.getTime() - 1) });
    assert.equal(audit(PAID, [back, ONE, TWO], BOOKS, NOW).paidTwice, 0);
  });

  it('counts every order of a transfer that never reached the bank as lost', () => {
    const verdict = audit(PAID, [TWO], BOOKS, NOW);
    assert.equal(verdict.lost, 2);
    assert.deepEqual(verdict.wrongSums, ['account …0010 got 2910 won too little']);
  });

  it('counts a deposit as lost that no transfer was ever planned for', () => {
    const items = BOOKS.items.filter(({ shopOrderId }) => shopOrderId !== 'C-3');
    assert.equal(audit(PAID, [ONE], { ...BOOKS, items }, NOW).lost, 1);
  });

  it('counts a payout as lost that left the bank and that the books do not know', () => {
    const attempts = BOOKS.attempts.map((one) => ({ ...one, isBookedAsPaid: one.bankTranId !== 'TWO' }));
    assert.equal(audit(PAID, [ONE, TWO], { ...BOOKS, attempts }, NOW).lost, 1);
  });

  for (const state of ['held', 'unknown'] as const)
    it(`takes a transfer that is ${state} for an explanation`, () => {
      const transfers = [{ transferId: 1n, state }, BOOKS.transfers[1]!];
      assert.deepEqual(audit(PAID, [TWO], { ...BOOKS, transfers }, NOW), {
        lost: 0,
        paidTwice: 0,
        wrongSums: [],
      });
    });

  for (const state of ['planned', 'queued', 'sending', 'cancelled'] as const)
    it(`takes a transfer that is ${state} at rest for none`, () => {
      const transfers = [{ transferId: 1n, state }, BOOKS.transfers[1]!];
      assert.equal(audit(PAID, [TWO], { ...BOOKS, transfers }, NOW).lost, 2);
    });
});
