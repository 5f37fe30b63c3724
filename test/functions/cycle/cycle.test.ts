import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { runCycle } from '../../../functions/cycle/cycle.ts';
import { LeaseLost, returnLease, takeLease } from '../../../functions/cycle/lease.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  imbalance,
  later,
  minutes,
  leaveInDoubt,
  referenceOf,
  refusal,
  replayedBalances,
  ScriptedBank,
  ScriptedQueue,
  Statement,
  succeed,
} from '../../support/statement-scene.ts';

describe('a cycle', () => {
  let test: TestDatabase;
  let statement: Statement;
  let bank: ScriptedBank;
  let queue: ScriptedQueue;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
    bank = new ScriptedBank(statement.rows);
    queue = new ScriptedQueue();
    sellerId = await addSeller(test.db, { feeBp: 100 });
  });
  afterEach(async () => {
    await test.close();
  });

  const run = async (time: string, overrides: Parameters<typeof cycleAt>[2] = {}) =>
    await runCycle(await cycleAt(test, at(time), { bank, queue, ...overrides }));
  const order = (name: string, amount = 10_000n) => addOrder(test.db, { sellerId, name, amount });
  const transferStates = async () =>
    (await test.db.selectFrom('transfer').select('state').orderBy('transfer_id').execute()).map(
      (one) => one.state,
    );

  it('takes a deposit from the statement to a payout in the queue', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    statement.in(5n, '아무개', at('10:01:00'));
    const summary = await run('10:05:00');
    assert.deepEqual(summary, {
      ...summary,
      ended: 'complete',
      rows_collected: 2,
      deposits: 2,
      matched: 1,
      in_review: 1,
      by_reason: { name_unknown: 1 },
      planned: 1,
      held: 0,
      dispatched: 1,
      unknown: 0,
      drift_won: '0',
      sealed: 5,
      stops: [],
      failures: [],
    });
    assert.equal(queue.dispatched.length, 1);
    assert.deepEqual(await transferStates(), ['queued']);
  });

  it('follows a payout to its withdrawal, and a bounced one to its seller', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await run('10:05:00');
    await test.db.updateTable('transfer').set({ state: 'held', held_reason: 'approval' }).execute();
    await test.db.updateTable('transfer').set({ state: 'planned', held_reason: null }).execute();
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await succeed(test, claim!, at('10:06:01'));
    const reference = await referenceOf(test, claim!);
    statement.out(9_900n, reference, at('10:06:01'));
    assert.deepEqual(((summary) => [summary.drift_won, summary.ended])(await run('10:10:00')), [
      '0',
      'complete',
    ]);
    statement.in(9_900n, reference, at('10:12:00'));
    assert.equal((await run('10:15:00')).returned, 1);
    assert.deepEqual(await transferStates(), ['returned']);
    assert.equal(imbalance(await replayedBalances(test.db)), 0n);
  });

  it('dispatches, expires, reconciles and seals while the bank is down, and names what failed', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await run('10:05:00');
    queue.dispatched.length = 0;
    bank.beforePage = () => refusal();
    const summary = await run('10:15:00');
    assert.equal(summary.ended, 'failed_in_part');
    assert.deepEqual(summary.failures, [
      { step: `collect ${ACCOUNT}`, error: 'the bank did not answer: ECONNREFUSED' },
    ]);
    assert.equal(queue.dispatched.length, 1);
    const reconciled = await test.db
      .selectFrom('reconciliation')
      .select('complete')
      .orderBy('reconciliation_id')
      .execute();
    assert.deepEqual(
      reconciled.map((one) => one.complete),
      [true, false],
    );
  });

  it('asks about unknown transfers although the statement cannot be read', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    queue.down = true;
    await run('10:05:00');
    await test.db.updateTable('transfer').set({ state: 'held', held_reason: 'approval' }).execute();
    await test.db.updateTable('transfer').set({ state: 'planned', held_reason: null }).execute();
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await leaveInDoubt(test, claim!);
    bank.beforePage = () => {
      throw new Error('the bank client broke');
    };
    bank.answerInquiry = () => ({ outcome: 'succeeded' });
    const summary = await run('10:10:00');
    assert.deepEqual(summary.failures, [{ step: `collect ${ACCOUNT}`, error: 'the bank client broke' }]);
    assert.equal(summary.resolved.succeeded, 1);
    assert.deepEqual(await transferStates(), ['succeeded']);
  });

  it('names inquiries that the bank does not answer', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    queue.down = true;
    await run('10:05:00');
    await test.db.updateTable('transfer').set({ state: 'held', held_reason: 'approval' }).execute();
    await test.db.updateTable('transfer').set({ state: 'planned', held_reason: null }).execute();
    const [claim] = await claimPlanned(test, at('10:06:00'));
    await leaveInDoubt(test, claim!);
    const summary = await run('10:10:00');
    assert.deepEqual(summary.failures, [
      { step: 'resolve', error: 'the bank did not answer inquiries: ECONNREFUSED' },
    ]);
    assert.equal(summary.unknown, 1);
  });

  it('matches and plans while the queue is down, and dispatches a cycle later', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    queue.down = true;
    const summary = await run('10:05:00');
    assert.deepEqual([summary.matched, summary.planned, summary.dispatched], [1, 1, 0]);
    assert.deepEqual(summary.failures, [{ step: 'dispatch', error: 'the queue is down' }]);
    queue.down = false;
    assert.equal((await run('10:10:01')).dispatched, 1);
  });

  it('goes on without a step that fails: what cannot be booked stops no payout', async () => {
    await order('홍길동0420');
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    queue.down = true;
    await run('10:05:00');
    queue.down = false;
    statement.in(5n, '아무개', at('10:06:00'));
    await sql`
      create function refuse() returns trigger language plpgsql as $$
      begin raise exception using errcode = '53100', message = 'no space left'; end $$`.execute(test.owner);
    await sql`create trigger refuse before insert on deposit for each row execute function refuse()`.execute(
      test.owner,
    );
    const summary = await run('10:10:01');
    assert.deepEqual(summary.failures, [{ step: `book ${ACCOUNT}`, error: 'no space left' }]);
    assert.deepEqual([summary.rows_collected, summary.dispatched, summary.drift_won], [1, 1, '0']);
  });

  for (const [what, beforePage] of [
    ['refuses', () => refusal()],
    [
      'cannot be reached',
      () => {
        throw new Error('the bank client broke');
      },
    ],
  ] as const) {
    it(`keeps payouts paused for maintenance while the bank ${what}`, async () => {
      await test.db
        .updateTable('payout_stop')
        .set({ active: true, retry_at: at('10:00:00') })
        .where('name', '=', 'pause_maintenance')
        .execute();
      bank.beforePage = beforePage;
      assert.deepEqual((await run('10:05:00')).stops, ['pause_maintenance']);
      bank.beforePage = () => undefined;
      assert.deepEqual((await run('10:10:00')).stops, []);
    });
  }

  it('reads the payout account, too, where it is another one', async () => {
    await run('10:05:00', { settings: { payoutAccount: 'another' } });
    assert.deepEqual(new Set(bank.requests.map((request) => request.account)), new Set([ACCOUNT, 'another']));
  });

  it('expires an order after matching, so that a late cycle finds the deposit that came in time', async () => {
    const expiresAt = at('10:00:00');
    const paid = await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n, expiresAt });
    const unpaid = await addOrder(test.db, { sellerId, name: '김철수1111', amount: 10_000n, expiresAt });
    statement.in(10_000n, '홍길동0420', at('09:59:59'));
    const summary = await run('18:00:00');
    assert.deepEqual([summary.matched, summary.expired], [1, 1]);
    const orders = await test.db
      .selectFrom('shop_order')
      .select(['order_id', 'state'])
      .orderBy('order_id')
      .execute();
    assert.deepEqual(orders, [
      { order_id: paid, state: 'paid' },
      { order_id: unpaid, state: 'expired' },
    ]);
  });

  describe('that reads earlier days again', () => {
    /** An account that is read, whose earlier two days are to be read again, and a new deposit. */
    const threeDays = async () => {
      await run('10:00:00');
      await test.owner
        .updateTable('collect_cursor')
        .set({ begins_at: at('00:00:00', '2026-03-01'), reread_on: '2026-03-09' })
        .execute();
      await order('홍길동0420');
      statement.in(10_000n, '홍길동0420', at('10:02:00'));
    };

    it('books, expires and pays what is new before it, however long it takes', async () => {
      await threeDays();
      const done: number[] = [];
      bank.beforePage = async (count) => {
        if (bank.requests[count - 1]!.from < at('00:00:00')) done.push(queue.dispatched.length);
        await Promise.resolve();
        return undefined;
      };
      assert.equal((await run('10:05:00')).dispatched, 1);
      assert.deepEqual(done, [1, 1]);
    });

    it('leaves them time: half of it behind new rows, a quarter behind earlier ones', async () => {
      await threeDays();
      const left = [1, 0.9, 0.4];
      const asked = bank.requests.length;
      const hasTime = (leave = 0) => (left[bank.requests.length - asked] ?? 0.2) > leave;
      const summary = await run('10:05:00', { hasTime });
      assert.deepEqual([summary.ended, summary.matched, summary.dispatched], ['complete', 1, 1]);
      assert.equal(bank.requests.length - asked, 3);
      const cursor = () => test.db.selectFrom('collect_cursor').selectAll().executeTakeFirstOrThrow();
      assert.equal((await cursor()).rereading?.next, at('00:00:00').toISOString());
      await run('10:10:00');
      assert.deepEqual([(await cursor()).rereading, (await cursor()).reread_on], [null, '2026-03-10']);
    });

    it('books in the same cycle what it finds', async () => {
      await threeDays();
      statement.rows.unshift({
        ...statement.rows[0]!,
        text: '아무개',
        occurredAt: at('12:00:00', '2026-03-09'),
      });
      const summary = await run('10:05:00');
      assert.deepEqual([summary.rows_collected, summary.deposits], [2, 2]);
    });

    it('names that the bank did not answer, and does the rest', async () => {
      await threeDays();
      bank.beforePage = (_count, request) => (request.from < at('00:00:00') ? refusal() : undefined);
      const summary = await run('10:05:00');
      assert.deepEqual(summary.failures, [
        { step: `reread ${ACCOUNT}`, error: 'the bank did not answer: ECONNREFUSED' },
      ]);
      assert.equal(summary.dispatched, 1);
    });

    it('raises one alarm a cycle for a row that cannot be booked', async () => {
      await threeDays();
      await sql`
        create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'trouble'; end $$`.execute(test.owner);
      await sql`create trigger refuse before insert on deposit for each row execute function refuse()`.execute(
        test.owner,
      );
      assert.deepEqual((await run('10:05:00')).failures, [{ step: `book ${ACCOUNT}`, error: 'trouble' }]);
      assert.equal((await test.db.selectFrom('alarm').select('name').execute()).length, 1);
    });
  });

  it('says that its time was out', async () => {
    statement.in(5n, '아무개', at('10:00:00'));
    assert.equal((await run('10:05:00', { hasTime: () => false })).ended, 'out_of_time');
  });

  it('pauses payouts after half an hour without the bank, and resumes them with it', async () => {
    await test.db
      .insertInto('cycle')
      .values({ token: 99n, began_at: at('10:00:00'), ended_at: null, ended_as: null, summary: null })
      .execute();
    bank.beforePage = () => refusal();
    assert.deepEqual((await run('10:25:00')).stops, []);
    assert.deepEqual((await run('10:35:00')).stops, ['pause_reconciliation']);
    bank.beforePage = () => undefined;
    assert.deepEqual((await run('10:40:00')).stops, []);
  });

  it('ends at once when another cycle has taken over', async () => {
    statement.in(5n, '아무개', at('10:00:00'));
    const late = await cycleAt(test, at('10:05:00'), { bank, queue });
    await cycleAt(test, at('10:05:00'));
    await assert.rejects(runCycle(late), LeaseLost);
    assert.equal(bank.requests.length, 0);
  });
});

describe("the cycle's lease", () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });
  const now = at('10:00:00');

  it('goes to one of a hundred cycles that begin at once', async () => {
    const taken = await Promise.all(
      Array.from({ length: 100 }, (_, n) => takeLease(test.db, `cycle ${n}`, now, minutes(5))),
    );
    assert.deepEqual(
      taken.filter((token) => token !== undefined),
      [1n],
    );
  });

  it('is free again when it ends, with a higher token', async () => {
    assert.equal(await takeLease(test.db, 'one', now, minutes(5)), 1n);
    assert.equal(await takeLease(test.db, 'two', later(now, minutes(5) - 1), minutes(5)), undefined);
    assert.equal(await takeLease(test.db, 'two', later(now, minutes(5)), minutes(5)), 2n);
  });

  it('is given back by its holder only', async () => {
    await takeLease(test.db, 'one', now, minutes(5));
    await takeLease(test.db, 'two', later(now, minutes(5)), minutes(5));
    await returnLease(test.db, 1n);
    assert.equal(await takeLease(test.db, 'three', later(now, minutes(6)), minutes(5)), undefined);
    await returnLease(test.db, 2n);
    assert.equal(await takeLease(test.db, 'three', later(now, minutes(6)), minutes(5)), 3n);
  });
});
