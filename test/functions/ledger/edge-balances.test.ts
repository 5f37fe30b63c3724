import assert from 'node:assert/strict';
import fc from 'fast-check';
import { closingBalance, openingBalance, type BalanceRow } from '../../../functions/ledger/edge-balances.ts';

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

/** Balances one after the other, none of them the first again at the end, and a way to shuffle the rows between them. */
const statements = fc
  .record({
    changes: fc.array(
      fc.integer({ min: -50, max: 50 }).filter((step) => step !== 0),
      { minLength: 1, maxLength: 8 },
    ),
    order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
  })
  .map(({ changes, order }) => ({
    balances: changes.reduce((all, change) => [...all, all.at(-1)! + BigInt(change)], [1000n]),
    order,
  }))
  .filter(({ balances }) => balances.at(-1) !== balances[0]);

function shuffled({ balances, order }: { balances: bigint[]; order: number[] }): BalanceRow[] {
  return through(...balances)
    .map((row, index) => ({ row, place: order[index]! }))
    .sort((a, b) => a.place - b.place)
    .map(({ row }) => row);
}

describe('the closing balance', () => {
  it('is the one that no row starts from, in whatever order they stand', () => {
    fc.assert(
      fc.property(statements, (statement) => {
        assert.equal(closingBalance(shuffled(statement)), statement.balances.at(-1));
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

describe('the opening balance', () => {
  it('is the one that no row leads to, in whatever order they stand', () => {
    fc.assert(
      fc.property(statements, (statement) => {
        assert.equal(openingBalance(shuffled(statement)), statement.balances[0]);
      }),
    );
  });

  it('is the balance that the second after begins with, when the rows lead round to where they began', () => {
    const round = through(10n, 30n, 10n);
    assert.equal(openingBalance(round, through(10n, 7n)), 10n);
    assert.equal(openingBalance(round.toReversed(), through(10n, 7n)), 10n);
    assert.equal(openingBalance(round, through(30n, 7n)), 30n);
  });

  it('is that before the row stored first, when nothing else tells', () => {
    assert.equal(openingBalance(through(10n, 30n, 10n)), 10n);
    assert.equal(openingBalance(through(10n, 30n, 10n), through(2n, 1n)), 10n);
    assert.equal(openingBalance(through(30n, 20n, 10n, 30n)), 30n);
  });

  it('is nothing without a row', () => {
    assert.equal(openingBalance([]), 0n);
  });
});
