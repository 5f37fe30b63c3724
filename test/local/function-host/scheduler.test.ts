import assert from 'node:assert/strict';
import { createSchedule, nextDueMs, type ScheduledRun } from '../../../local/function-host/scheduler.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { createHostForTest, type HostForTest } from './host-for-test.ts';

describe('scheduler', () => {
  const folder = temporaryFolder();
  let host: HostForTest;

  beforeEach(() => {
    host = createHostForTest(folder());
  });
  afterEach(() => host.stop());

  it('invokes at a steady rate with the time that was due', async () => {
    const runs: ScheduledRun[] = [];
    const target = await host.define('probe');
    const schedule = createSchedule({
      everyMs: 40,
      firstAfterMs: 0,
      target,
      event: (scheduledTime) => ({ file: scheduledTime.toISOString() }),
      onResult: (run) => runs.push(run),
    });
    await until('it ran four times', () => runs.length >= 4);
    await schedule.stop();
    const count = runs.length;
    for (const { result, scheduledTime } of runs) {
      assert.ok(result.outcome === 'returned');
      assert.deepEqual((result.payload as { event: unknown }).event, { file: scheduledTime.toISOString() });
    }
    const steps = runs
      .slice(1)
      .map((run, index) => run.scheduledTime.getTime() - runs[index]!.scheduledTime.getTime());
    assert.ok(
      steps.every((step) => step > 0 && step % 40 === 0),
      steps.join(),
    );
    await target.invoke({});
    assert.equal(runs.length, count);
  });

  it('waits for no earlier run', async () => {
    const target = await host.define('probe', { maximumConcurrency: 3 });
    const schedule = createSchedule({ everyMs: 30, target, event: () => ({ do: 'wait', ms: 400 }) });
    await until(
      'three runs overlap',
      () => target.sandboxes().filter(({ state }) => state === 'busy').length === 3,
    );
    await schedule.stop();
  });

  it('repeats no run that failed', async () => {
    const runs: ScheduledRun[] = [];
    const schedule = createSchedule({
      everyMs: 50,
      target: await host.define('probe'),
      event: () => ({ do: 'throw' }),
      onResult: (run) => runs.push(run),
    });
    await until('it ran twice', () => runs.length >= 2);
    await schedule.stop();
    assert.ok(runs.every(({ result }) => result.outcome === 'failed'));
    assert.equal(new Set(runs.map(({ scheduledTime }) => scheduledTime.getTime())).size, runs.length);
  });

  it('skips the times that a sleeping machine missed, and stays on its grid', () => {
    assert.equal(nextDueMs(1_000, 300, 1_000), 1_300);
    assert.equal(nextDueMs(1_000, 300, 1_299), 1_300);
    assert.equal(nextDueMs(1_000, 300, 1_300), 1_600);
    assert.equal(nextDueMs(1_000, 300, 9_999), 10_000);
    assert.equal(nextDueMs(1_000, 300, 900), 1_300);
  });
});
