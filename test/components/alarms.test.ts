import assert from 'node:assert/strict';
import { alarmsOf, DEFAULT_THRESHOLDS, RUNBOOK_SECTIONS, type AlarmSpec } from '../../components/alarms.ts';
import { METRICS } from '../../functions/shared/metrics.ts';
import { watchedStack } from './watched-stack.ts';

const byId = (alarms: readonly AlarmSpec<string>[]) => new Map(alarms.map((alarm) => [alarm.id, alarm]));

describe('the alarms', () => {
  const alarms = alarmsOf(watchedStack());

  it('are these', () => {
    assert.deepEqual(
      alarms.map(({ id }) => id),
      [
        'missed-cycles',
        'payouts-halted',
        'payouts-paused',
        'drift',
        'unexplained-rows',
        'missing-withdrawals',
        'unknown-outcomes',
        'oldest-unpaid-transfer',
        'held-transfers',
        'deposit-to-payout-p99',
        'review-queue-age',
        'book-differences',
        'book-differences-in-all',
        'ledger-verification-failed',
        'ledger-verification-missed',
        'dead-letters-transfers',
        'dead-letters-webhooks-fast',
        'errors-matcher',
        'errors-verification',
        'throttles-matcher',
        'throttles-verification',
        'scheduler-drops',
        'database-at-max-capacity',
        'api-errors',
        'webhooks-parked',
      ],
    );
  });

  it('use every section of the runbook', () => {
    assert.deepEqual(
      [...new Set(alarms.map(({ section }) => section))].sort(),
      Object.keys(RUNBOOK_SECTIONS).sort(),
    );
  });

  it('look at metrics in the unit that they are written in', () => {
    const own = alarms.filter(({ metric }) => metric.of === 'smart-transfer');
    for (const { id, metric, threshold } of own) {
      const unit = (METRICS as Readonly<Record<string, string>>)[metric.name];
      const minutes = { Seconds: threshold / 60, Milliseconds: threshold / 60_000, Count: undefined };
      const expected = {
        'oldest-unpaid-transfer': DEFAULT_THRESHOLDS.unpaidMinutes,
        'review-queue-age': DEFAULT_THRESHOLDS.reviewHours * 60,
        'deposit-to-payout-p99': DEFAULT_THRESHOLDS.depositToPayoutMinutes,
      }[id];
      assert.equal(minutes[unit as keyof typeof minutes], expected, `${id} in ${String(unit)}`);
    }
  });

  it('can be evaluated by CloudWatch: whole minutes, over a day at most, or a week where a period is an hour', () => {
    for (const cycleMinutes of [5, 15, 60])
      for (const { id, periodSeconds, periods, ofPeriods } of alarmsOf(watchedStack({ cycleMinutes }))) {
        assert.equal(periodSeconds % 60, 0, id);
        assert.ok(periods <= ofPeriods && periods >= 1, id);
        const most = periodSeconds >= 3600 ? 7 * 86_400 : 86_400;
        assert.ok(periodSeconds * ofPeriods <= most, `${id}: ${periodSeconds * ofPeriods} s`);
      }
  });

  it('take silence of the cycle and of the daily check for the worst, and of what they count for nothing', () => {
    const breaching = alarms.filter(({ missing }) => missing === 'breaching').map(({ id }) => id);
    assert.deepEqual(breaching, ['missed-cycles', 'ledger-verification-missed']);
    const state = byId(alarms);
    for (const id of ['payouts-halted', 'unknown-outcomes', 'drift'])
      assert.equal(state.get(id)?.missing, 'ignore', `${id} stays what it was while nobody looks`);
  });

  it('are not told of silence before the stack has started, nor of nights where cycles rest', () => {
    const silent = (overrides: Parameters<typeof watchedStack>[0]) =>
      alarmsOf(watchedStack(overrides))
        .filter(({ missing }) => missing === 'breaching')
        .map(({ id }) => id);
    assert.deepEqual(silent({ started: false }), []);
    assert.deepEqual(silent({ cyclesAroundTheClock: false }), ['ledger-verification-missed']);
  });

  it('tell of a halt after one cycle, of three missed ones, and of what is unknown after half an hour', () => {
    const periods = (cycleMinutes: number) => {
      const found = byId(alarmsOf(watchedStack({ cycleMinutes })));
      return ['payouts-halted', 'missed-cycles', 'unknown-outcomes', 'drift'].map(
        (id) => found.get(id)?.periods,
      );
    };
    assert.deepEqual(periods(5), [1, 3, 6, 2]);
    assert.deepEqual(periods(15), [1, 3, 2, 2]);
  });

  it('tell of one error where nothing tries again, and of repeated ones elsewhere', () => {
    const found = byId(alarms);
    assert.deepEqual(
      [found.get('errors-verification')?.periods, found.get('errors-matcher')?.periods],
      [1, 2],
    );
  });
});
