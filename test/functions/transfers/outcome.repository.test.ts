import assert from 'node:assert/strict';
import { insertPostings } from '../../../functions/ledger/ledger.repository.ts';
import { holdPosting, returnPosting } from '../../../functions/ledger/postings.ts';
import { approveTransfer } from '../../../functions/transfers/approve.step.ts';
import { openAttempt, takeQueued } from '../../../functions/transfers/claim.repository.ts';
import { claim, LEASE_MS } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import {
  cancelUnsent,
  leaveUnknown,
  lockAttempt,
  postedOf,
  recordProvenEnd,
  recordSuccess,
  type SuccessOutcome,
} from '../../../functions/transfers/outcome.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addStatementRow,
  alarmsOf,
  attemptsOf,
  cycleContext,
  evidenceOf,
  lockWaiters,
  openPayoutWorld,
  plan,
  planOne,
  postingsOf,
  queueOne,
  settleContext,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { race, tally } from '../../support/racers.ts';
import { done } from '../../support/review-scene.ts';
import { executes, isNotReached, timesOut } from '../../support/scripted-bank.ts';
import { until } from '../../support/until.ts';
import { failedOne, resend, sendAndGet, statementShows, unknownOne } from '../../support/unknown-transfer.ts';

describe('a success, whenever it is learnt of', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  /** Planned, with an attempt that is taken for absent. */
  async function absentOne(amount = 5000n): Promise<bigint> {
    const transferId = await queueOne(world, amount);
    await sendAndGet(world, transferId, isNotReached);
    return transferId;
  }

  async function haltReason(): Promise<string | undefined> {
    const row = await world.db
      .selectFrom('payout_stop')
      .select('reason')
      .where('name', '=', 'halt_drift')
      .where('active', '=', true)
      .executeTakeFirst();
    return row?.reason;
  }

  it('is recorded once and known the second time', async () => {
    const transferId = await unknownOne(world, 5000n);
    assert.equal(await statementShows(world, transferId), 'succeeded');
    assert.equal(await statementShows(world, transferId), 'already_known');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
    assert.deepEqual(await evidenceOf(world, transferId), [
      'send:ambiguous',
      'statement:succeeded',
      'statement:succeeded',
    ]);
  });

  for (const state of ['planned', 'queued', 'held'] as const) {
    it(`takes the money again from a transfer that is ${state} again, so that it is never sent twice`, async () => {
      const transferId = await absentOne();
      if (state === 'queued') await dispatch(cycleContext(world));
      if (state === 'held')
        await world.db.updateTable('transfer').set({ state: 'held', held_reason: 'limit' }).execute();
      assert.equal((await transferOf(world, transferId)).state, state);
      assert.equal(await statementShows(world, transferId), 'succeeded');
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.equal((await attemptsOf(world, transferId))[0]?.state, 'succeeded');
      assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void', 'hold', 'post']);
      const claimed = await claim(settleContext(world), transferId, world.clock.now());
      assert.deepEqual(claimed, { outcome: 'not_claimable', state: 'succeeded' });
      assert.equal(await haltReason(), undefined);
    });
  }

  it('takes the money again from a failed transfer without a retry, whose orders are its own again', async () => {
    const transferId = await failedOne(world, 5000n, 'rejected');
    assert.equal(await statementShows(world, transferId), 'succeeded');
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.equal(await haltReason(), undefined);
  });

  /** A failed transfer and the retry that followed it. */
  async function failedWithRetry(): Promise<{ failed: bigint; retry: bigint }> {
    const failed = await failedOne(world, 5000n, 'maintenance');
    assert.equal((await release(cycleContext(world), true)).retried, 1);
    const row = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('retry_of', '=', failed)
      .executeTakeFirstOrThrow();
    return { failed, retry: row.transfer_id };
  }

  for (const state of ['planned', 'queued'] as const) {
    it(`cancels a retry that is ${state}, in the same transaction`, async () => {
      const { failed, retry } = await failedWithRetry();
      if (state === 'queued') await dispatch(cycleContext(world));
      assert.equal(await stateOf(world, retry), state);
      assert.equal(await statementShows(world, failed), 'succeeded');
      assert.equal(await stateOf(world, failed), 'succeeded');
      assert.equal(await stateOf(world, retry), 'cancelled');
      assert.equal(await haltReason(), undefined);
      assert.deepEqual(await alarmsOf(world), ['payouts_paused', 'transfer_failed']);
    });
  }

  it('leaves a retry that a person has cancelled as it is, and cancels the one that was planned after it', async () => {
    const { failed, retry } = await failedWithRetry();
    await world.db.transaction().execute((trx) => cancelUnsent(trx, retry, world.clock.now()));
    const approve = (who: string) => approveTransfer(world.db, actingAs(who, world.clock.now()), retry);
    await approve('kim');
    const anew = done(await approve('lee'));
    if (anew.outcome !== 'planned_anew') assert.fail(anew.outcome);
    assert.equal(await statementShows(world, failed), 'succeeded');
    assert.equal(await stateOf(world, failed), 'succeeded');
    assert.deepEqual(
      [await stateOf(world, retry), await stateOf(world, anew.transferId)],
      ['cancelled', 'cancelled'],
    );
    assert.equal(await haltReason(), undefined);
  });

  it('halts payouts where the retry is being claimed at that moment', async () => {
    const { failed, retry } = await failedWithRetry();
    await dispatch(cycleContext(world));
    let told: Promise<SuccessOutcome> | undefined;
    await world.db.transaction().execute(async (trx) => {
      const now = world.clock.now();
      const taken = (await takeQueued(trx, retry, new Date(now.getTime() + LEASE_MS)))!;
      const { attemptId } = await openAttempt(trx, settleContext(world), taken, now);
      await insertPostings(trx, [holdPosting(postedOf(await lockAttempt(trx, attemptId)))], now);
      told = statementShows(world, failed);
      await until('the success waits for the claim', async () => (await lockWaiters(world)) === 1n);
    });
    assert.equal(await told, 'halted');
    assert.equal(await stateOf(world, retry), 'sending');
  });

  for (const [name, answer] of [
    ['sending', undefined],
    ['unknown', timesOut],
    ['succeeded', executes],
  ] as const) {
    it(`halts payouts and raises an alarm where the retry is ${name}, since money may have gone twice`, async () => {
      const { failed, retry } = await failedWithRetry();
      await dispatch(cycleContext(world));
      if (answer === undefined) await claim(settleContext(world), retry, world.clock.now());
      else await sendAndGet(world, retry, answer);
      assert.equal(await stateOf(world, retry), name);
      assert.equal(await statementShows(world, failed), 'halted');
      assert.equal(await stateOf(world, failed), 'failed(maintenance)');
      assert.equal(await stateOf(world, retry), name);
      assert.match((await haltReason()) ?? '', new RegExp(`its retry ${retry.toString()} is ${name}`));
      assert.equal((await alarmsOf(world)).at(-1), 'transfer_executed_unexpectedly');
      assert.equal((await evidenceOf(world, failed)).at(-1), 'statement:succeeded');
    });
  }

  it('halts payouts where an order of the failed transfer was planned anew', async () => {
    const failed = await failedOne(world, 5000n, 'rejected');
    const item = await world.db.selectFrom('transfer_item').selectAll().executeTakeFirstOrThrow();
    const [anew] = await plan(world, [
      {
        orderId: item.order_id,
        sellerId: 'seller',
        amount: item.amount as never,
        depositedAt: world.clock.now(),
      },
    ]);
    assert.equal(await statementShows(world, failed), 'halted');
    assert.equal(await stateOf(world, failed), 'failed(rejected)');
    assert.match((await haltReason()) ?? '', new RegExp(`transfer ${String(anew)} pays an order of it`));
  });

  it('halts payouts on a cancelled transfer, which stays cancelled', async () => {
    const transferId = await absentOne();
    await world.db.transaction().execute((trx) => cancelUnsent(trx, transferId, world.clock.now()));
    assert.equal(await statementShows(world, transferId), 'halted');
    assert.equal(await stateOf(world, transferId), 'cancelled');
    assert.match((await haltReason()) ?? '', /it was cancelled/);
    assert.deepEqual(await alarmsOf(world), ['transfer_executed_unexpectedly']);
    assert.equal((await evidenceOf(world, transferId)).at(-1), 'statement:succeeded');
  });

  /** The money of a transfer came back. */
  async function comesBack(transferId: bigint): Promise<void> {
    const { amount } = await transferOf(world, transferId);
    const rowId = await addStatementRow(world, { amount, direction: 'in' });
    await world.db.transaction().execute(async (trx) => {
      const attempt = (await attemptsOf(world, transferId)).find((one) => one.state === 'succeeded');
      const posted = postedOf(await lockAttempt(trx, attempt!.attempt_id));
      await insertPostings(
        trx,
        [returnPosting(posted, { account: posted.account, rowId })],
        world.clock.now(),
      );
      await trx.updateTable('transfer').set({ state: 'returned' }).execute();
      await trx.updateTable('transfer_item').set({ live: false }).execute();
    });
  }

  it('is evidence only on a transfer that came back', async () => {
    const transferId = await queueOne(world, 5000n);
    await sendAndGet(world, transferId, executes);
    await comesBack(transferId);
    assert.equal(await statementShows(world, transferId), 'already_known');
    assert.equal(await stateOf(world, transferId), 'returned');
    assert.equal(await haltReason(), undefined);
    assert.deepEqual(await evidenceOf(world, transferId), ['send:succeeded', 'statement:succeeded']);
  });

  describe('of a first attempt, where there is a second', () => {
    /** The first attempt was taken for absent; the second, a day later, got this answer. */
    async function secondOne(answer: typeof timesOut): Promise<bigint> {
      const transferId = await absentOne();
      world.clock.set('2026-03-03T09:00:00+09:00');
      await resend(world, transferId, answer);
      return transferId;
    }

    it('halts payouts where the second has succeeded too, and books one payment', async () => {
      const transferId = await secondOne(executes);
      assert.equal(await statementShows(world, transferId, 1), 'halted');
      assert.match((await haltReason()) ?? '', /two attempts of it have succeeded/);
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.deepEqual(
        (await attemptsOf(world, transferId)).map((attempt) => attempt.state),
        ['absent', 'succeeded'],
      );
    });

    it('halts payouts where the second came back: the first has left all the same', async () => {
      const transferId = await secondOne(executes);
      await comesBack(transferId);
      assert.equal(await statementShows(world, transferId, 1), 'halted');
      assert.match((await haltReason()) ?? '', /another attempt of it has paid, and came back/);
      assert.equal(await stateOf(world, transferId), 'returned');
    });

    it('halts payouts where the second is still unknown', async () => {
      const transferId = await secondOne(timesOut);
      assert.equal(await statementShows(world, transferId, 1), 'halted');
      assert.match((await haltReason()) ?? '', /a second attempt is under way/);
      assert.equal(await stateOf(world, transferId), 'unknown');
    });

    it('is recorded where the second was not sent either, and halts payouts: the transfer was claimed since', async () => {
      const transferId = await secondOne(isNotReached);
      assert.equal(await statementShows(world, transferId, 1), 'halted');
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.deepEqual(
        (await attemptsOf(world, transferId)).map((attempt) => attempt.state),
        ['succeeded', 'absent'],
      );
    });
  });

  it('is booked once when 100 tell it at the same time, and known already to 99', async () => {
    const transferId = await unknownOne(world, 5000n);
    const outcomes = await race(world.test, async (db) => await statementShows(world, transferId, 1, db));
    assert.deepEqual(
      tally(outcomes, (outcome) => outcome),
      { succeeded: 1, already_known: 99 },
    );
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
  });

  it('is known the second time also to somebody who tells it while the first is not committed', async () => {
    const transferId = await unknownOne(world, 5000n);
    const [attempt] = await attemptsOf(world, transferId);
    const evidence = {
      attemptId: attempt!.attempt_id,
      token: attempt!.token,
      source: 'inquiry',
      verdict: 'succeeded',
      code: 'A0000',
      at: world.clock.now(),
    } as const;
    let second: Promise<SuccessOutcome> | undefined;
    const first = await world.db.transaction().execute(async (trx) => {
      const outcome = await recordSuccess(trx, evidence);
      second = statementShows(world, transferId);
      await until('the second waits for the first', async () => (await lockWaiters(world)) === 1n);
      return outcome;
    });
    assert.equal(first, 'succeeded');
    assert.equal(await second, 'already_known');
  });

  it('is never booked twice: the database refuses a second payment of an attempt', async () => {
    const transferId = await queueOne(world, 5000n);
    await sendAndGet(world, transferId, executes);
    const again = world.db.transaction().execute(async (trx) => {
      const post = await trx
        .selectFrom('posting')
        .select([
          'debit',
          'credit',
          'amount',
          'kind',
          'row_id',
          'order_id',
          'transfer_id',
          'attempt_id',
          'at',
        ])
        .where('kind', '=', 'post')
        .executeTakeFirstOrThrow();
      await trx.insertInto('posting').values(post).execute();
    });
    await assert.rejects(again, { constraint: 'posting_one_post_an_attempt' });
  });
});

