import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TimedRow } from '../../../functions/deposits/balance-trails.ts';
import { openingBalance } from '../../../functions/deposits/opening-balance.ts';
import { later, at } from '../../support/statement-scene.ts';

/** Rows that lead through the balances, a second each list. */
function through(...seconds: readonly (readonly bigint[])[]): TimedRow[] {
  return seconds.flatMap((balances, n) =>
    balances.slice(1).map((balanceAfter, index): TimedRow => {
      const change = balanceAfter - balances[index]!;
      return {
        occurredAt: later(at('10:00:00'), n * 1000),
        direction: change > 0n ? 'in' : 'out',
        amount: change > 0n ? change : -change,
        balanceAfter,
        possibleDuplicate: false,
      };
    }),
  );
}

const doubtful = (row: TimedRow): TimedRow => ({ ...row, possibleDuplicate: true });

describe('the opening balance', () => {
  it('is the one that no row of the first second leads to, in whatever order they were stored', () => {
    const changes = fc.array(
      fc.integer({ min: -50, max: 50 }).filter((change) => change !== 0),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(changes, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (changes, order) => {
        const balances = changes.reduce((all, change) => [...all, all.at(-1)! + BigInt(change)], [1000n]);
        fc.pre(balances.at(-1) !== 1000n);
        const shuffled = through(balances)
          .map((row, index) => ({ row, place: order[index]! }))
          .sort((a, b) => a.place - b.place)
          .map(({ row }) => row);
        assert.equal(openingBalance(shuffled), 1000n);
        assert.equal(openingBalance(shuffled, 7n), 1000n);
      }),
    );
  });

  it('is told by the next second, when the rows of the first lead round to where they began', () => {
    assert.equal(openingBalance(through([30n, 10n, 30n], [10n, 7n])), 10n);
    assert.equal(openingBalance(through([30n, 10n, 30n], [10n, 7n]), 30n), 10n);
    assert.equal(openingBalance(through([30n, 10n, 30n], [30n, 7n])), 30n);
  });

  it('is told by a later second, when several lead round to where they began', () => {
    assert.equal(openingBalance(through([30n, 10n, 30n], [50n, 10n, 50n], [10n, 7n]), 30n), 10n);
  });

  it('is that before the row stored first, or what is booked, when nothing tells', () => {
    assert.equal(openingBalance(through([30n, 10n, 30n])), 30n);
    assert.equal(openingBalance(through([30n, 10n, 30n]), 10n), 10n);
    assert.equal(openingBalance(through([30n, 10n, 30n]), 7n), 30n);
    assert.equal(openingBalance(through([30n, 10n, 30n], [8n, 7n]), 10n), 10n);
  });

  it('stays what is booked while a row of the first second is missing', () => {
    const [one, other, third] = through([1000n, 1010n, 1000n], [700n, 740n]) as [
      TimedRow,
      TimedRow,
      TimedRow,
    ];
    const oneSecond = [one, other, { ...third, occurredAt: one.occurredAt }];
    assert.equal(openingBalance(oneSecond), 1000n);
    assert.equal(openingBalance(oneSecond, 990n), 990n);
  });

  it('stays what is booked where a row may be a repetition, and becomes another where none of them makes a difference', () => {
    const [out, back, after] = through([1000n, 990n, 1000n], [1000n, 1007n]) as [
      TimedRow,
      TimedRow,
      TimedRow,
    ];
    const twice = [out, back, doubtful(back), after];
    assert.equal(openingBalance(twice, 1000n), 1000n);
    assert.equal(openingBalance(twice, 990n), 990n);
    assert.equal(openingBalance(twice, 500n), 1000n);
    const [first, second] = through([1000n, 1010n, 1030n]) as [TimedRow, TimedRow];
    assert.equal(openingBalance([second, first, doubtful(second)], 1010n), 1000n);
  });

  it('takes no row for true that may be a repetition, as long as nothing is booked', () => {
    const [out, back, after] = through([1000n, 990n, 1000n], [1000n, 1007n]) as [
      TimedRow,
      TimedRow,
      TimedRow,
    ];
    for (const stored of [
      [back, out, doubtful(back)],
      [out, back, doubtful(back)],
    ])
      assert.equal(openingBalance([...stored, after]), 1000n);
  });

  it('takes each movement for one that happened, though all of its rows may be repetitions', () => {
    const rows = through(Array.from({ length: 8 }, (_, n) => BigInt(n * 10 + 10)));
    assert.equal(openingBalance(rows.map(doubtful), 500n), 10n);
  });

  it('is none without a row', () => {
    assert.throws(() => openingBalance([]), /has no opening balance/);
  });
});
