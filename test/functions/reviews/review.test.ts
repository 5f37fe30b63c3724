import assert from 'node:assert/strict';
import { correctSuspense } from '../../../functions/ledger/correct.step.ts';
import { won } from '../../../functions/shared/money.ts';
import { assignDeposit } from '../../../functions/reviews/assign.step.ts';
import { combineDeposits } from '../../../functions/reviews/combine.step.ts';
import { ignoreDeposit } from '../../../functions/reviews/ignore.step.ts';
import { splitDeposit } from '../../../functions/reviews/split.step.ts';
import { undoDecision } from '../../../functions/reviews/undo.step.ts';
import { reconsiderReviews } from '../../../functions/deposits/reconsider.step.ts';
import {
  acting,
  assign,
  done,
  openReviewScene,
  refund,
  refusedAs,
  type ReviewScene,
} from '../../support/review-scene.ts';
import {
  addOrder,
  at,
  cancelOrder,
  claimPlanned,
  cycleAt,
  replayedBalances,
} from '../../support/statement-scene.ts';

describe('a deposit in review', () => {
  let scene: ReviewScene;
  beforeEach(async () => {
    scene = await openReviewScene();
  });
  afterEach(async () => {
    await scene.close();
  });

  const orderOf = async (amount: bigint, name = '홍길동0420') =>
    await addOrder(scene.test.db, { sellerId: scene.sellerId, name, amount });
  const undo = async (decisionId: bigint) => await undoDecision(scene.test.db, acting('lee'), decisionId);
  const fees = async () => (await replayedBalances(scene.test.db))['fees'] ?? 0n;
  const owed = async () => (await replayedBalances(scene.test.db))[`seller:${scene.sellerId}`] ?? 0n;

  describe('that is assigned', () => {
    it('pays its order, the seller and the fee, and leaves its trace', async () => {
      const orderId = await orderOf(10_000n);
      const rowId = await scene.unknown(10_000n, '10:00:00');
      const decided = await assign(scene, rowId, orderId);
      assert.deepEqual([decided.planned, decided.held], [1, 0]);
      assert.equal(await scene.deposit(rowId), 'assigned 0');
      assert.equal(await scene.order(orderId), 'paid 0');
      assert.deepEqual(await scene.transfers(), ['9900 planned']);
      assert.deepEqual([await owed(), await fees()], [9_900n, 100n]);
      const [trace] = await scene.test.db.selectFrom('audit').selectAll().execute();
      assert.deepEqual(
        [trace?.actor, trace?.action, trace?.subject, trace?.reason],
        ['kim', 'review assign', `deposit ${rowId.toString()}`, 'kim says so'],
      );
    });

    it('pays nobody while its order is short, and bears the whole fee when the last part comes', async () => {
      const orderId = await orderOf(10_001n);
      const first = await scene.unknown(3_333n, '10:00:00');
      const second = await scene.unknown(3_333n, '10:01:00');
      const third = await scene.unknown(3_335n, '10:02:00');
      await assign(scene, first, orderId);
      await assign(scene, second, orderId);
      assert.equal(await scene.order(orderId), 'awaiting_deposit 3335');
      assert.equal(await scene.deposit(first), 'assigned 0');
      assert.deepEqual(await scene.transfers(), []);
      assert.equal(await owed(), 0n);
      await assign(scene, third, orderId);
      assert.equal(await scene.order(orderId), 'paid 0');
      assert.deepEqual([await owed(), await fees()], [9_901n, 100n]);
      assert.deepEqual(await scene.transfers(), ['9901 planned']);
    });

    it('keeps its rest in review, where it is decided on again', async () => {
      const [one, two] = [await orderOf(6_000n), await orderOf(4_000n, '김철수1111')];
      const rowId = await scene.unknown(10_000n, '10:00:00');
      await assign(scene, rowId, one);
      assert.equal(await scene.deposit(rowId), 'in_review 4000');
      await assign(scene, rowId, two);
      assert.equal(await scene.deposit(rowId), 'assigned 0');
      assert.deepEqual(await scene.transfers(), ['5940 planned', '3960 planned']);
    });

    it('pays an order that was cancelled or has expired, which is so again when that is undone', async () => {
      const cancelled = await orderOf(10_000n);
      await cancelOrder(scene.test.db, cancelled);
      const expired = await orderOf(20_000n, '김철수1111');
      const closedAt = at('10:30:00');
      await scene.test.db
        .updateTable('shop_order')
        .set({ state: 'expired', closed_at: closedAt })
        .where('order_id', '=', expired)
        .execute();
      for (const [orderId, amount, state] of [
        [cancelled, 10_000n, 'cancelled'],
        [expired, 20_000n, 'expired'],
      ] as const) {
        const rowId = await scene.unknown(amount, orderId === cancelled ? '10:00:00' : '10:01:00');
        const { decisionId } = await assign(scene, rowId, orderId);
        assert.equal(await scene.order(orderId), 'paid 0');
        done(await undo(decisionId));
        assert.equal(await scene.order(orderId), `${state} ${amount.toString()}`);
      }
      const { closed_at } = await scene.test.db
        .selectFrom('shop_order')
        .select('closed_at')
        .where('order_id', '=', expired)
        .executeTakeFirstOrThrow();
      assert.deepEqual(closed_at, closedAt);
    });

    it('is refused for an order that is paid, for one that is not there, and when it is used or not there itself', async () => {
      const paid = await orderOf(10_000n);
      const used = await scene.unknown(10_000n, '10:00:00');
      await assign(scene, used, paid);
      const open = await orderOf(10_000n, '김철수1111');
      const rowId = await scene.unknown(10_000n, '10:01:00');
      const audited = await scene.test.db.selectFrom('audit').selectAll().execute();
      const tried = async (depositRowId: bigint, orderId: bigint) =>
        await assignDeposit(scene.test.db, acting(), { depositRowId, orderId });
      refusedAs(await tried(rowId, paid), 'order_paid', /paid already/);
      refusedAs(await tried(rowId, 999_999n), 'order_not_found');
      refusedAs(await tried(used, open), 'already_used', /is assigned/);
      refusedAs(await tried(999_999n, open), 'deposit_not_found', /999999/);
      assert.deepEqual(await scene.test.db.selectFrom('audit').selectAll().execute(), audited);
      assert.equal(await scene.deposit(rowId), 'in_review 10000');
    });

    it('is out of reach of what judges reviews again; its rest is judged by what is left', async () => {
      const orderId = await orderOf(6_000n);
      const rowId = await scene.unknown(10_000n, '10:00:00', '김철수1111');
      await assign(scene, rowId, orderId);
      await addOrder(scene.test.db, {
        sellerId: scene.sellerId,
        name: '김철수1111',
        amount: 4_000n,
        opensAt: at('11:10:00'),
        createdAt: at('11:10:00'),
      });
      assert.equal(await reconsiderReviews(await cycleAt(scene.test, at('11:15:00'))), 1);
      const { reason } = await scene.test.db.selectFrom('deposit').select('reason').executeTakeFirstOrThrow();
      assert.equal(reason, 'paid_before_order');
      assert.equal(await scene.deposit(rowId), 'in_review 4000');
    });
  });

  describe('whose order has got a part by hand', () => {
    const partly = async () => {
      const orderId = await orderOf(10_000n);
      await assign(scene, await scene.unknown(4_000n, '10:00:00'), orderId);
      return orderId;
    };
    for (const [amount, reason, what] of [
      [6_000n, 'split', 'the missing part'],
      [10_000n, 'amount_over', 'the whole amount'],
      [5_000n, 'amount_under', 'less than the missing part'],
    ] as const) {
      it(`is never matched by itself: ${what} of its order goes to review as ${reason}`, async () => {
        const orderId = await partly();
        scene.statement.in(amount, '홍길동0420', at('10:10:00'));
        const booked = await scene.bookAt('10:15:00');
        assert.equal(booked.matched, 0);
        assert.deepEqual(booked.inReview, { [reason]: 1 });
        const { candidates } = await scene.test.db
          .selectFrom('deposit')
          .select('candidates')
          .orderBy('row_id', 'desc')
          .limit(1)
          .executeTakeFirstOrThrow();
        assert.deepEqual(candidates, [orderId]);
      });
    }
  });

  describe('that is split', () => {
    it('pays several orders with one payout to their seller, and keeps its rest in review', async () => {
      const one = await orderOf(6_000n);
      const two = await orderOf(4_000n, '김철수1111');
      const rowId = await scene.unknown(10_500n, '10:00:00');
      const decided = done(
        await splitDeposit(scene.test.db, acting(), {
          depositRowId: rowId,
          shares: [{ orderId: two }, { orderId: one }],
        }),
      );
      assert.deepEqual(
        decided.orders.map((order) => order.amount),
        [6_000n, 4_000n],
      );
      assert.equal(await scene.deposit(rowId), 'in_review 500');
      assert.deepEqual(await scene.transfers(), ['9900 planned']);
    });

    it('gives an order no more than was said, and none more than it needs or the deposit has', async () => {
      const one = await orderOf(6_000n);
      const two = await orderOf(4_000n, '김철수1111');
      const rowId = await scene.unknown(9_000n, '10:00:00');
      const split = async (...amounts: readonly (bigint | undefined)[]) =>
        await splitDeposit(scene.test.db, acting(), {
          depositRowId: rowId,
          shares: [one, two].map((orderId, n) => {
            const amount = amounts[n];
            return amount === undefined ? { orderId } : { orderId, amount: won(amount) };
          }),
        });
      refusedAs(await split(), 'more_than_remaining', /10,000 won together.*9,000 left/);
      refusedAs(await split(6_001n, 1n), 'more_than_outstanding', /still needs 6,000 won, and 6,001/);
      refusedAs(await split(0n, 1n), 'more_than_outstanding');
      const single = await splitDeposit(scene.test.db, acting(), {
        depositRowId: rowId,
        shares: [{ orderId: one }, { orderId: one }],
      });
      refusedAs(single, 'not_several_orders');
      assert.equal(await scene.deposit(rowId), 'in_review 9000');
      done(await split(5_000n));
      assert.deepEqual([await scene.order(one), await scene.order(two)], ['awaiting_deposit 1000', 'paid 0']);
      assert.equal(await scene.deposit(rowId), 'assigned 0');
    });
  });

  describe('that is combined with others', () => {
    it('pays an order to the won, or nothing is done', async () => {
      const orderId = await orderOf(10_000n);
      const rows = [await scene.unknown(7_000n, '10:00:00'), await scene.unknown(3_000n, '10:01:00')];
      const third = await scene.unknown(1n, '10:02:00');
      const combine = async (depositRowIds: bigint[]) =>
        await combineDeposits(scene.test.db, acting(), { orderId, depositRowIds });
      refusedAs(await combine([...rows, third]), 'does_not_come_out', /10,001 won left.*needs 10,000/);
      refusedAs(await combine([rows[0]!, rows[0]!]), 'not_several_deposits');
      const decided = done(await combine(rows));
      assert.equal(await scene.order(orderId), 'paid 0');
      assert.deepEqual([await owed(), await fees()], [9_900n, 100n]);
      done(await undo(decided.decisionId));
      assert.deepEqual(await Promise.all(rows.map(scene.deposit)), ['in_review 7000', 'in_review 3000']);
      assert.deepEqual(await scene.transfers(), ['9900 cancelled']);
    });
  });

  describe('that is ignored', () => {
    it('is booked to the account that was named, and comes back when that is undone', async () => {
      const rowId = await scene.unknown(5_000n, '10:00:00');
      const { decisionId } = done(
        await ignoreDeposit(scene.test.db, acting(), { depositRowId: rowId, account: 'interest' }),
      );
      assert.equal(await scene.deposit(rowId), 'ignored 0');
      assert.equal((await replayedBalances(scene.test.db))['interest'], 5_000n);
      done(await undo(decisionId));
      assert.equal(await scene.deposit(rowId), 'in_review 5000');
      assert.equal((await replayedBalances(scene.test.db))['interest'], 0n);
    });

    it('stays ignored once two people have moved its money on', async () => {
      const rowId = await scene.unknown(5_000n, '10:00:00');
      const { decisionId } = done(
        await ignoreDeposit(scene.test.db, acting(), { depositRowId: rowId, account: 'suspense' }),
      );
      for (const who of ['kim', 'lee'])
        done(await correctSuspense(scene.test.db, acting(who), { rowId, to: 'owner', amount: won(2_000n) }));
      refusedAs(await undo(decisionId), 'corrected_since', /5,000 won .* 3,000 are left/);
      assert.equal(await scene.deposit(rowId), 'ignored 0');
    });

    it('is taken back by the bank all the same', async () => {
      const rowId = await scene.unknown(5_000n, '10:00:00');
      const { decisionId } = done(
        await ignoreDeposit(scene.test.db, acting(), { depositRowId: rowId, account: 'suspense' }),
      );
      scene.statement.out(5_000n, '모르는사람', at('11:30:00'), '입금취소');
      assert.equal((await scene.bookAt('11:35:00')).reversed, 1);
      assert.equal(await scene.deposit(rowId), 'reversed 0');
      const balances = await replayedBalances(scene.test.db);
      assert.deepEqual([balances['suspense'], balances['unallocated']], [0n, 0n]);
      refusedAs(await undo(decisionId), 'already_ended', /bank has taken back/);
    });
  });

  describe('whose decision is undone', () => {
    it('is in review again, and only its own payout is cancelled', async () => {
      const matched = await orderOf(30_000n, '김철수1111');
      const orderId = await orderOf(10_000n);
      const rowId = await scene.unknown(20_000n, '10:00:00');
      const other = await orderOf(10_000n, '이영희2222');
      const { decisionId } = done(
        await splitDeposit(scene.test.db, acting(), {
          depositRowId: rowId,
          shares: [{ orderId }, { orderId: other }],
        }),
      );
      scene.statement.in(30_000n, '김철수1111', at('11:05:00'));
      await scene.bookAt('11:10:00');
      assert.equal(await scene.order(matched), 'paid 0');
      done(await undo(decisionId));
      assert.deepEqual(await Promise.all([scene.order(orderId), scene.order(other), scene.order(matched)]), [
        'awaiting_deposit 10000',
        'awaiting_deposit 10000',
        'paid 0',
      ]);
      assert.equal(await scene.deposit(rowId), 'in_review 20000');
      assert.deepEqual(await scene.transfers(), ['19800 cancelled', '29700 planned']);
      const { may_owe } = await scene.test.db
        .selectFrom('seller')
        .select('may_owe')
        .executeTakeFirstOrThrow();
      assert.equal(may_owe, false, 'nobody owes what was never sent');
    });

    it('leaves the other orders of a payout to be paid out', async () => {
      const [one, two] = [await orderOf(6_000n), await orderOf(4_000n, '김철수1111')];
      const first = await scene.unknown(1_000n, '10:00:00');
      const { decisionId } = await assign(scene, first, one);
      const rowId = await scene.unknown(9_000n, '10:01:00');
      done(
        await splitDeposit(scene.test.db, acting(), {
          depositRowId: rowId,
          shares: [{ orderId: one }, { orderId: two }],
        }),
      );
      assert.deepEqual(await scene.transfers(), ['9900 planned']);
      done(await undo(decisionId));
      assert.deepEqual([await scene.order(one), await scene.order(two)], ['awaiting_deposit 1000', 'paid 0']);
      assert.deepEqual(await scene.transfers(), ['9900 cancelled', '3960 planned']);
      assert.deepEqual([await owed(), await fees()], [3_960n, 40n]);
    });

    it('stays decided once its payout may have been sent', async () => {
      const orderId = await orderOf(10_000n);
      const rowId = await scene.unknown(10_000n, '10:00:00');
      const { decisionId } = await assign(scene, rowId, orderId);
      await claimPlanned(scene.test, at('11:01:00'));
      refusedAs(await undo(decisionId), 'too_late', /is sending/);
      assert.equal(await scene.order(orderId), 'paid 0');
      assert.deepEqual(await scene.transfers(), ['9900 sending']);
    });

    it('is undone once only, and not at all where there is none', async () => {
      const rowId = await scene.unknown(10_000n, '10:00:00');
      const { decisionId } = await assign(scene, rowId, await orderOf(10_000n));
      done(await undo(decisionId));
      refusedAs(await undo(decisionId), 'already_undone', /undone by lee/);
      refusedAs(await undo(999n), 'decision_not_found', /999/);
    });

    it('waits until a refund or an ignoring of the rest is undone, but not for other orders that took a part', async () => {
      const [one, two] = [await orderOf(1_000n), await orderOf(2_000n, '김철수1111')];
      const rowId = await scene.unknown(10_000n, '10:00:00');
      const first = await assign(scene, rowId, one);
      await assign(scene, rowId, two);
      const last = await refund(scene, rowId);
      refusedAs(await undo(first.decisionId), 'later_decision', /used by decision .* \(refund\)/);
      done(await undo(last.decisionId));
      done(await undo(first.decisionId));
      assert.equal(await scene.deposit(rowId), 'in_review 8000');
      assert.deepEqual([await scene.order(one), await scene.order(two)], ['awaiting_deposit 1000', 'paid 0']);
    });

    it('does not give an order a name back that another one has by now', async () => {
      const issued = async () =>
        await addOrder(scene.test.db, {
          sellerId: scene.sellerId,
          name: '홍길동0420',
          amount: 10_000n,
          issued: true,
        });
      const { decisionId } = await assign(scene, await scene.unknown(10_000n, '10:00:00'), await issued());
      await issued();
      refusedAs(await undo(decisionId), 'name_taken', /홍길동0420/);
    });

    it('cannot be rewritten, by nobody', async () => {
      const rowId = await scene.unknown(10_000n, '10:00:00');
      const { decisionId } = await assign(scene, rowId, await orderOf(10_000n));
      await assert.rejects(
        scene.test.owner.updateTable('review_decision').set({ amount: 1n }).execute(),
        /what was decided never changes/,
      );
      done(await undo(decisionId));
      await assert.rejects(
        scene.test.owner.updateTable('review_decision').set({ state: 'standing' }).execute(),
        /what was decided never changes/,
      );
    });
  });

  describe('that the bank takes back', () => {
    it('unpays the order that it paid with two others, which keep what they gave', async () => {
      const orderId = await orderOf(10_001n);
      const rows = [
        await scene.unknown(3_333n, '10:00:00', '가'),
        await scene.unknown(3_333n, '10:01:00', '나'),
        await scene.unknown(3_335n, '10:02:00', '다'),
      ];
      const { decisionId } = done(
        await combineDeposits(scene.test.db, acting(), { orderId, depositRowIds: rows }),
      );
      scene.statement.out(3_333n, '나', at('11:30:00'), '입금취소');
      assert.equal((await scene.bookAt('11:35:00')).reversed, 1);
      assert.equal(await scene.order(orderId), 'awaiting_deposit 3333');
      assert.deepEqual(await Promise.all(rows.map(scene.deposit)), [
        'assigned 0',
        'reversed 0',
        'assigned 0',
      ]);
      assert.deepEqual(await scene.transfers(), ['9901 cancelled']);
      assert.deepEqual([await owed(), await fees()], [0n, 0n]);

      const late = await scene.unknown(3_333n, '11:40:00', '라');
      await assign(scene, late, orderId);
      assert.deepEqual([await owed(), await fees()], [9_901n, 100n]);
      done(await undo(decisionId));
      assert.equal(await scene.order(orderId), 'awaiting_deposit 6668');
      assert.deepEqual(await Promise.all(rows.map(scene.deposit)), [
        'in_review 3333',
        'reversed 0',
        'in_review 3335',
      ]);
    });

    it('makes the seller owe it, when the order was paid out already', async () => {
      const orderId = await orderOf(10_000n);
      await cancelOrder(scene.test.db, orderId);
      await assign(scene, await scene.unknown(4_000n, '10:00:00', '가'), orderId);
      await assign(scene, await scene.unknown(6_000n, '10:01:00', '나'), orderId);
      await claimPlanned(scene.test, at('11:01:00'));
      scene.statement.out(4_000n, '가', at('11:30:00'), '입금취소');
      await scene.bookAt('11:35:00');
      assert.equal(
        await scene.order(orderId),
        'cancelled 4000',
        'it is what it was, and no deposit matches it',
      );
      assert.equal(await owed(), -9_900n);
      const { may_owe } = await scene.test.db
        .selectFrom('seller')
        .select('may_owe')
        .executeTakeFirstOrThrow();
      assert.equal(may_owe, true);
    });

    it('is gone with its rest, when a part of it was assigned', async () => {
      const orderId = await orderOf(6_000n);
      const rowId = await scene.unknown(10_000n, '10:00:00');
      await assign(scene, rowId, orderId);
      scene.statement.out(10_000n, '모르는사람', at('11:30:00'), '입금취소');
      await scene.bookAt('11:35:00');
      assert.equal(await scene.deposit(rowId), 'reversed 0');
      assert.equal(await scene.order(orderId), 'awaiting_deposit 6000');
    });
  });
});
