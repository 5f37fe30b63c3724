import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  allocationPostings,
  depositPosting,
  holdPosting,
  openingCorrection,
  openingPostings,
  postPosting,
  returnPosting,
  voidPosting,
  type NewPosting,
  type PostedTransfer,
} from '../../../functions/ledger/postings.ts';
import { won, type BasisPoints } from '../../../functions/shared/money.ts';

const payout: PostedTransfer = {
  transferId: 1n,
  attemptId: 2n,
  kind: 'payout',
  sellerId: 'a',
  amount: won(9_900n),
  account: 'p',
};
const legs = ({ debit, credit, amount, kind }: NewPosting) => `${kind}: ${debit} → ${credit} ${amount}`;

describe('postings', () => {
  it('split a paid order into the seller’s part and the fee, and lose no won', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 999_999_999_999n }),
        fc.integer({ min: 0, max: 10_000 }),
        (amount, rate) => {
          const parts = allocationPostings(
            { orderId: 1n, sellerId: 'a', parts: [{ rowId: 1n, amount: won(amount) }] },
            rate as BasisPoints,
          );
          assert.equal(
            parts.reduce((sum, part) => sum + part.amount, 0n),
            amount,
          );
          assert.ok(parts.every((part) => part.amount > 0n && part.debit === 'unallocated'));
          const fee = parts.find((part) => part.credit === 'fees')?.amount ?? 0n;
          assert.equal(fee, (amount * BigInt(rate)) / 10_000n);
        },
      ),
    );
  });

  it('say what each is: a deposit that is nobody’s yet, the seller’s part of it, the fee', () => {
    assert.deepEqual(depositPosting('x', 7n, won(1000n)), {
      debit: 'bank:x',
      credit: 'unallocated',
      amount: 1000n,
      kind: 'deposit',
      rowId: 7n,
    });
    const paid = { orderId: 8n, sellerId: 'a', parts: [{ rowId: 7n, amount: won(1000n) }] };
    assert.deepEqual(allocationPostings(paid, 300 as BasisPoints).map(legs), [
      'allocation: unallocated → seller:a 970',
      'fee: unallocated → fees 30',
    ]);
  });

  it('bear the same fee however many deposits paid the order, and give each no more than it brought', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: 10_000_000n }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 10_000 }),
        (amounts, rate) => {
          const parts = amounts.map((amount, n) => ({ rowId: BigInt(n), amount: won(amount) }));
          const postings = allocationPostings({ orderId: 1n, sellerId: 'a', parts }, rate as BasisPoints);
          const sum = (some: readonly NewPosting[]) => some.reduce((total, one) => total + one.amount, 0n);
          const whole = amounts.reduce((total, amount) => total + amount, 0n);
          assert.equal(
            sum(postings.filter((one) => one.credit === 'fees')),
            (whole * BigInt(rate)) / 10_000n,
          );
          assert.ok(postings.every((one) => one.amount > 0n));
          for (const { rowId, amount } of parts)
            assert.equal(sum(postings.filter((one) => one.rowId === rowId)), amount);
        },
      ),
    );
  });

  it('open an account with what it held, overdrawn or not, and with nothing for nothing', () => {
    assert.deepEqual(openingPostings('x', 5n).map(legs), ['opening: bank:x → opening 5']);
    assert.deepEqual(openingPostings('x', -5n).map(legs), ['opening: opening → bank:x 5']);
    assert.deepEqual(openingCorrection('x', -5n).map(legs), ['correction: opening → bank:x 5']);
    assert.deepEqual(openingCorrection('x', 0n), []);
    assert.deepEqual(openingPostings('x', 0n), []);
  });

  it('take a payout from its seller into transit, and from there to the bank, or back', () => {
    assert.equal(legs(holdPosting(payout)), 'hold: seller:a → in_transit 9900');
    assert.equal(legs(postPosting(payout)), 'post: in_transit → bank:p 9900');
    assert.equal(legs(voidPosting(payout)), 'void: in_transit → seller:a 9900');
    const back = returnPosting(payout, { account: 'q', rowId: 3n });
    assert.equal(legs(back), 'return: bank:q → seller:a 9900');
  });

  it('take a refund from the money that is nobody’s yet', () => {
    const refund: PostedTransfer = { ...payout, kind: 'refund', sellerId: null };
    assert.equal(legs(holdPosting(refund)), 'hold: unallocated → in_transit 9900');
    assert.equal(legs(voidPosting(refund)), 'void: in_transit → unallocated 9900');
  });

  it('are refused for a payout without a seller', () => {
    assert.throws(() => holdPosting({ ...payout, sellerId: null }), /payout without a seller/);
  });
});
