import assert from 'node:assert/strict';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { reconcile, watchReconciliation } from '../../../functions/ledger/reconcile.step.ts';
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
    (await test.db.selectFrom('payout_stop').select('name').where('active', '=', true).execute()).map(
      (stop) => stop.name,
    );
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
