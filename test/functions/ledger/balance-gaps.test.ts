import assert from 'node:assert/strict';
import fc from 'fast-check';
import { balanceGaps, type StatementBalanceRow } from '../../../functions/ledger/balance-gaps.ts';

const amounts = fc.array(
  fc.record({ second: fc.integer({ min: 0, max: 20 }), won: fc.integer({ min: -500, max: 500 }) }),
  { minLength: 3, maxLength: 40 },
);

/** A statement of which the balances follow, oldest first. */
function statementOf(moves: readonly { second: number; won: number }[]): StatementBalanceRow[] {
  let balance = 10_000n;
  return moves
    .filter((move) => move.won !== 0)
    .sort((a, b) => a.second - b.second)
    .map((move, n) => {
      balance += BigInt(move.won);
      return {
        rowId: BigInt(n + 1),
        occurredAt: new Date(move.second * 1000),
        direction: move.won > 0 ? ('in' as const) : ('out' as const),
        amount: Math.abs(move.won).toString(),
        balance_after: balance.toString(),
      };
    });
}

describe('gaps of the balance', () => {
  it('are none where every balance follows from its row', () => {
    fc.assert(
      fc.property(amounts, (moves) => {
        assert.deepEqual(balanceGaps(statementOf(moves)), []);
      }),
    );
  });

  it('are where a second of rows is left out, by what it moved', () => {
    fc.assert(
      fc.property(amounts, fc.nat(), (moves, pick) => {
        const rows = statementOf(moves);
        const seconds = [...Map.groupBy(rows, (row) => row.occurredAt.getTime()).keys()];
        fc.pre(seconds.length >= 3);
        const left = seconds[1 + (pick % (seconds.length - 2))];
        const outside = rows.filter((row) => row.occurredAt.getTime() === left);
        const moved = outside.reduce(
          (sum, row) => sum + (row.direction === 'in' ? BigInt(row.amount) : -BigInt(row.amount)),
          0n,
        );
        fc.pre(moved !== 0n);
        const [gap, ...others] = balanceGaps(rows.filter((row) => row.occurredAt.getTime() !== left));
        assert.deepEqual(others, []);
        assert.deepEqual([gap?.won, gap?.beforeRow], [moved, outside.at(-1)!.rowId + 1n]);
      }),
    );
  });
});
