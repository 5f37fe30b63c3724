import assert from 'node:assert/strict';
import fc from 'fast-check';
import { proposePayments, type OpenTransfer } from '../../../functions/transfers/propose-payments.ts';

const TEN = new Date('2026-03-02T10:00:00+09:00');
const minutesFromTen = (minutes: number) => new Date(TEN.getTime() + minutes * 60_000);
const row = { amount: 100n, occurredAt: TEN };
let ids = 0n;
const transfer = (amount: bigint, over: Partial<OpenTransfer> = {}): OpenTransfer => {
  ids += 1n;
  return {
    transferId: ids,
    sellerId: 'a',
    amount,
    state: 'planned',
    depositedAt: minutesFromTen(-5),
    ...over,
  };
};

describe('what a withdrawal may have paid', () => {
  it('is each transfer of its amount, the one whose deposit came last first', () => {
    const early = transfer(100n, { depositedAt: minutesFromTen(-60) });
    const late = transfer(100n, { sellerId: 'b' });
    const doubtful = transfer(100n, { sellerId: 'c', state: 'unknown', depositedAt: minutesFromTen(-20) });
    assert.deepEqual(proposePayments(row, [early, transfer(99n), late, doubtful]), [
      [late.transferId],
      [doubtful.transferId],
      [early.transferId],
    ]);
  });

  it('is the fewest of one seller that make it up together, where none of that seller fits alone', () => {
    const parts = [transfer(30n), transfer(30n), transfer(40n), transfer(70n)];
    const other = transfer(30n, { sellerId: 'b' });
    assert.deepEqual(proposePayments(row, [...parts, other]), [[parts[0]!.transferId, parts[3]!.transferId]]);
  });

  it('is nothing that was deposited later, is on its way, is over, or may have been sent on its own', () => {
    const open = [
      transfer(100n, { depositedAt: minutesFromTen(1) }),
      transfer(100n, { state: 'sending' }),
      transfer(100n, { state: 'succeeded' }),
      transfer(100n, { state: 'cancelled' }),
      transfer(60n, { state: 'unknown' }),
      transfer(40n, { state: 'unknown' }),
      transfer(60n, { sellerId: null, depositedAt: null }),
      transfer(40n, { sellerId: null, depositedAt: null }),
    ];
    assert.deepEqual(proposePayments(row, open), []);
  });

  it('always adds up to the row, of one seller each', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            amount: fc.bigInt(1n, 60n),
            sellerId: fc.constantFrom('a', 'b', 'c'),
            minutes: fc.integer({ min: -9, max: 9 }),
          }),
          { maxLength: 20 },
        ),
        (drawn) => {
          const open = drawn.map(({ amount, sellerId, minutes }) =>
            transfer(amount, { sellerId, depositedAt: minutesFromTen(minutes) }),
          );
          const byId = new Map(open.map((one) => [one.transferId, one]));
          for (const choice of proposePayments({ ...row, amount: 60n }, open)) {
            const chosen = choice.map((id) => byId.get(id)!);
            assert.equal(
              chosen.reduce((sum, one) => sum + one.amount, 0n),
              60n,
            );
            assert.equal(new Set(chosen.map((one) => one.sellerId)).size, 1);
            assert.equal(new Set(choice).size, choice.length);
            for (const one of chosen) assert.ok(one.depositedAt! <= TEN);
          }
        },
      ),
    );
  });
});
