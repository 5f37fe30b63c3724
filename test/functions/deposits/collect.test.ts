import assert from 'node:assert/strict';
import type { CycleContext } from '../../../functions/cycle/cycle-context.ts';
import { LeaseLost, takeLease } from '../../../functions/cycle/lease.ts';
import { collect, rereadEarlier } from '../../../functions/deposits/collect.step.ts';
import { openMessage } from '../../../functions/bank/bank-message.repository.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  cycleAt,
  later,
  minutes,
  refusal,
  ScriptedBank,
  Statement,
  TODAY,
  vault,
} from '../../support/statement-scene.ts';

describe('collecting', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const now = at('10:00:00');
  /** Reads what is new and then, where that was complete, earlier days again, as a cycle does. */
  const read = async (
    bank: ScriptedBank,
    when = now,
    overrides: Partial<CycleContext> = {},
    prove?: string,
  ) => {
    const context = await cycleAt(test, when, { bank, ...overrides, settings: {} });
    const { read: recent, ...collected } = { read: undefined, ...(await collect(context, ACCOUNT)) };
    if (recent === undefined) return collected;
    const { fresh } = await rereadEarlier(context, ACCOUNT, recent, prove);
    return { ...collected, fresh: collected.fresh + fresh };
  };
  const storedTexts = async () =>
    (await test.db.selectFrom('statement_row').select('text').orderBy('row_id').execute()).map(
      (row) => row.text,
    );
  const cursor = () => test.db.selectFrom('collect_cursor').selectAll().executeTakeFirstOrThrow();
  const reads = () => test.db.selectFrom('statement_read').selectAll().orderBy('read_id').execute();

  /** Rows every minute from half past nine on, named by their number. */
  const rowsAMinute = (count: number, from = at('09:30:00')) => {
    const statement = new Statement();
    for (let n = 0; n < count; n += 1) statement.in(1000n, `row ${n}`, later(from, minutes(n)));
    return statement.rows;
  };

  it('stores each row once, in time’s order, and says what it has covered', async () => {
    const bank = new ScriptedBank(rowsAMinute(30));
    bank.pageRows = 7;
    bank.repeats = 2;
    assert.deepEqual(await read(bank), { outcome: 'complete', fresh: 30 });
    assert.deepEqual(await read(bank, at('10:05:00')), { outcome: 'complete', fresh: 0 });
    assert.deepEqual(
      await storedTexts(),
      rowsAMinute(30).map((row) => row.text),
    );
    const { read_through, reread_on, begins_at } = await cursor();
    assert.deepEqual([begins_at, read_through, reread_on], [at('00:00:00'), at('10:04:59'), TODAY]);
    const [first, second] = await reads();
    assert.deepEqual([first?.covers_from, first?.covers_to], [at('00:00:00'), at('09:59:59')]);
    assert.deepEqual([first?.rows, first?.fresh_rows, first?.repeated_rows], [38, 30, 8]);
    assert.deepEqual([second?.covers_from, second?.chain], [at('08:59:59'), 'mended']);
  });

  it('reads what was paid before the first cycle, also when that one comes after midnight', async () => {
    const evening = (time: string) => at(time, '2026-03-09');
    const order = { name: '홍길동1111', amount: 1000n, opensAt: evening('23:50:00') };
    await addOrder(test.db, { sellerId: await addSeller(test.db), ...order });
    const bank = new ScriptedBank(rowsAMinute(8, evening('23:54:00')));
    assert.deepEqual(await read(bank, at('00:03:00')), { outcome: 'complete', fresh: 8 });
    assert.deepEqual((await cursor()).begins_at, evening('00:00:00'));
  });

  it('stores a row that shows up late', async () => {
    const bank = new ScriptedBank(rowsAMinute(10).toSpliced(4, 1));
    await read(bank);
    bank.shown = rowsAMinute(10);
    assert.deepEqual(await read(bank, at('10:05:00')), { outcome: 'complete', fresh: 1 });
    assert.equal((await storedTexts()).at(-1), 'row 4');
    assert.deepEqual(
      (await reads()).map((one) => one.chain),
      ['broken', 'whole'],
    );
  });

  for (const [one, other] of [
    [5n, 10n],
    [10n, 5n],
  ] as const) {
    it(`finds the chain whole behind two rows of one second, of ${one} and ${other} won`, async () => {
      const statement = new Statement();
      statement.in(one, '하나', at('08:00:00'));
      statement.in(other, '둘', at('08:00:00'));
      const bank = new ScriptedBank(statement.rows);
      await read(bank);
      statement.in(7n, '셋', at('10:02:00'));
      await read(bank, at('10:05:00'));
      assert.deepEqual(
        (await reads()).map((done) => done.chain),
        ['whole', 'whole'],
      );
    });
  }

  it('knows the rows of two accounts apart, however equal they are', async () => {
    const bank = new ScriptedBank(rowsAMinute(3));
    assert.equal((await collect(await cycleAt(test, now, { bank }), ACCOUNT)).fresh, 3);
    assert.equal((await collect(await cycleAt(test, now, { bank }), 'another')).fresh, 3);
  });

  it('keeps nothing of a range of which the bank refuses the first page', async () => {
    const bank = new ScriptedBank(rowsAMinute(30));
    bank.beforePage = () => refusal();
    const outcome = await read(bank);
    assert.deepEqual([outcome.outcome, outcome.fresh], ['refused', 0]);
    assert.deepEqual((await cursor()).read_through, at('00:00:00'));
    assert.deepEqual(await reads(), []);
  });

  it('keeps what lies before the last second that it has read, where the bank refuses the next page', async () => {
    const bank = new ScriptedBank(rowsAMinute(30));
    bank.pageRows = 10;
    bank.beforePage = (count) => (count === 2 ? refusal() : undefined);
    const outcome = await read(bank);
    assert.deepEqual([outcome.outcome, outcome.fresh], ['refused', 9]);
    assert.deepEqual((await cursor()).read_through, at('09:38:59'));
    assert.deepEqual(await reads(), []);
    assert.equal((await read(bank, at('10:05:00'))).fresh, 21);
    assert.deepEqual(
      await storedTexts(),
      rowsAMinute(30).map((row) => row.text),
    );
    assert.deepEqual((await cursor()).resume_at, null);
  });

  it('keeps nothing of a range that breaks off within one second', async () => {
    const statement = new Statement();
    for (let n = 0; n < 30; n += 1) statement.in(10n, `row ${n}`, at('00:00:00'));
    const bank = new ScriptedBank(statement.rows);
    bank.pageRows = 10;
    bank.beforePage = (count) => (count === 2 ? refusal() : undefined);
    assert.equal((await read(bank)).fresh, 0);
    assert.equal((await read(bank, at('10:05:00'))).fresh, 30);
  });

  it('gets on with a bank that is so slow that a cycle reads two pages', async () => {
    const rows = rowsAMinute(120, at('07:00:00'));
    const bank = new ScriptedBank(rows);
    bank.pageRows = 5;
    let cycles = 0;
    for (let outcome = 'out_of_time'; outcome !== 'complete'; cycles += 1) {
      assert.ok(cycles < 20, 'the backlog does not shrink');
      const asked = bank.requests.length;
      const when = later(now, minutes(5 * cycles));
      ({ outcome } = await read(bank, when, { hasTime: () => bank.requests.length < asked + 2 }));
    }
    assert.deepEqual(
      await storedTexts(),
      rows.map((row) => row.text),
    );
    const asked = bank.requests.length;
    await read(bank, later(now, minutes(5 * cycles)));
    const overlap = later(now, minutes(5 * (cycles - 1) - 60) - 1000);
    assert.deepEqual(bank.requests[asked]?.from, overlap);
  });

  it('is as whole as its parts, however many cycles it takes, and is whole again once a late row has shown up', async () => {
    const rows = rowsAMinute(20);
    const bank = new ScriptedBank(rows.filter((_, n) => n !== 3));
    bank.pageRows = 10;
    bank.beforePage = (count) => (count === 2 ? refusal() : undefined);
    assert.equal((await read(bank)).outcome, 'refused');
    assert.equal((await read(bank, later(now, minutes(5)))).outcome, 'complete');
    bank.shown = rows;
    assert.deepEqual(await read(bank, later(now, minutes(10))), { outcome: 'complete', fresh: 1 });
    const all = await reads();
    assert.deepEqual([all[0]?.chain, all.at(-1)?.chain], ['broken', 'whole']);
  });

  for (const [before, second] of [
    ['several rows', [10n, 20n]],
    ['rows that lead round', [5n, -5n]],
  ] as const)
    it(`sees a row that is missing right at its beginning, also behind a second of ${before}`, async () => {
      const statement = new Statement();
      statement.in(3n, '처음', at('07:00:00'));
      for (const won of second)
        if (won > 0n) statement.in(won, '전', at('08:00:00'));
        else statement.out(-won, '전', at('08:00:00'));
      const late = statement.in(5n, '늦은 줄', at('09:30:00'));
      statement.in(30n, '셋', at('09:40:00'));
      const bank = new ScriptedBank(statement.rows.filter((row) => row !== late));
      await read(bank, at('09:50:00'));
      await read(bank);
      assert.equal((await reads()).at(-1)?.covers_from.getTime(), at('08:49:59').getTime());
      assert.equal((await reads()).at(-1)?.chain, 'broken');
      bank.shown = statement.rows;
      await read(bank, at('10:05:00'));
      assert.equal((await reads()).at(-1)?.chain, 'whole');
    });

  it('refuses a page that leads to one that was read, and asks no further', async () => {
    const bank = new ScriptedBank(rowsAMinute(3));
    const list = bank.listTransactions.bind(bank);
    bank.listTransactions = async (request) => {
      const page = await list({ ...request, page: '0' });
      return page.outcome === 'page' ? { ...page, nextPage: 'P' } : page;
    };
    const outcome = await collect(await cycleAt(test, now, { bank }), ACCOUNT);
    assert.equal(outcome.outcome, 'refused');
    assert.equal(outcome.refusal.detail, 'the page that follows is one that was read before');
    assert.equal(bank.requests.length, 2);
  });

  it('goes on, after its time was out, from the last range that it has read to the end', async () => {
    const bank = new ScriptedBank(rowsAMinute(40, at('23:40:00', '2026-03-09')));
    await read(bank, at('23:41:00', '2026-03-09'));
    const asked = bank.requests.length;
    const cut = await read(bank, at('00:30:00'), { hasTime: () => bank.requests.length === asked });
    assert.deepEqual(cut, { outcome: 'out_of_time', fresh: 19 });
    assert.deepEqual((await cursor()).read_through, at('23:59:59', '2026-03-09'));
    assert.equal((await reads()).length, 1);
    assert.deepEqual(await read(bank, at('00:35:00')), { outcome: 'complete', fresh: 20 });
    assert.deepEqual(
      (await storedTexts()).sort(),
      rowsAMinute(40)
        .map((row) => row.text)
        .sort(),
    );
    assert.equal((await reads()).length, 3);
  });

  it('keeps no deposit waiting while earlier days are read again', async () => {
    const bank = new ScriptedBank(rowsAMinute(30));
    await read(bank);
    bank.shown = [...bank.shown, ...rowsAMinute(31, at('09:00:00', '2026-03-11')).slice(30)];
    const asked = bank.requests.length;
    const tomorrow = at('09:35:00', '2026-03-11');
    await test.owner
      .updateTable('collect_cursor')
      .set({ read_through: later(tomorrow, -minutes(5)) })
      .execute();
    const outcome = await read(bank, tomorrow, { hasTime: () => bank.requests.length === asked });
    assert.deepEqual(outcome, { outcome: 'complete', fresh: 1 });
    assert.equal((await cursor()).reread_on, TODAY);
    assert.deepEqual((await reads()).at(-1)?.covers_from, at('08:30:00', '2026-03-11'));
    await read(bank, later(tomorrow, minutes(5)));
    assert.equal((await cursor()).reread_on, '2026-03-11');
    assert.deepEqual((await cursor()).read_through, at('09:39:59', '2026-03-11'));
    assert.deepEqual((await reads()).at(-1)?.covers_from, at('00:00:00'));
  });

  describe('earlier days again', () => {
    const day = (n: number, time: string) => at(time, `2026-03-${n.toString().padStart(2, '0')}`);

    /** An account that is read since the third, with a row an hour, and what a bank shows of it. */
    const settled = async () => {
      const statement = new Statement();
      for (let hour = 1; hour < 24 * 7; hour += 1)
        statement.in(10n, `row ${hour}`, later(day(3, '00:00:00'), hour * minutes(60)));
      const bank = new ScriptedBank(statement.rows);
      bank.pageRows = 10;
      await read(bank, day(3, '10:00:00'));
      await read(bank, day(9, '23:59:30'));
      await read(bank, day(9, '23:59:50'));
      assert.equal((await cursor()).reread_on, '2026-03-09');
      return { bank, statement };
    };
    /** A cycle in which new rows take one page, and earlier ones as many as it may ask for. */
    const cycle = async (bank: ScriptedBank, when: Date, pages: number, prove?: string) => {
      const asked = bank.requests.length;
      return await read(bank, when, { hasTime: () => bank.requests.length <= asked + pages }, prove);
    };

    it('are read from where the cycle before stopped, until all of them are', async () => {
      const { bank } = await settled();
      const known = (await reads()).length;
      const froms: Date[] = [];
      for (let n = 0; (await cursor()).reread_on !== TODAY; n += 1) {
        assert.ok(n < 10, 'reading again never comes to its end');
        const asked = bank.requests.length;
        await cycle(bank, later(at('00:10:00'), minutes(5 * n)), 2);
        froms.push(
          ...bank.requests
            .slice(asked)
            .flatMap(({ from }) => (from < day(9, '22:00:00') ? [from] : []))
            .slice(0, 1),
        );
      }
      assert.ok(froms.length > 1);
      froms.reduce((before, from) => (assert.ok(from > before), from));
      const whole = (await reads()).slice(known).filter((one) => one.covers_from < day(9, '00:00:00'));
      assert.equal(whole.length, 1);
      assert.deepEqual(whole[0]?.covers_from, day(8, '00:00:00'));
      assert.deepEqual(whole[0].began_at, at('00:10:00'));
      assert.deepEqual(whole[0].covers_to, later(at('00:09:59'), minutes(5 * (froms.length - 1))));
      assert.equal((await cursor()).rereading, null);
    });

    it('prove nothing while a part of them is not read', async () => {
      const { bank } = await settled();
      await cycle(bank, at('00:10:00'), 2, '2026-03-03');
      await cycle(bank, at('00:15:00'), 2, '2026-03-03');
      assert.ok((await cursor()).rereading);
      assert.ok((await reads()).slice(3).every((one) => one.covers_from >= day(9, '22:00:00')));
    });

    it('prove nothing in one read when one of their parts has no whole chain of balances', async () => {
      const { bank, statement } = await settled();
      bank.shown = statement.rows.map((row, n) =>
        n === 130 ? { ...row, balanceAfter: (row.balanceAfter + 5n) as typeof row.balanceAfter } : row,
      );
      for (let n = 0; n < 10; n += 1) await cycle(bank, later(at('00:10:00'), minutes(5 * n)), 2);
      const whole = (await reads()).filter(
        (one) => one.covers_from.getTime() === day(8, '00:00:00').getTime(),
      );
      assert.deepEqual(
        whole.map((one) => one.chain),
        ['broken'],
      );
    });

    it('bring a row that has shown up late, in the cycle that comes to it', async () => {
      const { bank, statement } = await settled();
      const late = { ...statement.rows[130]!, text: '늦은 줄', occurredAt: day(8, '12:30:00') };
      bank.shown = [...statement.rows, late];
      let fresh = 0;
      for (let n = 0; n < 10; n += 1)
        fresh += (await cycle(bank, later(at('00:10:00'), minutes(5 * n)), 2)).fresh;
      assert.equal(fresh, 1);
      assert.equal((await storedTexts()).at(-1), '늦은 줄');
    });
  });

  for (const [what, pages, cut] of [
    ['refused', 1, true],
    ['out of time', 1, false],
    ['too long', 201, undefined],
  ] as const) {
    it(`journals what was asked of a range that is ${what}`, async () => {
      const statement = new Statement();
      for (let n = 0; n < 250; n += 1) statement.in(10n, `row ${n}`, at('00:00:00'));
      if (cut === undefined) statement.in(10n, '나중', at('00:00:01'));
      const bank = new ScriptedBank(statement.rows);
      bank.pageRows = 1;
      if (cut === true) bank.beforePage = (count) => (count === 2 ? refusal() : undefined);
      await read(bank, now, { hasTime: () => bank.requests.length < pages || cut === true });
      assert.equal((await cursor()).resume_at, null);
      const messages = await test.db.selectFrom('bank_message').select('message_id').execute();
      assert.equal(messages.length, bank.requests.length);
    });
  }

  it('covers every date that a proof of absence needs in one read', async () => {
    const bank = new ScriptedBank([]);
    await read(bank, at('10:00:00', '2026-03-08'));
    await read(bank);
    await read(bank, at('10:05:00'), {}, '2026-03-08');
    assert.deepEqual((await reads()).at(-1)?.covers_from, at('00:00:00', '2026-03-08'));
    assert.deepEqual((await reads()).at(-1)?.covers_to, at('10:04:59'));
  });

  it('splits a range of more than 200 pages, and stores each row of it once', async () => {
    const statement = new Statement();
    for (let n = 0; n < 450; n += 1) statement.in(10n, `row ${n}`, later(at('05:00:00'), n * 20_000));
    const bank = new ScriptedBank(statement.rows);
    bank.pageRows = 1;
    assert.deepEqual(await read(bank), { outcome: 'complete', fresh: 450 });
    assert.deepEqual(
      await storedTexts(),
      statement.rows.map((row) => row.text),
    );
    assert.equal((await reads())[0]?.chain, 'whole');
  });

  it('gets on with a long backlog in every call, however little time each has', async () => {
    const statement = new Statement();
    for (let n = 0; n < 900; n += 1) statement.in(10n, `row ${n}`, later(at('01:00:00'), n * 30_000));
    const bank = new ScriptedBank(statement.rows);
    bank.pageRows = 1;
    let outcome = await read(bank, at('09:00:00'), { hasTime: () => bank.requests.length < 450 });
    for (let calls = 1; outcome.outcome !== 'complete'; calls += 1) {
      assert.ok(calls < 20, 'the backlog does not shrink');
      const asked = bank.requests.length;
      outcome = await read(bank, later(at('09:00:00'), minutes(5 * calls)), {
        hasTime: () => bank.requests.length < asked + 450,
      });
    }
    assert.deepEqual(
      await storedTexts(),
      statement.rows.map((row) => row.text),
    );
  });

  it('drops rows that the bank shows beyond the range that it was asked for', async () => {
    const bank = new ScriptedBank();
    const rows = rowsAMinute(31);
    bank.listTransactions = async (request) => {
      const page = await new ScriptedBank(rows).listTransactions({
        ...request,
        from: at('00:00:00'),
        to: at('23:59:59'),
      });
      return page.outcome === 'page' ? { outcome: 'page', rows, exchange: page.exchange } : page;
    };
    assert.equal((await read(bank)).fresh, 30);
    assert.equal((await read(bank, at('10:30:00'))).fresh, 1);
  });

  it('marks a row that may be stored already, so that nobody matches it', async () => {
    const row = new Statement().in(5000n, '홍길동0420', at('09:30:00'));
    const bank = new ScriptedBank([row]);
    await read(bank);
    bank.shown = [row, { ...row, balanceAfter: (row.balanceAfter + 777n) as typeof row.balanceAfter }];
    await read(bank, at('10:05:00'));
    const marks = await test.db
      .selectFrom('statement_row')
      .select('possible_duplicate')
      .orderBy('row_id')
      .execute();
    assert.deepEqual(
      marks.map((one) => one.possible_duplicate),
      [false, true],
    );
  });

  it('journals what was said, encrypted', async () => {
    await read(new ScriptedBank(rowsAMinute(3)));
    const messages = await test.db.selectFrom('bank_message').selectAll().execute();
    assert.equal(messages.length, 1);
    const [message] = messages;
    const clear = JSON.stringify(message, (_key, value: unknown) =>
      typeof value === 'bigint'
        ? value.toString()
        : value instanceof Uint8Array
          ? Buffer.from(value).toString('latin1')
          : value,
    );
    assert.ok(!clear.includes('456789'));
    assert.ok(!Buffer.from(message!.body_ciphertext).includes('row 1'));
    assert.match(JSON.stringify(openMessage(vault, message!)), /110-123-456789.*row 1/);
  });

  it('writes nothing once its lease has gone to another cycle', async () => {
    const bank = new ScriptedBank(rowsAMinute(3));
    bank.beforePage = async () => {
      await test.owner
        .updateTable('lease')
        .set({ ends_at: new Date(0) })
        .execute();
      assert.ok(await takeLease(test.db, 'another', now, minutes(5)));
      return undefined;
    };
    await assert.rejects(read(bank), LeaseLost);
    assert.deepEqual(await storedTexts(), []);
    assert.deepEqual(await test.db.selectFrom('bank_message').select('message_id').execute(), []);
    assert.deepEqual(await reads(), []);
  });
});
