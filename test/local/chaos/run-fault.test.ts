import assert from 'node:assert/strict';
import { FAULTS } from '../../../local/chaos/faults.ts';
import { isSound, notTried, runFault } from '../../../local/chaos/run-fault.ts';

/** Two that need no waiting: one in each function. `npm run chaos` tries them all. */
const SHORT = ['kill_settlement_in_flight', 'kill_matcher_before_send'];

describe('chaos', function () {
  this.timeout(240_000);
  let ending: AbortController;
  beforeEach(() => {
    ending = new AbortController();
  });
  afterEach(() => ending.abort());

  for (const name of SHORT)
    it(`loses nothing and pays nothing twice after ${name}`, async () => {
      const fault = FAULTS.find((one) => one.name === name);
      assert.ok(fault !== undefined, `there is no fault ${name}`);
      const report = await runFault(fault, { signal: ending.signal });
      assert.deepEqual(report.problems, []);
      assert.equal(report.lost, 0);
      assert.equal(report.paid_twice, 0);
      assert.ok(report.recovery_s !== null && report.payouts > 40, JSON.stringify(report));
    });

  it('is not sound when a fault could not be tried to its end', () => {
    const report = notTried(FAULTS[0]!, new Error('no moment'));
    assert.equal(isSound(report), false);
    assert.deepEqual(report.problems, ['not tried to its end: no moment']);
  });

  it('names each fault once', () => {
    const names = FAULTS.map((fault) => fault.name);
    assert.equal(new Set(names).size, names.length);
  });
});
