import assert from 'node:assert/strict';
import fc from 'fast-check';
import { plan } from '../../components/rollout/plan.ts';
import {
  parseStrategy,
  SAM_TYPES,
  type RolloutStrategy,
  type SamType,
} from '../../components/rollout/strategy.ts';
import { ROLLED_OUT } from '../../components/settings.ts';
import {
  rolloutMinutes,
  SESSION_MINUTES_MAX,
  sessionMinutes,
  type LongSettings,
} from '../../deployments/session-length.ts';
import { readDeployedSettings } from '../../deployments/stack-file.ts';

const prod = readDeployedSettings('prod');

const withRollout = (change: Partial<LongSettings['rollout']>): LongSettings => ({
  ...prod,
  rollout: { ...prod.rollout, ...change },
});

const everything = (strategy: RolloutStrategy) =>
  withRollout(Object.fromEntries(ROLLED_OUT.map((name) => [name, strategy])));

const strategies = fc.oneof(
  fc.constantFrom(...(Object.keys(SAM_TYPES) as SamType[])),
  fc.record({
    kind: fc.constantFrom('canary' as const, 'linear' as const),
    percent: fc.integer({ min: 1, max: 99 }),
    intervalMinutes: fc.integer({ min: 1, max: 30 }),
  }),
);

describe('how long a deployment keeps its rights', () => {
  for (const stack of ['dev', 'prod'])
    for (const by of ['pulumi_deployments', 'github_actions'] as const)
      it(`is long enough for every rollout of ${stack} one after another, by ${by}`, () => {
        const settings = readDeployedSettings(stack);
        const all = ROLLED_OUT.reduce((sum, name) => sum + rolloutMinutes(settings, name), 0);
        const minutes = sessionMinutes(settings, by);
        assert.ok(minutes > all, `${minutes} minutes, and the rollouts take ${all}`);
        assert.ok(minutes <= SESSION_MINUTES_MAX[by]);
        assert.equal(minutes % 60, 0);
      });

  it('counts steps, watching, both checks and the way back', () => {
    // 9 minutes of steps, 3 of watching, twice 45 s of checks, 5 to bring traffic back.
    assert.equal(rolloutMinutes(prod, 'settlement'), 9 + 3 + 1.5 + 5);
  });

  it("counts the cycle of a matcher's new version that is waited for", () => {
    const watching = rolloutMinutes(withRollout({ watchOneCycle: true }), 'matcher');
    assert.equal(watching - rolloutMinutes(withRollout({ watchOneCycle: false }), 'matcher'), 12 - 3);
  });

  it('is never shorter than any rollout that a file can ask for, or the file is refused', () => {
    fc.assert(
      fc.property(
        strategies,
        fc.constantFrom(...ROLLED_OUT),
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom('pulumi_deployments' as const, 'github_actions' as const),
        (strategy, name, bakeMinutes, by) => {
          const parsed = parseStrategy(strategy);
          fc.pre(parsed.outcome === 'parsed');
          const settings = withRollout({ [name]: strategy, bakeMinutes });
          const longest = plan(parsed.shifting).shiftMs / 60_000 + bakeMinutes;
          let minutes;
          try {
            minutes = sessionMinutes(settings, by);
          } catch (error) {
            assert.match(String(error), new RegExp(`rollout\\.${name} may take \\d+ minutes`));
            assert.ok(longest > SESSION_MINUTES_MAX[by] - 60 - 60, `${longest} minutes were refused`);
            return;
          }
          assert.ok(minutes > longest, `${minutes} minutes for ${longest}`);
        },
      ),
    );
  });

  it('takes the slowest of the types that SAM has for every function', () => {
    assert.equal(sessionMinutes(everything('Linear10PercentEvery10Minutes'), 'pulumi_deployments'), 720);
    assert.equal(sessionMinutes(everything('Linear10PercentEvery10Minutes'), 'github_actions'), 360);
  });

  it("refuses a rollout that outlives a session, or GitHub's machine", () => {
    const slow = everything({ kind: 'linear', percent: 10, intervalMinutes: 45 });
    assert.throws(
      () => sessionMinutes(slow, 'github_actions'),
      /rollout\.matcher may take 4\d\d minutes, and a deployment by github_actions ends after 360/,
    );
    assert.equal(sessionMinutes(slow, 'pulumi_deployments'), 720);
  });
});