describe('ends and hand-backs', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  async function postedOfLatest(transferId: bigint) {
    const attempt = (await attemptsOf(world, transferId)).at(-1)!;
    return await world.db
      .transaction()
      .execute(async (trx) => postedOf(await lockAttempt(trx, attempt.attempt_id)));
  }

  it('are refused to a token that is not the latest', async () => {
    const transferId = await unknownOne(world, 5000n);
    const posted = await postedOfLatest(transferId);
    for (const proven of [
      { end: 'absent', thenHold: false },
      { end: 'failed', cause: 'payee' },
    ] as const) {
      const outcome = await world.db
        .transaction()
        .execute((trx) => recordProvenEnd(trx, posted, 0n, proven, world.clock.now()));
      assert.equal(outcome, 'fenced');
    }
    assert.equal(await stateOf(world, transferId), 'unknown');
    assert.deepEqual(await postingsOf(world, transferId), ['hold']);
  });

  it('are refused for a claim that is still under way', async () => {
    const transferId = await queueOne(world, 5000n);
    await claim(settleContext(world), transferId, world.clock.now());
    const posted = await postedOfLatest(transferId);
    const outcome = await world.db
      .transaction()
      .execute((trx) =>
        recordProvenEnd(trx, posted, 1n, { end: 'absent', thenHold: false }, world.clock.now()),
      );
    assert.equal(outcome, 'fenced');
    assert.equal(await stateOf(world, transferId), 'sending');
    const left = await world.db.transaction().execute((trx) => leaveUnknown(trx, transferId, 0n));
    assert.equal(left, false);
    assert.equal(await stateOf(world, transferId), 'sending');
  });

  it('free no order of a transfer that may have been sent: cancelling it throws', async () => {
    const transferId = await unknownOne(world, 5000n);
    await assert.rejects(
      world.db.transaction().execute((trx) => cancelUnsent(trx, transferId, world.clock.now())),
      /cancelled: 0 rows instead of 1/,
    );
    const item = await world.db.selectFrom('transfer_item').select('live').executeTakeFirstOrThrow();
    assert.equal(item.live, true);
  });

  it('free the orders of a transfer that was never sent', async () => {
    const transferId = await planOne(world, 5000n);
    await world.db.transaction().execute((trx) => cancelUnsent(trx, transferId, world.clock.now()));
    assert.equal(await stateOf(world, transferId), 'cancelled');
  });
});
