import assert from 'node:assert/strict';
import { sql, type RawBuilder } from 'kysely';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import type { ReconciliationDetail } from '../../../functions/ledger/reconcile.repository.ts';
import { reconcile, watchReconciliation } from '../../../functions/ledger/reconcile.step.ts';
import { lockStops, raiseStop } from '../../../functions/transfers/stops.repository.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  leaveInDoubt,
  referenceOf,
  Statement,
  storeStatement,
  succeed,
} from '../../support/statement-scene.ts';
import { lockWaiters } from '../../support/payout-world.ts';
import { until } from '../../support/until.ts';

const NONE = { count: 0, first: [] };

describe('reconciliation', () => {
  let test: TestDatabase;
  let statement: Statement;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
  });
  afterEach(async () => {
    await test.close();
  });

  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at(time)), ACCOUNT);
  };
  const reconcileAt = async (time: string, complete = true, account = ACCOUNT) =>
    await reconcile(await cycleAt(test, at(time)), account, complete);
  const driftAt = async (time: string) => (await reconcileAt(time))?.drift;
  const active = async () =>
    (
      await test.db
        .selectFrom('payout_stop')
        .select('name')
        .where('active', '=', true)
        .orderBy('name')
        .execute()
    ).map((stop) => stop.name);
  const alarms = async () =>
    (await test.db.selectFrom('alarm').select('name').execute()).map((alarm) => alarm.name);

  const payoutUnderWay = async () => {
    const sellerId = await addSeller(test.db, { feeBp: 100 });
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    return { claim: claim!, reference: await referenceOf(test, claim!) };
  };

  describe('adds up', () => {
    it('when nothing is under way', async () => {
      statement.in(10_000n, '아무개', at('10:00:00'));
      await bookAt('10:05:00');
      assert.deepEqual(await reconcileAt('10:05:00'), {
        account: ACCOUNT,
        statementBalance: 1_010_000n,
        expectedBalance: 1_010_000n,
        drift: 0n,
        oneSided: {
          missing_withdrawals: NONE,
          shown_not_paid: NONE,
          unexplained_rows: NONE,
          unbooked_rows: NONE,
        },
      });
    });

    it('while a payout is under way, and when nobody knows its outcome', async () => {
      const { claim } = await payoutUnderWay();
      assert.equal(await driftAt('10:06:30'), 0n);
      await leaveInDoubt(test, claim);
      assert.equal(await driftAt('10:10:00'), 0n);
    });

    it('when a payout is paid and not shown yet', async () => {
      const { claim } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:01'));
      assert.equal(await driftAt('10:10:00'), 0n);
      assert.equal(await driftAt('10:21:00'), 0n);
    });

    it('when a payout is shown, whether its outcome was known or not', async () => {
      const { claim, reference } = await payoutUnderWay();
      await leaveInDoubt(test, claim);
      statement.out(9_900n, reference, at('10:06:05'));
      await storeStatement(test.db, statement.rows);
      assert.equal(await driftAt('10:10:00'), 0n);
      await bookAt('10:10:00');
      assert.equal(await driftAt('10:10:30'), 0n);
      assert.equal(await driftAt('10:40:00'), 0n);
    });

    it('when a payout is shown that must not have been executed', async () => {
      const { claim, reference } = await payoutUnderWay();
      await leaveInDoubt(test, claim);
      await test.owner.updateTable('transfer').set({ state: 'held', held_reason: 'attempts' }).execute();
      await test.owner.updateTable('transfer').set({ state: 'cancelled', held_reason: null }).execute();
      await test.owner.updateTable('transfer_attempt').set({ state: 'absent' }).execute();
      statement.out(9_900n, reference, at('10:06:05'));
      await bookAt('10:10:00');
      assert.equal(await driftAt('10:10:00'), 0n);
      assert.deepEqual(await alarms(), ['transfer_executed_unexpectedly']);
    });

    it('while rows wait to be booked', async () => {
      statement.in(10_000n, '아무개', at('10:00:00'));
      await bookAt('10:05:00');
      statement.in(3_000n, '아무개', at('10:06:00'));
      statement.out(500n, '아무개', at('10:07:00'));
      await storeStatement(test.db, statement.rows);
      assert.equal(await driftAt('10:10:00'), 0n);
    });

    it('when a payout came back', async () => {
      const { claim, reference } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:01'));
      statement.out(9_900n, reference, at('10:06:01'));
      statement.in(9_900n, reference, at('10:20:00'));
      await bookAt('10:25:00');
      assert.equal(await driftAt('10:50:00'), 0n);
    });

    it('when the last second holds several rows, whatever order they are stored in', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(500n, '둘', at('10:01:00'));
      statement.out(700n, '셋', at('10:01:00'));
      statement.in(90n, '넷', at('10:01:00'));
      for (const row of statement.rows.toReversed()) await storeStatement(test.db, [row]);
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
      const result = await reconcileAt('10:05:00');
      assert.deepEqual([result?.statementBalance, result?.drift], [1_009_890n, 0n]);
    });

    it('when the rows of the last second lead round to where they began', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(500n, '둘', at('10:01:00'));
      statement.out(500n, '셋', at('10:01:00'));
      for (const row of statement.rows.toReversed()) await storeStatement(test.db, [row]);
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
      const result = await reconcileAt('10:05:00');
      assert.deepEqual([result?.statementBalance, result?.drift], [1_010_000n, 0n]);
    });
  });

  describe('drifts by', () => {
    it('the amount of a deposit that the statement left out', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(777n, '둘', at('10:01:00'));
      statement.in(300n, '셋', at('10:02:00'));
      await storeStatement(test.db, statement.rows.toSpliced(1, 1));
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
      assert.equal(await driftAt('10:05:00'), 777n);
    });

    it('the amount of a row that was booked twice', async () => {
      const row = statement.in(10_000n, '하나', at('10:00:00'));
      await storeStatement(test.db, [row]);
      await storeStatement(test.db, [
        row,
        { ...row, balanceAfter: (row.balanceAfter + 1n) as typeof row.balanceAfter, text: '둘' },
      ]);
      await storeStatement(test.db, [...statement.rows, statement.in(5n, '셋', at('10:00:01'))]);
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
      assert.equal(await driftAt('10:05:00'), -10_000n);
    });

    it('the amount of a payout that the statement does not show a quarter of an hour later', async () => {
      const { claim } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:00'));
      assert.equal(await driftAt('10:20:59'), 0n);
      const result = await reconcileAt('10:21:00');
      assert.deepEqual([result?.drift, result?.oneSided.missing_withdrawals.count], [9_900n, 1]);
    });
  });

  it('counts a withdrawal that nothing explains, and posts it, so that the balances still agree', async () => {
    statement.in(10_000n, '하나', at('10:00:00'));
    statement.out(400n, '도난', at('10:01:00'));
    await bookAt('10:05:00');
    const result = await reconcileAt('10:05:00');
    assert.deepEqual([result?.drift, result?.oneSided.unexplained_rows.count], [0n, 1]);
  });

  it('is not done while none of the rows is booked, for then the opening balance is not known', async () => {
    statement.in(10_000n, '하나', at('10:00:00'));
    await storeStatement(test.db, statement.rows);
    assert.equal(await reconcileAt('10:05:00'), undefined);
  });

  it('is done for an account that has no row', async () => {
    assert.equal((await reconcileAt('10:05:00', true, 'empty'))?.drift, 0n);
  });

  it('is kept, cycle by cycle', async () => {
    statement.in(10_000n, '하나', at('10:00:00'));
    await bookAt('10:05:00');
    await reconcileAt('10:05:00');
    await reconcileAt('10:10:00', false);
    const kept = await test.db
      .selectFrom('reconciliation')
      .select(['at', 'drift', 'complete'])
      .orderBy('reconciliation_id')
      .execute();
    assert.deepEqual(kept, [
      { at: at('10:05:00'), drift: 0n, complete: true },
      { at: at('10:10:00'), drift: 0n, complete: false },
    ]);
  });

  it('writes nothing once its lease has gone to another cycle', async () => {
    const late = await cycleAt(test, at('10:05:00'));
    await cycleAt(test, at('10:05:00'));
    await assert.rejects(reconcile(late, ACCOUNT, true), LeaseLost);
  });

  describe('halts payouts', () => {
    beforeEach(async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(777n, '둘', at('10:01:00'));
      statement.in(300n, '셋', at('10:02:00'));
      await storeStatement(test.db, statement.rows.toSpliced(1, 1));
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
    });

    it('when a drift stands in two complete reads, with one alarm', async () => {
      await reconcileAt('10:05:00');
      assert.deepEqual(await active(), []);
      await reconcileAt('10:10:00');
      assert.deepEqual(await active(), ['halt_drift']);
      await reconcileAt('10:15:00');
      assert.deepEqual(await alarms(), ['drift']);
    });

    for (const other of ['pause_funds', 'halt_drift'] as const) {
      it(`also when a settlement raises ${other} at the same moment`, async () => {
        await reconcileAt('10:05:00');
        let reconciling: ReturnType<typeof reconcileAt> | undefined;
        await test.db.transaction().execute(async (trx) => {
          await lockStops(trx);
          let ended = false;
          reconciling = reconcileAt('10:10:00');
          void reconciling.finally(() => (ended = true)).catch(() => undefined);
          await until('it waits, or has ended', async () => ended || (await lockWaiters({ test })) > 0n);
          await raiseStop(trx, { name: other, reason: 'r', by: 'system', at: at('10:10:00') });
        });
        await reconciling;
        assert.deepEqual(await active(), other === 'halt_drift' ? [other] : ['halt_drift', other]);
        assert.ok((await alarms()).includes('drift'));
      });
    }

    it('not when one of the reads was incomplete', async () => {
      await reconcileAt('10:05:00');
      await reconcileAt('10:10:00', false);
      await reconcileAt('10:15:00', false);
      assert.deepEqual(await active(), []);
      await reconcileAt('10:20:00');
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('not when the read before was incomplete, and the complete one before that was right', async () => {
      await bookAt('10:05:00');
      await reconcileAt('10:05:00');
      statement.in(1n, '넷', at('10:06:00'));
      const late = statement.in(5n, '다섯', at('10:07:00'));
      await storeStatement(test.db, [late]);
      await reconcileAt('10:10:00', false);
      await reconcileAt('10:15:00');
      const drifts = await test.db
        .selectFrom('reconciliation')
        .select('drift')
        .orderBy('reconciliation_id')
        .execute();
      assert.deepEqual(
        drifts.map((one) => one.drift),
        [0n, 1n, 1n],
      );
      assert.deepEqual(await active(), []);
    });

    it('not while the balances form no chain, since a row has not shown up yet, but once they do', async () => {
      const readAs = async (chain: 'broken' | 'whole') =>
        await test.db
          .insertInto('statement_read')
          .values({
            account: ACCOUNT,
            covers_from: at('09:00:00'),
            covers_to: at('10:04:59'),
            began_at: at('10:05:00'),
            rows: 2,
            fresh_rows: 0,
            repeated_rows: 0,
            chain,
          })
          .execute();
      await readAs('broken');
      await reconcileAt('10:05:00');
      await reconcileAt('10:10:00');
      assert.deepEqual(await active(), []);
      await readAs('whole');
      await reconcileAt('10:15:00');
      assert.deepEqual(await active(), []);
      await reconcileAt('10:20:00');
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('not when the drift is gone in the second read', async () => {
      await reconcileAt('10:05:00');
      await bookAt('10:10:00');
      assert.equal(await driftAt('10:10:00'), 0n);
      assert.deepEqual(await active(), []);
    });
  });

  describe('halts nobody while a row waits to be booked that', () => {
    it('shows a payout that is paid', async () => {
      const { claim, reference } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:01'));
      statement.out(9_900n, reference, at('10:06:01'));
      await storeStatement(test.db, statement.rows);
      for (const time of ['10:30:00', '10:35:00']) await reconcileAt(time);
      assert.deepEqual(await active(), []);
      await bookAt('10:40:00');
      assert.equal(await driftAt('10:40:00'), 0n);
    });

    it('tells where rows begin that lead round', async () => {
      const round = new Statement();
      round.in(10n, '인증', at('10:00:00'));
      round.out(10n, '환급', at('10:00:00'));
      await storeStatement(test.db, round.rows.toReversed(), 'round');
      await book(await cycleAt(test, at('10:05:00')), 'round');
      round.in(500n, '다음', at('10:07:00'));
      await storeStatement(test.db, round.rows, 'round');
      for (const time of ['10:10:00', '10:15:00'])
        assert.equal((await reconcileAt(time, true, 'round'))?.drift, -10n);
      // The row that went out is one that nothing explains, which halts by itself.
      assert.deepEqual(await alarms(), ['unexplained_withdrawal']);
    });

    it('tells of another opening balance', async () => {
      const fresh = new Statement();
      const first = fresh.in(10n, '먼저', at('09:00:00'));
      fresh.in(20n, '다음', at('10:00:00'));
      await storeStatement(test.db, fresh.rows.slice(1), 'late');
      await book(await cycleAt(test, at('10:05:00')), 'late');
      await storeStatement(test.db, [first], 'late');
      for (const time of ['10:10:00', '10:15:00'])
        assert.equal((await reconcileAt(time, true, 'late'))?.drift, -10n);
      assert.deepEqual(await active(), []);
      await book(await cycleAt(test, at('10:20:00')), 'late');
      assert.equal((await reconcileAt('10:20:00', true, 'late'))?.drift, 0n);
      assert.deepEqual(await active(), []);
    });
  });

  describe('names', () => {
    const kept = async () =>
      (
        await test.db
          .selectFrom('reconciliation')
          .select('detail')
          .orderBy('reconciliation_id', 'desc')
          .limit(1)
          .executeTakeFirstOrThrow()
      ).detail as ReconciliationDetail;
    const lastAlarm = async () =>
      await test.db
        .selectFrom('alarm')
        .select(['name', 'detail'])
        .orderBy('alarm_id', 'desc')
        .limit(1)
        .executeTakeFirst();
    /** As the database's owner may, once the triggers are off. */
    const tamper = (statement: RawBuilder<unknown>) =>
      test.owner.transaction().execute(async (trx) => {
        await sql`set local session_replication_role = replica`.execute(trx);
        await statement.execute(trx);
      });
    /** Complete reads at such times, and what they log as errors. */
    const reconcileTimes = async (...times: string[]) => {
      const logged: (Record<string, unknown> | undefined)[] = [];
      const log = {
        info: () => undefined,
        warn: () => undefined,
        error: (_message: string, detail?: Record<string, unknown>) => void logged.push(detail),
      };
      for (const time of times) await reconcile(await cycleAt(test, at(time), { log }), ACCOUNT, true);
      return logged;
    };

    it('the transfer that is paid and not on the statement, and halts payouts when two complete reads miss it', async () => {
      const { claim } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:00'));
      await reconcileTimes('10:15:00', '10:20:00');
      assert.deepEqual([(await kept()).missing_withdrawals.count, await active()], [0, []]);
      const logged = await reconcileTimes('10:25:00', '10:30:00');
      const transferId = claim.posted.transferId.toString();
      assert.deepEqual((await kept()).missing_withdrawals, {
        count: 1,
        first: [{ transfer_id: transferId, attempt_id: claim.posted.attemptId.toString(), amount: '9900' }],
      });
      assert.deepEqual(await active(), ['halt_drift']);
      const alarm = await lastAlarm();
      assert.equal(alarm?.name, 'drift');
      assert.match(
        String((alarm.detail as { reason?: unknown }).reason),
        new RegExp(
          `differs from the books by 9900 won, and 1 paid transfer is not on the statement \\(${transferId}\\)`,
        ),
      );
      assert.equal(logged.length, 1);
      assert.deepEqual(logged[0]?.['missing_withdrawals'], (await kept()).missing_withdrawals);
    });

    it('that transfer also when something else makes up for its amount', async () => {
      const { claim } = await payoutUnderWay();
      await succeed(test, claim, at('10:06:00'));
      await sql`insert into posting (debit, credit, amount, kind, at) values (${`bank:${ACCOUNT}`}, 'owner', 9900, 'correction', now())`.execute(
        test.db,
      );
      await reconcileTimes('10:25:00', '10:30:00');
      assert.equal(await driftAt('10:35:00'), 0n);
      assert.deepEqual([await active(), await alarms()], [['halt_drift'], ['drift']]);
    });

    it('the withdrawal that our reference explains and that the books have not paid, and halts for it not', async () => {
      const { claim, reference } = await payoutUnderWay();
      await leaveInDoubt(test, claim);
      statement.out(9_900n, reference, at('10:06:05'));
      await bookAt('10:10:00');
      await tamper(sql`update transfer_attempt set state = 'open'`);
      await reconcileAt('10:10:00');
      const { count, first } = (await kept()).shown_not_paid;
      assert.deepEqual([count, first[0]?.['transfer_id']], [1, claim.posted.transferId.toString()]);
    });

    it('rows that wait to be booked, the first twenty of them, and how many there are', async () => {
      statement.in(10_000n, '아무개', at('10:00:00'));
      await bookAt('10:05:00');
      for (let n = 0; n < 25; n += 1) statement.in(3_000n, `아무개${n}`, at('10:06:00'));
      await storeStatement(test.db, statement.rows);
      await reconcileAt('10:10:00');
      const { count, first } = (await kept()).unbooked_rows;
      assert.deepEqual([count, first.length], [25, 20]);
      assert.deepEqual(first[0], { row_id: '2', direction: 'in', amount: '3000' });
    });

    it('the withdrawal that nothing explains', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.out(400n, '도난', at('10:01:00'));
      await bookAt('10:05:00');
      await reconcileAt('10:05:00');
      assert.deepEqual((await kept()).unexplained_rows, {
        count: 1,
        first: [{ row_id: '2', amount: '400' }],
      });
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('where the balance jumps over a row that the statement left out', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(777n, '둘', at('10:01:00'));
      statement.in(300n, '셋', at('10:02:00'));
      await storeStatement(test.db, statement.rows.toSpliced(1, 1));
      await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
      await reconcileTimes('10:05:00', '10:10:00');
      const gaps = { count: 1, first: [{ after_row: '1', before_row: '2', won: '777' }] };
      assert.deepEqual((await kept()).balance_gaps, gaps);
      assert.deepEqual(((await lastAlarm())?.detail as { balance_gaps?: unknown }).balance_gaps, gaps);
    });

    it('a booked row that the journal does not hold, and one that it holds with another amount', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      statement.in(777n, '둘', at('10:01:00'));
      statement.in(300n, '셋', at('10:02:00'));
      await bookAt('10:05:00');
      await reconcileAt('10:05:00');
      statement.in(40n, '넷', at('10:06:00'));
      statement.in(50n, '다섯', at('10:06:30'));
      await bookAt('10:10:00');
      await tamper(sql`delete from posting where row_id = 4`);
      await tamper(sql`update posting set amount = 51 where row_id = 5`);
      await reconcileTimes('10:10:00', '10:15:00');
      assert.deepEqual((await kept()).rows_not_posted, {
        count: 2,
        first: [
          { row_id: '4', direction: 'in', amount: '40', posted: '0' },
          { row_id: '5', direction: 'in', amount: '50', posted: '51' },
        ],
      });
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('a posting of the account for which the statement has no row', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      await bookAt('10:05:00');
      await sql`insert into posting (debit, credit, amount, kind, row_id, at) values (${`bank:${ACCOUNT}`}, 'unallocated', 5, 'deposit', 99, now())`.execute(
        test.db,
      );
      await reconcileTimes('10:10:00', '10:15:00');
      const { count, first } = (await kept()).postings_without_row ?? NONE;
      assert.deepEqual([count, first[0]?.['kind'], first[0]?.['amount']], [1, 'deposit', '5']);
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('a second drift by a second alarm, while the halt of the first stands', async () => {
      statement.in(10_000n, '하나', at('10:00:00'));
      await bookAt('10:05:00');
      const post = (rowId: number) =>
        sql`insert into posting (debit, credit, amount, kind, row_id, at) values (${`bank:${ACCOUNT}`}, 'unallocated', 5, 'deposit', ${rowId}, now())`.execute(
          test.db,
        );
      await post(98);
      await reconcileTimes('10:10:00', '10:15:00');
      await reconcileTimes('10:20:00', '10:25:00');
      assert.equal((await alarms()).length, 1);
      await post(99);
      await reconcileTimes('10:30:00', '10:35:00');
      assert.equal((await alarms()).length, 2);
    });
  });

  describe('that is overdue', () => {
    const watchAt = async (time: string, accounts = [ACCOUNT]) =>
      await watchReconciliation(await cycleAt(test, at(time)), accounts);

    it('pauses payouts after six cycles without a complete one, and the next complete one resumes them', async () => {
      await reconcileAt('10:00:00');
      await reconcileAt('10:25:00', false);
      assert.equal(await watchAt('10:30:00'), false);
      assert.equal(await watchAt('10:30:01'), true);
      await watchAt('10:35:00');
      assert.deepEqual(
        [await active(), await alarms()],
        [['pause_reconciliation'], ['reconciliation_overdue']],
      );
      await reconcileAt('10:40:00');
      assert.equal(await watchAt('10:40:00'), false);
      assert.deepEqual(await active(), []);
    });

    it('pauses payouts for the one account of two that lags', async () => {
      await reconcileAt('10:00:00');
      await reconcileAt('10:40:00', true, 'another');
      assert.equal(await watchAt('10:40:00', [ACCOUNT, 'another']), true);
    });

    it('counts from the first cycle where there never was one', async () => {
      assert.equal(await watchAt('10:00:00'), false);
      await test.db
        .insertInto('cycle')
        .values({ token: 99n, began_at: at('10:00:00'), ended_at: null, ended_as: null, summary: null })
        .execute();
      assert.equal(await watchAt('10:30:00'), false);
      assert.equal(await watchAt('10:31:00'), true);
    });
  });
});
