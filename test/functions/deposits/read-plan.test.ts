import assert from 'node:assert/strict';
import fc from 'fast-check';
import { kstDate } from '../../../functions/bank/kst.ts';
import {
  halve,
  planBeginning,
  OVERLAP_MS,
  planRead,
  planReread,
  splitBefore,
  splitByDate,
  type Range,
} from '../../../functions/deposits/read-plan.ts';
import { at, minutes } from '../../support/statement-scene.ts';

const longAgo = at('00:00:00', '2026-01-01');
const cursorAt = (readThrough: Date, beginsAt = longAgo, resumeAt: Date | null = null) => ({
  beginsAt,
  readThrough,
  resumeAt,
});
const rereadOn = (date: string | null, beginsAt = longAgo) => ({ beginsAt, rereadOn: date });

const instants = fc
  .integer({ min: at('00:00:00', '2026-03-01').getTime(), max: at('00:00:00', '2026-03-20').getTime() })
  .map((ms) => new Date(ms));
const seconds = instants.map((instant) => new Date(Math.floor(instant.getTime() / 1000) * 1000));
const ranges = fc
  .tuple(seconds, fc.integer({ min: 0, max: 10 * 86_400 }))
  .map(([from, length]) => ({ from, to: new Date(from.getTime() + length * 1000) }));

/** That parts, in their order, hold each second of a range once. */
function assertCovers(parts: readonly Range[], range: Range): void {
  assert.equal(parts[0]?.from.getTime(), range.from.getTime());
  assert.equal(parts.at(-1)?.to.getTime(), range.to.getTime());
  parts.forEach((part, index) => {
    assert.ok(part.from <= part.to);
    const next = parts[index + 1];
    if (next) assert.equal(next.from.getTime(), part.to.getTime() + 1000);
  });
}

describe('the plan of a read', () => {
  it('goes from an hour before what was read to the last second that is over', () => {
    assert.deepEqual(planRead(cursorAt(at('09:55:00')), new Date(at('10:00:00').getTime() + 750)), {
      from: at('08:55:00'),
      to: at('09:59:59'),
    });
  });

  it('goes from where the reading stopped, however long ago', () => {
    const plan = planRead(cursorAt(at('09:00:00', '2026-03-03')), at('10:00:00'));
    assert.deepEqual(plan?.from, at('08:00:00', '2026-03-03'));
  });

  it('goes on where the reading broke off, without the hour before that', () => {
    const plan = planRead(cursorAt(at('09:00:00'), longAgo, at('09:00:01')), at('10:00:00'));
    assert.deepEqual(plan, { from: at('09:00:01'), to: at('09:59:59') });
  });

  it("never goes before the account's beginning", () => {
    const begins = at('09:30:00');
    assert.deepEqual(planRead(cursorAt(begins, begins), at('10:00:00')), {
      from: begins,
      to: at('09:59:59'),
    });
  });

  it('is nothing before a second has passed since the beginning', () => {
    const begins = at('10:00:00');
    assert.equal(planRead(cursorAt(begins, begins), at('10:00:00')), undefined);
    assert.ok(planRead(cursorAt(begins, begins), at('10:00:01')));
  });

  it('covers whole seconds without a gap up to now, and at least an hour that was read before', () => {
    fc.assert(
      fc.property(seconds, instants, fc.boolean(), (readThrough, now, due) => {
        const recent = planRead(cursorAt(readThrough), now);
        if (recent === undefined) return;
        assert.equal(recent.from.getTime() % 1000, 0);
        assert.equal(recent.to.getTime() % 1000, 0);
        const behind = now.getTime() - recent.to.getTime();
        assert.ok(behind >= 1000 && behind < 2000);
        assert.ok(readThrough.getTime() - recent.from.getTime() >= OVERLAP_MS);
        assert.ok(OVERLAP_MS >= minutes(60));
        const earlier = planReread(rereadOn(due ? null : kstDate(now)), recent.from, now);
        if (earlier) assertCovers([earlier, recent], { from: earlier.from, to: recent.to });
      }),
    );
  });
});

