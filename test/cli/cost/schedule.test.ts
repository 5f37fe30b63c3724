import assert from 'node:assert/strict';
import fc from 'fast-check';
import { awakeShare, runsOfWeek, WEEK_MINUTES } from '../../../cli/cost/schedule.ts';

describe('a schedule', () => {
  it('by rate runs all week', () => {
    assert.equal(runsOfWeek('rate(5 minutes)').length, 7 * 24 * 12);
    assert.equal(runsOfWeek('rate(1 minute)').length, WEEK_MINUTES);
    assert.equal(runsOfWeek('rate(1 hour)').length, 7 * 24);
  });

  it('by cron runs at the minutes, hours and days that it names', () => {
    const working = runsOfWeek('cron(0/15 9-17 ? * MON-FRI *)');
    assert.equal(working.length, 5 * 9 * 4);
    assert.equal(working[0], (24 + 9) * 60, 'a week begins on Sunday');
    assert.deepEqual(runsOfWeek('cron(30 0 ? * SUN,WED *)'), [30, 3 * 24 * 60 + 30]);
    assert.equal(runsOfWeek('cron(30 0 * * ? *)').length, 7);
    assert.equal(runsOfWeek('cron(0,30 */6 ? * 2-3 *)').length, 2 * 4 * 2);
  });

  it('that no week shows is refused, and so is what makes no sense', () => {
    for (const wrong of ['cron(0 9 1 * ? *)', 'cron(0 9 ? 3 MON *)', 'at(2026-01-01T00:00:00)'])
      assert.throws(() => runsOfWeek(wrong), /is none of every week; write rate/);
    assert.throws(() => runsOfWeek('cron(75 9 ? * MON *)'), /values are 0 to 59/);
    assert.throws(() => runsOfWeek('cron(x 9 ? * MON *)'), /no field of a schedule/);
  });

  it('keeps awake for as long as each run does, and counts what overlaps once', () => {
    assert.equal(awakeShare([], 5), 0);
    assert.equal(awakeShare([0], 60), 60 / WEEK_MINUTES);
    assert.equal(awakeShare([30, 0], 60), 90 / WEEK_MINUTES);
    assert.equal(awakeShare(runsOfWeek('rate(5 minutes)'), 5), 1);
    assert.equal(awakeShare([WEEK_MINUTES - 10, 0], 20), 30 / WEEK_MINUTES, 'the week goes round');
  });

  it('never keeps awake for longer than a week, and longer with each run more', () => {
    const runs = fc.array(fc.integer({ min: 0, max: WEEK_MINUTES - 1 }), { maxLength: 200 });
    fc.assert(
      fc.property(runs, fc.nat(WEEK_MINUTES - 1), fc.nat(600), (some, another, minutes) => {
        const share = awakeShare(some, minutes);
        const more = awakeShare([...some, another], minutes);
        assert.ok(share >= 0 && more <= 1 + 1e-9);
        assert.ok(more >= share - 1e-9);
      }),
    );
  });
});
