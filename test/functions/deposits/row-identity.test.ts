import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { StatementRow } from '../../../functions/bank/bank.ts';
import { identifyRows, type KnownRow } from '../../../functions/deposits/row-identity.ts';
import { won } from '../../../functions/shared/money.ts';
import { at, later, Statement } from '../../support/statement-scene.ts';

const second = at('10:00:00');
const next = at('10:00:01');

/** A row by the balances before and after it. */
function step(from: bigint, to: bigint, text = '홍길동0420', occurredAt = second): StatementRow {
  const amount = won(to > from ? to - from : from - to);
  const direction = to > from ? 'in' : 'out';
  return { occurredAt, direction, amount, balanceAfter: won(to), text, kind: '', branch: '' };
}

/** The balance before what is read, where it is known. */
const known = (before?: bigint) => (before === undefined ? undefined : new Set([before]));

/** What is new, in short: the balances after it, `?` where it may be a duplicate. */
const outcome = (read: readonly StatementRow[], stored: readonly KnownRow[] = [], before?: bigint) =>
  identifyRows(read, stored, known(before)).fresh.map(
    ({ row, ordinal, possibleDuplicate }) => `${row.balanceAfter}#${ordinal}${possibleDuplicate ? '?' : ''}`,
  );

describe('row identity', () => {
  describe('equal rows of one second', () => {
    const thereAndBack = [step(0n, 1n), step(1n, 0n), step(0n, 1n)];

    it('are three rows: +1, −1, +1', () => {
      assert.deepEqual(outcome(thereAndBack), ['1#1', '0#1', '1#2']);
      assert.deepEqual(outcome(thereAndBack, [], 0n), ['1#1', '0#1', '1#2']);
    });

    it('are three rows in any order, when the next second begins where they end', () => {
      const [up, down, upAgain] = thereAndBack;
      for (const read of [
        [up!, upAgain!, down!],
        [down!, up!, upAgain!],
      ]) {
        const { fresh } = identifyRows([...read, step(1n, 5n, '다음', next)], [], known(0n));
        assert.equal(fresh.length, 4);
        assert.ok(fresh.every((row) => !row.possibleDuplicate));
      }
    });

    it('are two rows and a possible duplicate, when neither order nor balances tell', () => {
      const [up, down, upAgain] = thereAndBack;
      assert.deepEqual(outcome([up!, upAgain!, down!]).sort(), ['0#1', '1#1', '1#2?']);
    });

    it('are possible duplicates when a whole round is shown twice', () => {
      const [up, down] = thereAndBack;
      assert.deepEqual(outcome([up!, down!, up!, down!], [], 0n).sort(), ['0#1', '0#2?', '1#1', '1#2?']);
    });

    it('are a possible duplicate when the order in which they are shown leads nowhere, though no run of them repeats', () => {
      const [a, b, c] = [step(0n, 1n), step(1n, 2n), step(2n, 0n)];
      assert.deepEqual(outcome([a, b, c, a]), ['1#1', '2#1', '0#1', '1#2']);
      assert.deepEqual(outcome([a, c, b, a]).sort(), ['0#1', '1#1', '1#2?', '2#1']);
    });

    it('are true where a run begins as one before it, and goes on otherwise', () => {
      const [a, b, c] = [step(0n, 1n), step(1n, 0n), step(1n, 2n)];
      assert.deepEqual(outcome([a, b, a, c]), ['1#1', '0#1', '1#2', '2#1']);
    });

    it('are searched for repeated runs up to 64 rows, and in doubt beyond', () => {
      /** From 0 up to the top, back to 0, and the first step again. */
      const around = (rows: number) => {
        const top = BigInt(rows - 2);
        const up = Array.from({ length: rows - 2 }, (_, n) => step(BigInt(n), BigInt(n + 1)));
        return [...up, step(top, 0n), step(0n, 1n)];
      };
      assert.equal(outcome(around(64)).at(-1), '1#2');
      assert.ok(outcome(around(65)).includes('1#2?'));
    });

    it('are never fewer than what is stored', () => {
      const [up, down] = thereAndBack;
      const following = step(0n, 7n, '다음', next);
      const read = [...thereAndBack, down!, following];
      assert.deepEqual(outcome(read, [up!, down!, up!], 0n), ['0#2', '7#1']);
    });

    it('are a possible duplicate when the read lacks a stored one of them', () => {
      const read = [step(1n, 0n, '출금'), step(0n, 1n, '다른 글')];
      assert.deepEqual(outcome(read, [step(0n, 1n)]).sort(), ['0#1', '1#1?']);
    });

    it('are new when the read shows one more than is stored', () => {
      const [up, down] = thereAndBack;
      assert.deepEqual(outcome(thereAndBack, [up!, down!], 0n), ['1#2']);
    });
  });

  describe('a page that overlaps', () => {
    const chain = [step(0n, 10n, 'a'), step(10n, 30n, 'b', next), step(30n, 25n, 'c', at('10:00:02'))];

    it('adds nothing, whichever rows it repeats', () => {
      for (const repeated of [chain.slice(0, 1), chain.slice(1), chain]) {
        const result = identifyRows([...chain, ...repeated], []);
        assert.deepEqual(
          result.fresh.map(({ row }) => row.text),
          ['a', 'b', 'c'],
        );
        assert.equal(result.repeated, repeated.length);
        assert.equal(result.chain, 'mended');
      }
    });

    it('adds nothing when it repeats rows of two seconds that cancel each other', () => {
      const round = [step(0n, 5n, 'a'), step(5n, 0n, 'b', next)];
      assert.deepEqual(outcome([...round, ...round, step(0n, 7n, 'c', at('10:00:02'))]), [
        '5#1',
        '0#1',
        '7#1',
      ]);
    });

    it('is dropped, too, where a late row has left a gap beside it', () => {
      const row = step(20n, 30n, 'a', next);
      assert.deepEqual(outcome([step(0n, 10n), row, row]), ['10#1', '30#1']);
      const [first, last] = [step(0n, 10n), step(13n, 20n)];
      assert.deepEqual(outcome([first, last, last]), ['10#1', '20#1']);
      assert.deepEqual(outcome([first, step(10n, 13n), last, last], [first, last]), ['13#1']);
    });
  });

  it('finds nothing new in a read of what is stored', () => {
    const rows = [step(0n, 10n), step(10n, 20n), step(20n, 10n)];
    assert.deepEqual(identifyRows(rows, rows, known(0n)), { fresh: [], repeated: 0, chain: 'whole' });
  });

  it('takes a stored row whose text has changed for the same row', () => {
    const stored = [step(0n, 10n, '홍길동0420')];
    for (const before of [0n, undefined]) {
      const result = identifyRows([step(0n, 10n, '국민홍길동0420')], stored, known(before));
      assert.deepEqual([result.fresh.length, result.repeated, result.chain], [0, 1, 'mended']);
    }
  });

  describe('two buyers with the same amount in the same second', () => {
    it('are both new when the balances lead from one to the other', () => {
      const buyers = [step(0n, 10n, '김철수1111'), step(10n, 20n, '이영희2222')];
      assert.deepEqual(outcome(buyers, [], 0n), ['10#1', '20#1']);
      assert.deepEqual(outcome(buyers.toReversed(), [], 0n), ['10#1', '20#1']);
      assert.deepEqual(outcome(buyers.slice(1), buyers.slice(0, 1), 0n), ['20#1']);
    });

    it('are both new when the text is the same, too', () => {
      assert.deepEqual(outcome([step(0n, 10n), step(10n, 20n)], [], 0n), ['10#1', '20#1']);
    });

    it('are possible duplicates when the balances do not lead from one to the other', () => {
      assert.deepEqual(outcome([step(0n, 10n), step(50n, 60n)]).sort(), ['10#1?', '60#1?']);
      assert.deepEqual(outcome([step(0n, 10n), step(50n, 60n)], [step(0n, 10n)]), ['60#1?']);
    });

    it('are possible duplicates when the next second begins elsewhere', () => {
      const stored = [step(0n, 10n), step(10n, 15n, '다음', next)];
      assert.deepEqual(outcome([...stored, step(10n, 20n)], stored, 0n), ['20#1?']);
    });

    it('are possible duplicates when the second before ends elsewhere', () => {
      const stored = [step(0n, 5n, '앞', at('09:59:59')), step(10n, 20n)];
      assert.deepEqual(outcome([...stored, step(20n, 30n)], stored, 0n), ['30#1?']);
    });

    it('are possible duplicates when the balances lead from none of the other rows to them', () => {
      const apart = [step(0n, 10n), step(50n, 60n), step(60n, 50n)];
      assert.deepEqual(outcome(apart).sort(), ['10#1?', '50#1', '60#1?']);
    });

    it('are a possible duplicate when a stored row comes back with another balance', () => {
      const stored = [step(0n, 10n)];
      const restated = [step(0n, -3n, '늦은 출금', at('09:59:59')), step(-3n, 7n)];
      assert.deepEqual(outcome(restated, stored, 0n), ['-3#1', '7#1?']);
    });
  });

  it('finds a late row in the middle new, and the chain whole again', () => {
    const [a, late, c] = [
      step(0n, 10n, 'a'),
      step(10n, 30n, 'late', next),
      step(30n, 35n, 'c', at('10:00:02')),
    ];
    const without = identifyRows([a, c], [], known(0n));
    assert.deepEqual([without.fresh.length, without.chain], [2, 'broken']);
    const complete = identifyRows([a, late, c], [a, c], known(0n));
    assert.deepEqual(
      complete.fresh.map(({ row, possibleDuplicate }) => [row.text, possibleDuplicate]),
      [['late', false]],
    );
    assert.equal(complete.chain, 'whole');
  });

  it('calls a read broken that does not begin at the balance before it', () => {
    assert.equal(identifyRows([step(5n, 10n)], [], known(0n)).chain, 'broken');
    assert.equal(identifyRows([step(5n, 10n)], [], known(5n)).chain, 'whole');
  });

  it('puts the rows of a second into the order of their balances', () => {
    const rows = [step(30n, 25n), step(0n, 10n), step(10n, 30n, 'b')];
    assert.deepEqual(outcome(rows), ['10#1', '30#1', '25#1']);
  });

  it('judges a thousand rows of one amount in one second without trouble', () => {
    const many = Array.from({ length: 1000 }, (_, n) => step(BigInt(n) * 10n, BigInt(n + 1) * 10n));
    const { fresh } = identifyRows(
      [...many.toReversed(), ...many.slice(500, 505)],
      many.slice(0, 400),
      known(0n),
    );
    assert.equal(fresh.length, 600);
    assert.ok(fresh.every((row) => !row.possibleDuplicate));
  });

  describe('of any statement', () => {
    /** Rows in a few seconds, with amounts of few sizes, so that equal ones are common. */
    const statements = fc
      .array(
        fc.record({
          pause: fc.integer({ min: 0, max: 2 }),
          amount: fc.constantFrom(1n, 2n, 5n),
          direction: fc.constantFrom('in' as const, 'out' as const),
          text: fc.constantFrom('가', '나'),
        }),
        { minLength: 1, maxLength: 25 },
      )
      .map((steps) => {
        const statement = new Statement(0n);
        let time = second;
        for (const { pause, amount, direction, text } of steps) {
          time = later(time, pause * 1000);
          statement[direction](amount, text, time);
        }
        return statement.rows;
      });
    const neverTwiceThere = (rows: readonly StatementRow[]) => {
      const seen = new Set(['0']);
      let before = 0n;
      return rows.every((row) => {
        const places = [
          `${row.occurredAt.getTime()} ${before}`,
          `${row.occurredAt.getTime()} ${row.balanceAfter}`,
        ];
        before = row.balanceAfter;
        if (seen.has(places[1]!)) return false;
        places.forEach((place) => seen.add(place));
        return true;
      });
    };
    const said = (row: KnownRow) =>
      `${row.occurredAt.getTime()} ${row.direction} ${row.amount} ${row.balanceAfter} ${row.text}`;

    /** Reads a statement bit by bit: each read shows all rows up to a point from an overlap on, with repeats, shuffled. */
    function readAll(
      rows: readonly StatementRow[],
      reads: readonly { until: number; overlap: number; repeatAt: number; repeats: number; seed: number }[],
      shuffled: boolean,
    ) {
      const stored: { row: StatementRow; possibleDuplicate: boolean; ordinal: number }[] = [];
      let read = 0;
      for (const { until, overlap, repeatAt, repeats, seed } of [...reads, { ...reads[0]!, until: 1 }]) {
        // A read ends with a whole second: the last one is over.
        const end = Math.max(read, Math.round(until * rows.length));
        const lastTime = rows[end - 1]?.occurredAt;
        if (lastTime === undefined) continue;
        const firstTime = rows[Math.max(0, read - overlap - 1)]!.occurredAt;
        const shown = rows.filter((row) => row.occurredAt >= firstTime && row.occurredAt <= lastTime);
        const cut = Math.round(repeatAt * shown.length);
        const paged = [
          ...shown.slice(0, cut),
          ...shown.slice(Math.max(0, cut - repeats), cut),
          ...shown.slice(cut),
        ];
        const seen = shuffled ? shuffle(paged, seed) : paged;
        const there = stored.filter(({ row }) => row.occurredAt >= firstTime && row.occurredAt <= lastTime);
        const before = rows.findLast((row) => row.occurredAt < firstTime)?.balanceAfter ?? 0n;
        const identified = identifyRows(
          seen,
          there.map(({ row }) => row),
          known(before),
        );
        stored.push(...identified.fresh);
        read = rows.findLastIndex((row) => row.occurredAt <= lastTime) + 1;
      }
      return stored;
    }
    const reads = fc.array(
      fc.record({
        until: fc.double({ min: 0, max: 1, noNaN: true }),
        overlap: fc.integer({ min: 0, max: 10 }),
        repeatAt: fc.double({ min: 0, max: 1, noNaN: true }),
        repeats: fc.integer({ min: 0, max: 3 }),
        seed: fc.integer(),
      }),
      { minLength: 1, maxLength: 4 },
    );

    it('stores each row exactly once, read in pieces that overlap, with repeats across pages, in any order', () => {
      fc.assert(
        fc.property(statements.filter(neverTwiceThere), reads, fc.boolean(), (rows, plan, shuffled) => {
          const stored = readAll(rows, plan, shuffled);
          assert.deepEqual(stored.map(({ row }) => said(row)).sort(), rows.map(said).sort());
          assert.ok(stored.every((row) => !row.possibleDuplicate));
        }),
        { numRuns: 400 },
      );
    });

    it('loses no row and calls every surplus one a possible duplicate, where balances return within a second', () => {
      fc.assert(
        fc.property(statements, reads, fc.boolean(), (rows, plan, shuffled) => {
          const stored = readAll(rows, plan, shuffled);
          const certain = stored.filter((row) => !row.possibleDuplicate).map(({ row }) => said(row));
          const left = stored.map(({ row }) => said(row));
          for (const row of rows.map(said)) {
            const index = left.indexOf(row);
            assert.ok(index >= 0, `${row} is lost`);
            left.splice(index, 1);
          }
          const truly = rows.map(said);
          for (const row of certain) {
            const index = truly.indexOf(row);
            assert.ok(index >= 0, `${row} is taken for a row of its own once too often`);
            truly.splice(index, 1);
          }
          const keys = stored.map(({ row, ordinal }) => `${said(row)} ${ordinal}`);
          assert.equal(new Set(keys).size, keys.length);
        }),
        { numRuns: 400 },
      );
    });
  });
});

/** The same seed gives the same order. */
function shuffle<T>(values: readonly T[], seed: number): T[] {
  let state = seed | 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
  return values
    .map((value) => ({ value, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}