describe('the plan of reading again', () => {
  const readFrom = at('08:55:00');
  const now = at('10:00:00');

  it('goes over the last three days once a day, up to what is read as new', () => {
    const earlier = { from: at('00:00:00', '2026-03-08'), to: at('08:54:59') };
    assert.deepEqual(planReread(rereadOn('2026-03-09'), readFrom, now), earlier);
    assert.deepEqual(planReread(rereadOn(null), readFrom, now), earlier);
    assert.equal(planReread(rereadOn('2026-03-10'), readFrom, now), undefined);
  });

  it("takes Korea's date for the day", () => {
    const [from, justAfterMidnight] = [at('22:55:00'), at('00:00:30', '2026-03-11')];
    assert.ok(planReread(rereadOn('2026-03-10'), from, justAfterMidnight));
    assert.equal(planReread(rereadOn('2026-03-11'), from, justAfterMidnight), undefined);
  });

  it('goes back to the date that a proof of absence needs', () => {
    const earlier = planReread(rereadOn('2026-03-10'), readFrom, now, '2026-03-05');
    assert.deepEqual(earlier, { from: at('00:00:00', '2026-03-05'), to: at('08:54:59') });
  });

  it("never goes before the account's beginning", () => {
    assert.equal(planReread(rereadOn(null, readFrom), readFrom, now, '2026-03-01'), undefined);
  });
});

describe('a range', () => {
  it('splits at midnight in Korea', () => {
    const range = { from: at('23:00:00', '2026-03-09'), to: at('01:00:00') };
    assert.deepEqual(splitByDate(range), [
      { from: at('23:00:00', '2026-03-09'), to: at('23:59:59', '2026-03-09') },
      { from: at('00:00:00'), to: at('01:00:00') },
    ]);
  });

  it('splits by date into parts that hold each second once, each of one date', () => {
    fc.assert(
      fc.property(ranges, (range) => {
        const parts = splitByDate(range);
        assertCovers(parts, range);
        for (const part of parts) assert.equal(kstDate(part.from), kstDate(part.to));
        assert.equal(new Set(parts.map((part) => kstDate(part.from))).size, parts.length);
      }),
    );
  });

  it('halves into parts that hold each second once, and as many each', () => {
    fc.assert(
      fc.property(ranges, (range) => {
        const parts = halve(range);
        assertCovers(parts, range);
        const [first, second] = parts.map((part) => part.to.getTime() - part.from.getTime());
        if (range.from < range.to) assert.ok(Math.abs(first! - second!) <= 1000);
        else assert.equal(parts.length, 1);
      }),
    );
  });

  it('splits before its last second, which is then a part of its own', () => {
    const [from, to] = [new Date('2026-03-10T01:00:00Z'), new Date('2026-03-10T01:00:09Z')];
    assert.deepEqual(splitBefore({ from, to }, to), [
      { from, to: new Date('2026-03-10T01:00:08Z') },
      { from: to, to },
    ]);
  });

  it('splits before an instant inside it, and stays whole otherwise', () => {
    fc.assert(
      fc.property(ranges, seconds, (range, instant) => {
        const parts = splitBefore(range, instant);
        assertCovers(parts, range);
        const inside = instant > range.from && instant <= range.to;
        assert.equal(parts.length, inside ? 2 : 1);
        if (inside) assert.deepEqual(parts[1]?.from, instant);
      }),
    );
  });

  describe('of a new account begins', () => {
    const now = new Date('2026-03-10T00:03:00+09:00');
    const midnight = (date: string) => new Date(`${date}T00:00:00+09:00`);

    it('with the day of the first order, whose buyer may have paid before the first cycle', () => {
      const order = new Date('2026-03-09T23:50:00+09:00');
      assert.deepEqual(planBeginning(now, order), midnight('2026-03-09'));
    });

    it('today, when there is no order or none that counts already', () => {
      assert.deepEqual(planBeginning(now, undefined), midnight('2026-03-10'));
      assert.deepEqual(planBeginning(now, new Date('2026-03-11T10:00:00+09:00')), midnight('2026-03-10'));
    });

    it('no earlier than what is read again each day', () => {
      assert.deepEqual(planBeginning(now, midnight('2025-01-01')), midnight('2026-03-08'));
    });
  });
});
