import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Timeline } from '../../../local/simulation/timeline.ts';

const START = new Date('2026-03-02T00:00:00+09:00');

function runAll(timeline: Timeline): void {
  for (let event = timeline.next(); event !== undefined; event = timeline.next()) void event.run();
}

describe('the simulated time', () => {
  it('brings events in time’s order, and those of one moment in the order in which they were asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), (delays) => {
        const timeline = new Timeline(START);
        const happened: { delay: number; index: number }[] = [];
        delays.forEach((delay, index) => timeline.after(delay, () => void happened.push({ delay, index })));
        runAll(timeline);
        const expected = delays
          .map((delay, index) => ({ delay, index }))
          .sort((a, b) => a.delay - b.delay || a.index - b.index);
        assert.deepEqual(happened, expected);
      }),
    );
  });

  it('stands still while something happens, and jumps to what happens next', () => {
    const timeline = new Timeline(START);
    const clock = timeline.clockOf();
    const seen: number[] = [];
    timeline.after(90_000, () => void seen.push(clock.monotonicMs() - START.getTime()));
    timeline.after(5, () => void seen.push(clock.now().getTime() - START.getTime()));
    runAll(timeline);
    assert.deepEqual(seen, [5, 90_000]);
  });

  it('leaves out what was called off, and what the dead waited for', () => {
    const timeline = new Timeline(START);
    const owner = { name: 'function', alive: true };
    const happened: string[] = [];
    timeline.after(1, () => void happened.push('called off'))();
    timeline.after(2, () => void (owner.alive = false));
    timeline.after(3, () => void happened.push('of the dead'), owner);
    timeline.after(4, () => void happened.push('of nobody'));
    runAll(timeline);
    assert.deepEqual(happened, ['of nobody']);
  });
});
