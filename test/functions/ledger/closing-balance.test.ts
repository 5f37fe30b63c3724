import assert from 'node:assert/strict';
import fc from 'fast-check';
import { closingBalance, type BalanceRow } from '../../../functions/ledger/closing-balance.ts';

/** Rows that lead through the balances. */
const through = (...balances: bigint[]): BalanceRow[] =>
  balances.slice(1).map((after, index) => {
    const change = after - balances[index]!;
    return {
      direction: change > 0n ? 'in' : 'out',
      amount: (change > 0n ? change : -change).toString(),
      balance_after: after.toString(),
    };
  });

describe('the closing balance', () => {
  it('is the one that no row starts from, in whatever order they stand', () => {
    const steps = fc.array(
      fc.integer({ min: -50, max: 50 }).filter((step) => step !== 0),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(steps, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (changes, order) => {
        const balances = changes.reduce((all, change) => [...all, all.at(-1)! + BigInt(change)], [1000n]);
        fc.pre(balances.at(-1) !== 1000n);
        const shuffled = through(...balances)
          .map((row, index) => ({ row, place: order[index]! }))
          .sort((a, b) => a.place - b.place)
          .map(({ row }) => row);
        assert.equal(closingBalance(shuffled), balances.at(-1));
      }),
    );
  });

  it('is the balance of the second before, when the rows lead round to where they began', () => {
    const round = through(10n, 30n, 10n);
    assert.equal(closingBalance(round, through(7n, 10n)), 10n);
    assert.equal(closingBalance(round.toReversed(), through(7n, 10n)), 10n);
    assert.equal(closingBalance(round.toReversed(), through(7n, 30n)), 30n);
  });

  it('is that of the row stored last, when nothing else tells', () => {
    assert.equal(closingBalance(through(10n, 30n, 10n)), 10n);
    assert.equal(closingBalance(through(10n, 30n, 10n), through(1n, 2n)), 10n);
    assert.equal(closingBalance(through(10n, 30n, 20n, 10n)), 10n);
    assert.equal(closingBalance(through(30n, 20n, 10n, 30n)), 30n);
  });

  it('is nothing without a row', () => {
    assert.equal(closingBalance([]), 0n);
  });
});
