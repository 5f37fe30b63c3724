import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Won } from '../../../functions/shared/money.ts';
import { won } from '../../../functions/shared/money.ts';
import { findChainBreaks } from '../../../local/files/balance-chain.ts';
import { orderByBalanceChain } from '../../../local/files/order-by-balance-chain.ts';

interface Row {
  readonly occurredAt: Date;
  readonly direction: 'in' | 'out';
  readonly amount: Won;
  readonly balanceAfter: Won;
  readonly name: string;
}

/** Rows of a true account, oldest first: each step has the seconds since the one before, and what came in (or, below 0, went out). */
function account(opening: bigint, steps: readonly { seconds: number; change: bigint }[]): Row[] {
  let balance = opening;
  let second = 1_772_400_000;
  return steps.map(({ seconds, change }, index) => {
    balance += change;
    second += seconds;
    return {
      occurredAt: new Date(second * 1000),
      direction: change > 0n ? 'in' : 'out',
      amount: won(change > 0n ? change : -change),
      balanceAfter: won(balance),
      name: `r${index}`,
    };
  });
}

/** Few seconds and few amounts, so that rows share both, and balances come back. */
const steps = fc.array(
  fc.record({
    seconds: fc.constantFrom(0, 0, 0, 0, 1, 60),
    change: fc.constantFrom(1n, -1n, 2n, -2n, 3n, 1000n, -1000n),
  }),
  { minLength: 1, maxLength: 40 },
);

const names = (rows: readonly Row[]) => rows.map((row) => row.name);

describe('ordering by the chain of balances', () => {
  it('restores a whole chain from rows in any order', () => {
    fc.assert(
      fc.property(
        steps,
        fc.bigInt(-5n, 5n),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (steps, opening, keys) => {
          const rows = account(opening, steps);
          const shuffled = rows
            .map((row, index) => ({ row, key: keys[index]! }))
            .sort((a, b) => a.key - b.key);
          const ordered = orderByBalanceChain(shuffled.map(({ row }) => row));
          assert.deepEqual(findChainBreaks(ordered), []);
          assert.deepEqual(names(ordered).sort(), names(rows).sort());
          assert.ok(
            ordered.every((row, index) => index === 0 || ordered[index - 1]!.occurredAt <= row.occurredAt),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leaves a file that is oldest first as it is', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const rows = account(0n, steps);
        assert.deepEqual(names(orderByBalanceChain(rows)), names(rows));
      }),
    );
  });

  it('loses and invents no row when rows are missing', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (steps, kept) => {
        const rows = account(0n, steps).filter((_, index) => kept[index]);
        assert.deepEqual(names(orderByBalanceChain(rows)).sort(), names(rows).sort());
      }),
    );
  });

  it('turns rows of one second round when only that keeps the chain', () => {
    const rows = account(
      10n,
      [5n, 7n, -3n].map((change) => ({ seconds: 0, change })),
    );
    assert.deepEqual(names(orderByBalanceChain(rows.toReversed())), ['r0', 'r1', 'r2']);
  });

  it('lets the row before say where a second that returns to its beginning starts', () => {
    const rows = account(0n, [
      { seconds: 0, change: 6n },
      { seconds: 1, change: -1n },
      { seconds: 0, change: 1n },
    ]);
    assert.deepEqual(names(orderByBalanceChain([rows[0]!, rows[2]!, rows[1]!])), ['r0', 'r1', 'r2']);
  });

  it('lets seconds say it together that all return to their beginnings', () => {
    const rows = account(6n, [
      { seconds: 0, change: -1n },
      { seconds: 0, change: 1n },
      { seconds: 1, change: 2n },
      { seconds: 0, change: -2n },
    ]);
    const inFile = [rows[1]!, rows[0]!, rows[3]!, rows[2]!];
    assert.deepEqual(names(orderByBalanceChain(inFile)), ['r0', 'r1', 'r2', 'r3']);
  });

  it('lets the row after say it when nothing stands before', () => {
    const rows = account(6n, [
      { seconds: 0, change: -1n },
      { seconds: 0, change: 1n },
      { seconds: 1, change: 5n },
    ]);
    assert.deepEqual(names(orderByBalanceChain([rows[1]!, rows[0]!, rows[2]!])), ['r0', 'r1', 'r2']);
  });

  it('keeps equal rows in the order of the file', () => {
    const rows = account(
      0n,
      [1n, -1n, 1n].map((change) => ({ seconds: 0, change })),
    );
    assert.deepEqual(names(orderByBalanceChain(rows)), ['r0', 'r1', 'r2']);
  });

  it('turns ties without a chain round when the file is newest first', () => {
    const [a, b, c] = account(0n, [
      { seconds: 0, change: 1n },
      { seconds: 0, change: 100n },
      { seconds: 1, change: 1n },
    ]) as [Row, Row, Row];
    const unchained = { ...b, balanceAfter: won(5000n) };
    assert.deepEqual(names(orderByBalanceChain([c, unchained, a])), ['r0', 'r1', 'r2']);
  });

  it('orders a minute of thousands of rows at once', () => {
    const rows = account(
      0n,
      Array.from({ length: 20_000 }, (_, index) => ({ seconds: 0, change: BigInt((index % 7) + 1) })),
    );
    assert.deepEqual(findChainBreaks(orderByBalanceChain(rows.toReversed())), []);
  });
});
