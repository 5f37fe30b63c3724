import assert from 'node:assert/strict';
import { ALL_TROUBLES, planWorld } from '../../../local/simulation/plan.ts';
import { commandOf } from '../../../local/simulation/shrink.ts';

describe('the plan of a world', () => {
  const plans = Array.from({ length: 300 }, (_, seed) => planWorld(seed + 1));

  it('follows from its seed', () => {
    assert.deepEqual(planWorld(17), planWorld(17));
    assert.notDeepEqual(planWorld(17).troubles, planWorld(18).troubles);
  });

  it('lets every trouble befall some worlds and spare others, each a probability', () => {
    for (const name of ALL_TROUBLES) {
      const rates = plans.map((plan) => plan.troubles[name] ?? 0);
      assert.ok(rates.some((rate) => rate > 0) && rates.includes(0), name);
      assert.ok(
        rates.every((rate) => rate >= 0 && rate <= 1),
        name,
      );
    }
  });

  it('lets midnight in Korea fall into many worlds', () => {
    const withMidnight = plans.filter(({ startsAt, minutes }) => {
      const kst = new Date(startsAt.getTime() + 9 * 3_600_000);
      const minutesLeft = 24 * 60 - kst.getUTCHours() * 60 - kst.getUTCMinutes();
      return minutesLeft <= minutes;
    });
    assert.ok(withMidnight.length > 60, `${withMidnight.length} of 300`);
  });

  it('is made smaller by what a command says, and the command says it', () => {
    const changes = { orders: 3, minutes: 5, lookEvery: 1, without: ['kill', 'forget_id'] } as const;
    const plan = planWorld(5, changes);
    assert.deepEqual([plan.orders, plan.minutes, plan.lookEvery], [3, 5, 1]);
    assert.deepEqual([plan.troubles.kill, plan.troubles.forget_id], [undefined, undefined]);
    assert.equal(
      commandOf(5, changes),
      'npm run simulate -- --seed 5 --runs 1 --orders 3 --minutes 5 --look-every 1 --without kill,forget_id',
    );
  });
});
