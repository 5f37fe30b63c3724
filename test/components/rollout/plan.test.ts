import assert from 'node:assert/strict';
import fc from 'fast-check';
import { plan, type RolloutStep } from '../../../components/rollout/plan.ts';
import { parseStrategy, SAM_TYPES, type SamType } from '../../../components/rollout/strategy.ts';

const tens = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/** Minutes after the first step, and the percent from then on: as SAM's documentation names them. */
const SCHEDULES: Record<SamType, [number, number][]> = {
  AllAtOnce: [[0, 100]],
  Canary10Percent5Minutes: [
    [0, 10],
    [5, 100],
  ],
  Canary10Percent10Minutes: [
    [0, 10],
    [10, 100],
  ],
  Canary10Percent15Minutes: [
    [0, 10],
    [15, 100],
  ],
  Canary10Percent30Minutes: [
    [0, 10],
    [30, 100],
  ],
  Linear10PercentEvery1Minute: tens.map((percent, index) => [index, percent]),
  Linear10PercentEvery2Minutes: tens.map((percent, index) => [index * 2, percent]),
  Linear10PercentEvery3Minutes: tens.map((percent, index) => [index * 3, percent]),
  Linear10PercentEvery10Minutes: tens.map((percent, index) => [index * 10, percent]),
};

describe("a rollout's plan", () => {
  for (const [name, schedule] of Object.entries(SCHEDULES)) {
    it(`has the exact steps of ${name}`, () => {
      const { steps, shiftMs } = plan(SAM_TYPES[name as SamType]);
      assert.deepEqual(
        steps.map(({ atMs, percent }) => [atMs / 60_000, percent]),
        schedule,
      );
      assert.equal(shiftMs, (schedule.at(-1)?.[0] ?? 0) * 60_000);
    });
  }

  const custom = fc.record({
    kind: fc.constantFrom('canary', 'linear'),
    percent: fc.integer({ min: 1, max: 99 }),
    intervalMinutes: fc.integer({ min: 1, max: 7 }),
  });

  it('begins at once, only ever grows, and ends with everything, for any strategy of your own', () => {
    fc.assert(
      fc.property(custom, (strategy) => {
        const parsed = parseStrategy(strategy);
        assert.ok(parsed.outcome === 'parsed');
        const { steps, shiftMs } = plan(parsed.shifting);
        assert.equal(steps[0]?.atMs, 0);
        assert.equal(steps.at(-1)?.percent, 100);
        assert.equal(steps.at(-1)?.atMs, shiftMs);
        const intervalMs = strategy.intervalMinutes * 60_000;
        steps.reduce((earlier: RolloutStep, step) => {
          assert.ok(step.percent > earlier.percent && step.percent <= earlier.percent + 100);
          assert.equal(step.atMs, earlier.atMs + intervalMs);
          return step;
        });
        const moves = steps.map((step, index) => step.percent - (steps[index - 1]?.percent ?? 0));
        assert.equal(
          moves.reduce((sum, move) => sum + move, 0),
          100,
        );
        const equal = strategy.kind === 'canary' ? moves.slice(0, 1) : moves.slice(0, -1);
        assert.ok(equal.every((move) => move === strategy.percent));
        assert.ok(strategy.kind === 'canary' || (moves.at(-1) ?? 0) <= strategy.percent);
        assert.equal(steps.length, strategy.kind === 'canary' ? 2 : Math.ceil(100 / strategy.percent));
      }),
    );
  });

  it('ends within the time that a role may be assumed for, whatever is accepted', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('canary', 'linear'),
        fc.integer({ min: 1, max: 99 }),
        fc.integer({ min: 1, max: 720 }),
        (kind, percent, intervalMinutes) => {
          const parsed = parseStrategy({ kind, percent, intervalMinutes });
          if (parsed.outcome === 'parsed') assert.ok(plan(parsed.shifting).shiftMs <= 12 * 3_600_000);
          else assert.match(parsed.message, /a role's session ends after 720/);
        },
      ),
    );
  });
});

describe("a rollout strategy's text", () => {
  const refusals: [unknown, RegExp][] = [
    ['Canary10Percent7Minutes', /"Canary10Percent7Minutes" is no rollout strategy: write one of AllAtOnce, /],
    ['allatonce', /write one of AllAtOnce/],
    ['toString', /is no rollout strategy/],
    [undefined, /write the name of a SAM type, or an object/],
    [null, /write the name/],
    [['AllAtOnce'], /write the name/],
    [{ kind: 'all_at_once' }, /kind is "canary" or "linear"/],
    [{ kind: 'linear', percent: 0, intervalMinutes: 1 }, /percent is a whole number from 1 to 99/],
    [{ kind: 'linear', percent: 100, intervalMinutes: 1 }, /percent is/],
    [{ kind: 'linear', percent: '10', intervalMinutes: 1 }, /percent is/],
    [{ kind: 'linear', percent: 12.5, intervalMinutes: 1 }, /percent is/],
    [{ kind: 'canary', percent: 10, intervalMinutes: 0 }, /intervalMinutes is a whole number from 1 to 720/],
    [{ kind: 'canary', percent: 10 }, /intervalMinutes is/],
    [{ kind: 'linear', percent: 1, intervalMinutes: 10 }, /it would take 990 minutes/],
    [{ kind: 'canary', percent: 10, intervalMinutes: 5, minutes: 5 }, /"minutes" means nothing/],
  ];
  for (const [value, message] of refusals) {
    it(`is refused, with its value and a remedy: ${JSON.stringify(value)}`, () => {
      const parsed = parseStrategy(value);
      assert.ok(parsed.outcome === 'refused');
      assert.match(parsed.message, message);
    });
  }

  it('is read by its SAM name, or as an object', () => {
    assert.deepEqual(parseStrategy('Linear10PercentEvery1Minute'), {
      outcome: 'parsed',
      shifting: { kind: 'linear', percent: 10, intervalMinutes: 1 },
    });
    assert.deepEqual(parseStrategy({ kind: 'canary', percent: 25, intervalMinutes: 4 }), {
      outcome: 'parsed',
      shifting: { kind: 'canary', percent: 25, intervalMinutes: 4 },
    });
  });
});
