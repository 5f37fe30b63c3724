import assert from 'node:assert/strict';
import { book } from '../../../functions/deposits/book.step.ts';
import { addRule } from '../../../functions/deposits/rules.step.ts';
import { correctSuspense } from '../../../functions/ledger/correct.step.ts';
import { compareTouched, compareWhole } from '../../../functions/ledger/compare.step.ts';
import { reconcile } from '../../../functions/ledger/reconcile.step.ts';
import type { Refused } from '../../../functions/people/act.step.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { recordProvenEnd } from '../../../functions/transfers/outcome.repository.ts';
import { haltPayouts, resumePayouts } from '../../../functions/transfers/payouts.step.ts';
import { readPayoutsStatus } from '../../../functions/transfers/payouts-status.repository.ts';
import { haltAndSayOnce, raiseStop } from '../../../functions/transfers/stops.repository.ts';
import { actingAs } from '../../support/acting.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { openPayoutWorld, queueOne, settleContext } from '../../support/payout-world.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  imbalance,
  leaveInDoubt,
  referenceOf,
  replayedBalances,
  Statement,
  storeStatement,
  succeed,
} from '../../support/statement-scene.ts';

describe('halting and resuming payouts', () => {
  let test: TestDatabase;
  let statement: Statement;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
    sellerId = await addSeller(test.db, { feeBp: 0 });
  });
  afterEach(async () => {
    assert.equal(imbalance(await replayedBalances(test.db)), 0n);
    await test.close();
  });

  const halt = (name: string, time = '12:00:00') => haltPayouts(test.db, actingAs(name, at(time)));
  const resume = (name: string, time = '12:30:00', despite = false) =>
    resumePayouts(test.db, actingAs(name, at(time)), despite);
  const resultOf = async (resuming: ReturnType<typeof resume>) => {
    const outcome = await resuming;
    if (outcome.outcome === 'refused') assert.fail(outcome.message);
    return outcome.result;
  };
  const refusalOf = async (acting: Promise<{ outcome: string } | Refused>): Promise<Refused> => {
    const outcome = await acting;
    assert.ok('code' in outcome, `it was not refused but ${outcome.outcome}`);
    return outcome;
  };
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
    (await test.db.selectFrom('alarm').select('name').orderBy('alarm_id').execute()).map(
      (alarm) => alarm.name,
    );
  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at(time)), ACCOUNT);
  };
  const reconcileAt = async (time: string) =>
    (await reconcile(await cycleAt(test, at(time)), ACCOUNT, true))?.drift;
  const raise = async (name: 'halt_drift' | 'pause_funds', time: string) =>
    await test.db
      .transaction()
      .execute(async (trx) => await raiseStop(trx, { name, reason: 'r', by: 'system', at: at(time) }));

  it('a person halts, and another or the same resumes; both leave their trace', async () => {
    assert.equal((await halt('kim')).outcome, 'done');
    assert.deepEqual(await active(), ['halt_person']);
    const again = await refusalOf(halt('lee'));
    assert.equal(again.code, 'halted_already');
    assert.match(again.message, /kim halted payouts at .*: kim says so/);
    assert.deepEqual(await resultOf(resume('kim')), {
      outcome: 'resumed',
      ended: ['halt_person'],
      remaining: [],
    });
    assert.deepEqual(await active(), []);
    assert.equal((await refusalOf(resume('kim'))).code, 'not_halted');
    const traces = await test.db
      .selectFrom('audit')
      .select(['actor', 'action'])
      .orderBy('audit_id')
      .execute();
    assert.deepEqual(traces, [
      { actor: 'kim', action: 'payouts halt' },
      { actor: 'kim', action: 'payouts resume' },
    ]);
  });

  it("never lifts the system's pauses, and says which remain", async () => {
    await raise('pause_funds', '11:00:00');
    assert.match((await refusalOf(resume('kim'))).message, /pause_funds/);
    await halt('kim');
    assert.deepEqual(await resultOf(resume('kim')), {
      outcome: 'resumed',
      ended: ['halt_person'],
      remaining: ['pause_funds'],
    });
    assert.deepEqual(await active(), ['pause_funds']);
  });

  it('lets a claim that is under way end, and none begin after', async () => {
    const world = await openPayoutWorld();
    try {
      const first = await queueOne(world, 1000n);
      const second = await queueOne(world, 2000n);
      assert.equal((await claim(settleContext(world), first, world.clock.now())).outcome, 'claimed');
      await haltPayouts(world.db, actingAs('kim', world.clock.now()));
      assert.deepEqual(await claim(settleContext(world), second, world.clock.now()), {
        outcome: 'stopped',
        stops: ['halt_person'],
      });
    } finally {
      await world.close();
    }
  });

  describe('after the system has halted them because a row is unexplained', () => {
    beforeEach(async () => {
      statement.in(50_000n, '아무개', at('09:00:00'));
      statement.out(3_000n, '출금', at('10:00:00'), '수수료');
      await bookAt('10:05:00');
      assert.deepEqual(await active(), ['halt_drift']);
    });

    const rowId = async () =>
      (await test.db.selectFrom('withdrawal').select('row_id').executeTakeFirstOrThrow()).row_id;

    it('stays while no complete reconciliation came after the halt, and while the row is in suspense', async () => {
      const both = await resume('kim');
      assert.equal(both.outcome, 'refused');
      const codes = 'blockers' in both ? both.blockers.map((blocker) => blocker.code) : [];
      assert.deepEqual(codes, [`not_reconciled ${ACCOUNT}`, `in_suspense row ${(await rowId()).toString()}`]);
      assert.equal(await reconcileAt('10:10:00'), 0n);
      const one = await refusalOf(resume('kim'));
      assert.doesNotMatch(one.message, /not been reconciled/);
      assert.match(one.message, /took 3,000 won out.*ledger correct --row/);
      assert.deepEqual(await active(), ['halt_drift']);
    });

    it('goes on by one person when a rule has explained the row', async () => {
      await reconcileAt('10:10:00');
      const rule = {
        account: ACCOUNT,
        direction: 'out',
        text: undefined,
        kind: '수수료',
        to: 'bank_fees',
        apply: true,
      };
      await addRule(test.db, actingAs('kim', at('11:00:00')), rule as Parameters<typeof addRule>[2]);
      assert.deepEqual((await resultOf(resume('kim'))).outcome, 'resumed');
      assert.deepEqual(await active(), []);
      const balances = await replayedBalances(test.db);
      assert.deepEqual([balances['suspense'], balances['bank_fees']], [0n, -3_000n]);
    });

    it('goes on by two people who know what they resume despite', async () => {
      await reconcileAt('10:10:00');
      assert.equal((await resultOf(resume('kim', '12:30:00', true))).outcome, 'requested');
      assert.deepEqual(await active(), ['halt_drift']);
      assert.equal((await refusalOf(resume('kim', '12:31:00', true))).code, 'needs_second_person');
      assert.equal((await resultOf(resume('lee', '12:32:00', true))).outcome, 'resumed');
      assert.deepEqual(await active(), []);
    });

    it('takes two who know the same: what came up between them is asked for anew', async () => {
      await reconcileAt('10:10:00');
      await resume('kim', '12:30:00', true);
      statement.out(4_000n, '출금', at('12:31:00'));
      await bookAt('12:31:00');
      assert.equal((await refusalOf(resume('lee', '12:32:00', true))).code, 'asked_otherwise');
      assert.deepEqual(await active(), ['halt_drift']);
    });
  });

  describe('after the system has halted them because orders and ledger differ', () => {
    let depositRow: bigint;
    /** The database's owner changes what a deposit has left, with no posting. */
    const changeRest = async (by: bigint) =>
      await test.owner
        .updateTable('deposit')
        .set((eb) => ({ remaining: eb('remaining', '+', by) }))
        .where('row_id', '=', depositRow)
        .execute();
    beforeEach(async () => {
      statement.in(10_000n, '아무개', at('10:00:00'));
      await bookAt('10:05:00');
      depositRow = (await test.db.selectFrom('deposit').select('row_id').executeTakeFirstOrThrow()).row_id;
      await changeRest(-1n);
    });
    const compareAt = async (time: string, compare: typeof compareTouched | typeof compareWhole) =>
      await compare(await cycleAt(test, at(time)));

    for (const [scope, compare] of [
      ['cycle', compareTouched],
      ['daily check', compareWhole],
    ] as const) {
      it(`stays while the last ${scope} has found a difference, and goes on when the next finds none`, async () => {
        await compareAt('10:10:00', compare);
        assert.deepEqual(await active(), ['halt_drift']);
        await reconcileAt('10:15:00');
        const refused = await refusalOf(resume('kim'));
        assert.equal(refused.code, 'blocked');
        assert.match(refused.message, /orders, deposits or transfers differ from the ledger in 2 places/);
        await changeRest(1n);
        await compareAt('12:20:00', compare);
        assert.equal((await resultOf(resume('kim'))).outcome, 'resumed');
      });
    }

    it('stays when the chain of hashes is broken, until two people resume despite it', async () => {
      await changeRest(1n);
      await test.db
        .transaction()
        .execute(async (trx) => await haltAndSayOnce(trx, 'ledger_broken', 'broken', {}, at('10:10:00')));
      await reconcileAt('10:15:00');
      assert.match((await refusalOf(resume('kim'))).message, /the ledger is not what it was/);
      assert.equal((await resultOf(resume('kim', '12:30:00', true))).outcome, 'requested');
      assert.equal((await resultOf(resume('lee', '12:31:00', true))).outcome, 'resumed');
    });
  });

  it('a drift that still stands blocks, and halts again in the next cycle when two people have resumed despite it', async () => {
    statement.in(10_000n, '아무개', at('10:00:00'));
    await bookAt('10:05:00');
    await test.owner
      .insertInto('posting')
      .values({
        debit: `bank:${ACCOUNT}`,
        credit: 'owner',
        amount: 7n,
        kind: 'correction',
        row_id: null,
        order_id: null,
        transfer_id: null,
        attempt_id: null,
        at: at('10:06:00'),
      })
      .execute();
    assert.equal(await reconcileAt('10:10:00'), -7n);
    assert.equal(await reconcileAt('10:15:00'), -7n);
    assert.deepEqual(await active(), ['halt_drift']);
    assert.equal(await reconcileAt('10:20:00'), -7n);
    const refused = await refusalOf(resume('kim'));
    assert.match(refused.message, /differs from the books by -7 won/);
    await resume('kim', '12:30:00', true);
    await resume('lee', '12:30:00', true);
    assert.deepEqual(await active(), []);
    await reconcileAt('12:35:00');
    assert.deepEqual(await active(), ['halt_drift']);
    assert.deepEqual(await alarms(), ['drift', 'drift']);
  });

  describe('after money has gone twice', () => {
    /** The first attempt was taken for absent, the second has paid, and then the statement shows the first. Answers the row. */
    const paidTwice = async (): Promise<bigint> => {
      await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
      statement.in(10_000n, '홍길동0420', at('10:00:00'));
      await bookAt('10:05:00');
      const [first] = await claimPlanned(test, at('10:06:00'));
      const reference = await referenceOf(test, first!);
      await leaveInDoubt(test, first!);
      await test.db.transaction().execute(async (trx) => {
        const absent = { end: 'absent', thenHold: false } as const;
        await recordProvenEnd(trx, first!.posted, first!.token, absent, at('10:30:00'));
      });
      const nextDay = at('09:00:00', '2026-03-11');
      const [second] = await claimPlanned(test, nextDay);
      await succeed(test, second!, nextDay);
      statement.out(10_000n, await referenceOf(test, second!), nextDay);
      statement.out(10_000n, reference, nextDay);
      await storeStatement(test.db, statement.rows, ACCOUNT, at('10:00:00', '2026-03-11'));
      await book(await cycleAt(test, at('10:00:00', '2026-03-11')), ACCOUNT);
      const twice = await test.db
        .selectFrom('withdrawal')
        .select(['row_id', 'state', 'ledger_account'])
        .where('state', '<>', 'transfer')
        .execute();
      assert.equal(twice.length, 1);
      assert.deepEqual([twice[0]?.state, twice[0]?.ledger_account], ['unexpected', 'suspense']);
      return twice[0]!.row_id;
    };
    const tomorrow = (time: string) => at(time, '2026-03-11');
    const correct = (name: string, to: string, rowId: bigint, amount?: bigint) =>
      correctSuspense(test.db, actingAs(name, tomorrow('11:00:00')), { rowId, to, amount: amount as never });

    it('the books are true: the second payment stands in suspense, and nothing drifts', async () => {
      await paidTwice();
      const balances = await replayedBalances(test.db);
      assert.deepEqual(
        [balances['suspense'], balances[`seller:${sellerId}`], balances[`bank:${ACCOUNT}`]],
        [-10_000n, 0n, 990_000n],
      );
      const drift = await reconcile(await cycleAt(test, tomorrow('10:30:00')), ACCOUNT, true);
      assert.deepEqual([drift?.drift, drift?.oneSided.shown_not_paid.count], [0n, 1]);
      assert.deepEqual(await alarms(), ['transfer_executed_unexpectedly']);
      const blocked = await resumePayouts(test.db, actingAs('kim', tomorrow('10:40:00')), false);
      assert.match(blocked.outcome === 'refused' ? blocked.message : '', /money may have gone twice/);
    });

    it('two people charge it to the seller, whose payouts then wait until it is made up, and one resumes', async () => {
      const rowId = await paidTwice();
      await addOrder(test.db, { sellerId, name: '김철수0777', amount: 4_000n, expiresAt: null });
      statement.in(4_000n, '김철수0777', tomorrow('10:20:00'));
      await storeStatement(test.db, statement.rows, ACCOUNT, tomorrow('10:25:00'));
      await book(await cycleAt(test, tomorrow('10:25:00')), ACCOUNT);
      await reconcile(await cycleAt(test, tomorrow('10:30:00')), ACCOUNT, true);
      const asked = await correct('kim', `seller:${sellerId}`, rowId);
      assert.equal(asked.outcome === 'done' ? asked.result.outcome : asked.message, 'requested');
      const corrected = await correct('lee', `seller:${sellerId}`, rowId);
      assert.deepEqual(corrected, {
        outcome: 'done',
        result: { outcome: 'corrected', amount: 10_000n, left: 0n },
      });
      const balances = await replayedBalances(test.db);
      assert.deepEqual([balances['suspense'], balances[`seller:${sellerId}`]], [0n, -6_000n]);
      const waiting = await test.db
        .selectFrom('transfer')
        .select('held_reason')
        .where('state', '=', 'held')
        .execute();
      assert.deepEqual(waiting, [{ held_reason: 'seller_debt' }]);
      const resumed = await resumePayouts(test.db, actingAs('kim', tomorrow('11:30:00')), false);
      assert.equal(resumed.outcome, 'done');
    });

    it('it is given back in the books when the second attempt turns out not to have paid', async () => {
      await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
      statement.in(10_000n, '홍길동0420', at('10:00:00'));
      await bookAt('10:05:00');
      const [first] = await claimPlanned(test, at('10:06:00'));
      await leaveInDoubt(test, first!);
      const absent = { end: 'absent', thenHold: false } as const;
      const end = async (one: NonNullable<typeof first>, time: Date) =>
        await test.db
          .transaction()
          .execute(async (trx) => await recordProvenEnd(trx, one.posted, one.token, absent, time));
      await end(first!, at('10:30:00'));
      const [second] = await claimPlanned(test, tomorrow('09:00:00'));
      await leaveInDoubt(test, second!);
      statement.out(10_000n, await referenceOf(test, first!), tomorrow('09:01:00'));
      await storeStatement(test.db, statement.rows, ACCOUNT, tomorrow('09:05:00'));
      await book(await cycleAt(test, tomorrow('09:05:00')), ACCOUNT);
      assert.equal((await replayedBalances(test.db))['suspense'], -10_000n);
      assert.equal(await end(second!, tomorrow('09:30:00')), 'succeeded_before');
      const balances = await replayedBalances(test.db);
      assert.deepEqual(
        [
          balances['suspense'],
          balances[`seller:${sellerId}`],
          balances['in_transit'],
          balances[`bank:${ACCOUNT}`],
        ],
        [0n, 0n, 0n, 1_000_000n],
      );
      const row = await test.db
        .selectFrom('withdrawal')
        .select(['state', 'ledger_account'])
        .executeTakeFirstOrThrow();
      assert.deepEqual(row, { state: 'transfer', ledger_account: null });
      assert.equal((await reconcile(await cycleAt(test, tomorrow('09:40:00')), ACCOUNT, true))?.drift, 0n);
    });

    it('is corrected in parts, never by more than there is, to no account that is not a bearer', async () => {
      const rowId = await paidTwice();
      const codeOf = async (acting: ReturnType<typeof correct>) => {
        const outcome = await acting;
        return outcome.outcome === 'refused' ? outcome.code : outcome.result.outcome;
      };
      assert.equal(await codeOf(correct('kim', 'bank:x', rowId)), 'no_such_account');
      assert.equal(await codeOf(correct('kim', 'seller:nobody', rowId)), 'no_such_account');
      assert.equal(await codeOf(correct('kim', 'owner', 999n)), 'nothing_in_suspense');
      assert.equal(await codeOf(correct('kim', 'owner', rowId, 10_001n)), 'more_than_there_is');
      assert.equal(await codeOf(correct('kim', 'owner', rowId, 4_000n)), 'requested');
      assert.equal(await codeOf(correct('kim', 'owner', rowId, 4_000n)), 'needs_second_person');
      assert.equal(await codeOf(correct('lee', 'owner', rowId, 4_001n)), 'asked_otherwise');
      assert.equal(await codeOf(correct('lee', 'owner', rowId, 4_000n)), 'corrected');
      assert.equal((await replayedBalances(test.db))['suspense'], -6_000n);
      const [stands] = (await readPayoutsStatus(test.db, tomorrow('12:00:00'))).inSuspense;
      assert.equal(stands?.row_id, rowId, 'a row of which a part is left is not explained');
      await correct('asker', 'owner', rowId);
      const all = await Promise.all(
        Array.from({ length: 50 }, (_, n) => codeOf(correct(`p${n}`, 'owner', rowId))),
      );
      assert.equal(all.filter((code) => code === 'corrected').length, 1);
      assert.equal(all.filter((code) => code === 'nothing_in_suspense').length, 49);
      const balances = await replayedBalances(test.db);
      assert.deepEqual([balances['suspense'], balances['owner']], [0n, -10_000n]);
      assert.deepEqual((await readPayoutsStatus(test.db, tomorrow('12:00:00'))).inSuspense, []);
    });
  });

  it('the status names what stops payouts, what is open, and since when', async () => {
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await bookAt('10:05:00');
    await reconcileAt('10:06:00');
    await halt('kim', '10:10:00');
    const status = await readPayoutsStatus(test.db, at('10:20:00'));
    assert.deepEqual(
      status.stops.map(({ name, changed_by, reason }) => [name, changed_by, reason]),
      [['halt_person', 'kim', 'kim says so']],
    );
    assert.deepEqual(status.transfers, [{ state: 'planned', reason: null, count: 1, won: 10_000n }]);
    assert.deepEqual(status.oldestUnpaidAt, at('10:05:00'));
    assert.deepEqual(status.reconciliations, [
      { account: ACCOUNT, at: at('10:06:00'), drift: 0n, unexplained_rows: 0 },
    ]);
  });
});
