import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  joinTrails,
  mostWithGaps,
  orderOf,
  trailsOf,
  type Step,
} from '../../../functions/deposits/balance-trails.ts';

const step = (from: bigint, to: bigint, least = 1, most = least): Step => ({ from, to, least, most });
const trail = (from: bigint, to: bigint, counts: readonly number[] = [1]) => ({ counts, from, to });

describe('the trails of a second', () => {
  it('are every way to take each step as often as it may be, and no oftener', () => {
    const steps = [step(0n, 1n, 1, 2), step(1n, 0n)];
    assert.deepEqual(trailsOf(steps), [
      { counts: [1, 1], from: 0n, to: 0n },
      { counts: [1, 1], from: 1n, to: 1n },
      { counts: [2, 1], from: 0n, to: 1n },
    ]);
  });

  it('are none where the steps leave a gap, or hang together in two parts', () => {
    assert.deepEqual(trailsOf([step(0n, 1n), step(2n, 3n)]), []);
    assert.deepEqual(trailsOf([step(0n, 1n), step(1n, 0n), step(5n, 6n), step(6n, 5n)]), []);
    assert.deepEqual(trailsOf([step(0n, 1n), step(0n, 2n)]), []);
  });

  it('are looked for up to 512 open ways', () => {
    const around = (count: number) =>
      Array.from({ length: count }, (_, n) => step(BigInt(n), BigInt((n + 1) % count), 1, 2));
    assert.notEqual(trailsOf(around(9)).length, 0);
    assert.deepEqual(trailsOf(around(10)), []);
    assert.deepEqual(mostWithGaps(around(10)), Array(10).fill(2));
  });

  it('are walked from balance to balance, each step as often as it counts', () => {
    const walk = fc.array(fc.bigInt({ min: 0n, max: 3n }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(walk, (balances) => {
        const taken = balances.slice(1).map((to, index) => [balances[index]!, to] as const);
        const moves = taken.filter(([from, to]) => from !== to);
        fc.pre(moves.length === taken.length);
        const counts = new Map<string, number>();
        for (const [from, to] of moves) counts.set(`${from} ${to}`, (counts.get(`${from} ${to}`) ?? 0) + 1);
        const steps = [...counts].map(([key, count]) => {
          const [from, to] = key.split(' ').map(BigInt);
          return step(from!, to!, count);
        });
        const found = trailsOf(steps);
        assert.ok(found.some(({ from, to }) => from === balances[0] && to === balances.at(-1)));
        for (const one of found) {
          const order = orderOf(steps, one).map((index) => steps[index]!);
          assert.equal(order.length, moves.length);
          assert.equal(order[0]?.from, one.from);
          assert.equal(order.at(-1)?.to, one.to);
          for (const [index, { to }] of order.entries()) {
            if (index + 1 < order.length) assert.equal(order[index + 1]?.from, to);
          }
        }
      }),
    );
  });
});

describe('a second of which a row is missing', () => {
  it('has its steps as often as the fewest loose ends allow', () => {
    assert.deepEqual(mostWithGaps([step(0n, 1n, 1, 2), step(5n, 6n)]), [1, 1]);
    assert.deepEqual(mostWithGaps([step(0n, 1n), step(1n, 2n, 1, 2), step(7n, 1n)]), [1, 2, 1]);
  });

  it('has each as often as any of several such ways does', () => {
    assert.deepEqual(mostWithGaps([step(0n, 1n, 1, 2), step(5n, 1n, 1, 2), step(1n, 9n, 3)]), [2, 2, 3]);
  });
});

describe('joined seconds', () => {
  it('keep the trails that begin where the second before ends', () => {
    const [first, second] = joinTrails([[trail(0n, 1n)], [trail(1n, 2n), trail(3n, 4n)]], new Set([0n]));
    assert.deepEqual(first, { trails: [trail(0n, 1n)], joined: true });
    assert.deepEqual(second, { trails: [trail(1n, 2n)], joined: true });
  });

  it('keep, of the second before, the trails that lead on', () => {
    const [first] = joinTrails([[trail(0n, 1n), trail(0n, 2n)], [trail(2n, 3n)]], undefined);
    assert.deepEqual(first, { trails: [trail(0n, 2n)], joined: true });
  });

  it('begin anew where nothing leads on, and then take nothing from the second before', () => {
    const joined = joinTrails([[trail(0n, 1n), trail(0n, 2n)], [trail(7n, 8n)]], undefined);
    assert.deepEqual(joined, [
      { trails: [trail(0n, 1n), trail(0n, 2n)], joined: true },
      { trails: [trail(7n, 8n)], joined: false },
    ]);
    assert.deepEqual(joinTrails([[trail(5n, 6n)]], new Set([0n])), [
      { trails: [trail(5n, 6n)], joined: false },
    ]);
  });

  it('know nothing of the end of a second without a trail', () => {
    const joined = joinTrails([[trail(0n, 1n)], [], [trail(7n, 8n)]], new Set([0n]));
    assert.deepEqual(
      joined.map((second) => second.joined),
      [true, false, true],
    );
    assert.deepEqual(joined[0]?.trails, [trail(0n, 1n)]);
  });
});
