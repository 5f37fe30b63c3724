import assert from 'node:assert/strict';
import { book } from '../../../functions/deposits/book.step.ts';
import type { Claim } from '../../../functions/transfers/claim.step.ts';
import { findDifferences } from '../../../functions/ledger/compare.step.ts';
import { recordProvenEnd } from '../../../functions/transfers/outcome.repository.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
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

describe('our own transfers on the statement', () => {
  let test: TestDatabase;
  let statement: Statement;
  let sellerId: string;
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
    sellerId = await addSeller(test.db, { feeBp: 100 });
  });
  afterEach(async () => {
    assert.deepEqual((await findDifferences(test.db))?.differences, []);
    await test.close();
  });

  const noPageFails = {
    info: () => undefined,
    warn: (message: string) => assert.fail(message),
    error: (message: string) => assert.fail(message),
  };
  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    return await book(await cycleAt(test, at(time), { log: noPageFails }), ACCOUNT);
  };
  const transfers = () => test.db.selectFrom('transfer').selectAll().orderBy('transfer_id').execute();
  const states = async () => (await transfers()).map((transfer) => transfer.state);
  const balances = async () => {
    const found = await replayedBalances(test.db);
    assert.equal(imbalance(found), 0n);
    return {
      seller: found[`seller:${sellerId}`],
      transit: found['in_transit'] ?? 0n,
      bank: found[`bank:${ACCOUNT}`],
    };
  };
  const alarms = async () =>
    (await test.db.selectFrom('alarm').select('name').execute()).map((alarm) => alarm.name);

  /** A paid order of 10,000 won, whose payout of 9,900 is claimed and under way. */
  const payoutUnderWay = async (): Promise<{ claim: Claim; reference: string }> => {
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    statement.in(10_000n, '홍길동0420', at('10:00:00'));
    await bookAt('10:05:00');
    const [claim] = await claimPlanned(test, at('10:06:00'));
    return { claim: claim!, reference: await referenceOf(test, claim!) };
  };

  it('end the doubt about a transfer: its withdrawal row makes it succeeded', async () => {
    const { claim, reference } = await payoutUnderWay();
    await leaveInDoubt(test, claim);
    assert.deepEqual(await balances(), { seller: 0n, transit: 9_900n, bank: 1_010_000n });
    statement.out(9_900n, reference, at('10:06:05'));
    await bookAt('10:10:00');
    assert.deepEqual(await states(), ['succeeded']);
    assert.deepEqual(await balances(), { seller: 0n, transit: 0n, bank: 1_000_100n });
    const [withdrawal] = await test.db.selectFrom('withdrawal').selectAll().execute();
    assert.deepEqual([withdrawal?.state, withdrawal?.attempt_id], ['transfer', claim.posted.attemptId]);
    const [evidence] = await test.db.selectFrom('attempt_evidence').selectAll().execute();
    assert.deepEqual(
      [evidence?.source, evidence?.verdict, evidence?.token],
      ['statement', 'succeeded', claim.token],
    );
  });

  it('post nothing twice when the success was known before', async () => {
    const { claim, reference } = await payoutUnderWay();
    await succeed(test, claim, at('10:06:01'));
    const before = await balances();
    statement.out(9_900n, reference, at('10:06:01'));
    await bookAt('10:10:00');
    assert.deepEqual(await balances(), before);
    assert.deepEqual(await states(), ['succeeded']);
    const evidence = await test.db.selectFrom('attempt_evidence').select('source').execute();
    assert.deepEqual(evidence, [{ source: 'send' }]);
  });

  it('halt payouts when one of them leaves twice', async () => {
    const { claim, reference } = await payoutUnderWay();
    await succeed(test, claim, at('10:06:01'));
    statement.out(9_900n, reference, at('10:06:01'));
    statement.out(9_900n, reference, at('10:06:01'));
    const booked = await bookAt('10:10:00');
    assert.equal(booked.unexplained, 1);
    assert.deepEqual(await alarms(), ['unexplained_withdrawal']);
  });

  it('are returned when they come back: the seller is owed again, and an alarm asks why', async () => {
    const { claim, reference } = await payoutUnderWay();
    await succeed(test, claim, at('10:06:01'));
    statement.out(9_900n, reference, at('10:06:01'));
    statement.in(9_900n, reference, at('10:20:00'), '반환');
    const booked = await bookAt('10:25:00');
    assert.equal(booked.returned, 1);
    assert.deepEqual(await states(), ['returned']);
    assert.deepEqual(await balances(), { seller: 9_900n, transit: 0n, bank: 1_010_000n });
    assert.deepEqual(await alarms(), ['transfer_returned']);
    const deposits = await test.db
      .selectFrom('deposit')
      .select(['state', 'return_of_transfer_id', 'remaining'])
      .orderBy('row_id')
      .execute();
    assert.deepEqual(deposits[1], {
      state: 'return_of',
      return_of_transfer_id: claim.posted.transferId,
      remaining: 0n,
    });
    const items = await test.db.selectFrom('transfer_item').select('live').execute();
    assert.deepEqual(items, [{ live: false }]);
  });

  it('are returned when they come back before anybody knew that they had left', async () => {
    const { claim, reference } = await payoutUnderWay();
    await leaveInDoubt(test, claim);
    statement.in(9_900n, reference, at('10:20:00'));
    await bookAt('10:25:00');
    assert.deepEqual(await states(), ['returned']);
    assert.equal((await balances()).seller, 9_900n);
    // The withdrawal row shows up after its return, and changes nothing more.
    const late = { ...statement.rows[1]!, direction: 'out' as const, occurredAt: at('10:06:02') };
    await storeStatement(test.db, [...statement.rows, late]);
    await book(await cycleAt(test, at('10:30:00')), ACCOUNT);
    assert.deepEqual(await states(), ['returned']);
    assert.equal((await balances()).seller, 9_900n);
    assert.deepEqual(await alarms(), ['transfer_returned']);
  });

  it('go to review when they come back with another amount, and when they come back again', async () => {
    const { claim, reference } = await payoutUnderWay();
    await succeed(test, claim, at('10:06:01'));
    statement.out(9_900n, reference, at('10:06:01'));
    statement.in(9_400n, reference, at('10:20:00'));
    await bookAt('10:25:00');
    assert.deepEqual(await states(), ['succeeded']);
    statement.in(9_900n, reference, at('10:30:00'));
    statement.in(9_900n, reference, at('10:31:00'));
    await bookAt('10:35:00');
    assert.deepEqual(await states(), ['returned']);
    const deposits = await test.db
      .selectFrom('deposit')
      .select(['amount', 'state', 'reason'])
      .orderBy('row_id')
      .execute();
    assert.deepEqual(deposits.slice(1), [
      { amount: 9_400n, state: 'in_review', reason: 'name_unknown' },
      { amount: 9_900n, state: 'return_of', reason: null },
      { amount: 9_900n, state: 'in_review', reason: 'name_unknown' },
    ]);
    assert.equal((await balances()).seller, 9_900n);
  });

  describe('of an attempt that was taken for absent, after another one has paid', () => {
    const paidBySecond = async () => {
      const { claim, reference } = await payoutUnderWay();
      await leaveInDoubt(test, claim);
      await test.db
        .transaction()
        .execute(
          async (trx) =>
            await recordProvenEnd(
              trx,
              claim.posted,
              claim.token,
              { end: 'absent', thenHold: false },
              at('10:30:00'),
            ),
        );
      const [second] = await claimPlanned(test, at('09:00:00', '2026-03-11'));
      await succeed(test, second!, at('09:00:01', '2026-03-11'));
      return { reference };
    };

    it('halt payouts when they left', async () => {
      const { reference } = await paidBySecond();
      statement.out(9_900n, reference, at('10:06:05'));
      await bookAt('10:35:00');
      assert.deepEqual(await alarms(), ['transfer_executed_unexpectedly']);
    });

    it('are not taken for a return of the payment when they come back: the seller is owed nothing', async () => {
      const { reference } = await paidBySecond();
      statement.in(9_900n, reference, at('10:40:00'));
      await bookAt('10:45:00');
      assert.deepEqual(await states(), ['succeeded']);
      assert.equal((await balances()).seller, 0n);
      assert.deepEqual(await alarms(), ['transfer_executed_unexpectedly']);
      const [, back] = await test.db
        .selectFrom('deposit')
        .select(['state', 'reason'])
        .orderBy('row_id')
        .execute();
      assert.deepEqual(back, { state: 'in_review', reason: 'name_unknown' });
    });
  });
});
