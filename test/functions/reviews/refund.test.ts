import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { assignDeposit } from '../../../functions/reviews/assign.step.ts';
import { refundDeposit } from '../../../functions/reviews/refund.step.ts';
import { undoDecision } from '../../../functions/reviews/undo.step.ts';
import type { Claim } from '../../../functions/transfers/claim.step.ts';
import {
  handBackUnsent,
  recordProvenEnd,
  recordSuccess,
} from '../../../functions/transfers/outcome.repository.ts';
import {
  acting,
  assign,
  BUYERS_ACCOUNT,
  done,
  openReviewScene,
  refund,
  refusedAs,
  type ReviewScene,
} from '../../support/review-scene.ts';
import {
  addOrder,
  at,
  claimPlanned,
  leaveInDoubt,
  referenceOf,
  replayedBalances,
  succeed,
  vault,
} from '../../support/statement-scene.ts';

describe('a refund', () => {
  let scene: ReviewScene;
  let rowId: bigint;
  beforeEach(async () => {
    scene = await openReviewScene();
    rowId = await scene.unknown(10_000n, '10:00:00');
  });
  afterEach(async () => {
    await scene.close();
  });

  const ask = async (who: string, to = BUYERS_ACCOUNT) =>
    await refundDeposit(scene.test.db, vault, acting(who), { depositRowId: rowId, to });
  const claimed = async (): Promise<Claim> => {
    const [claim] = await claimPlanned(scene.test, at('11:01:00'));
    return claim!;
  };
  const prove = async (claim: Claim, end: 'failed' | 'absent') => {
    await leaveInDoubt(scene.test, claim);
    const proven =
      end === 'failed' ? ({ end, cause: 'payee' } as const) : ({ end, thenHold: false } as const);
    await scene.test.db
      .transaction()
      .execute(async (trx) => await recordProvenEnd(trx, claim.posted, claim.token, proven, at('11:30:00')));
  };
  const lateSuccess = async ({ posted, token }: Claim) =>
    await scene.test.db.transaction().execute(
      async (trx) =>
        await recordSuccess(trx, {
          attemptId: posted.attemptId,
          token,
          source: 'inquiry',
          verdict: 'succeeded',
          code: 'late',
          at: at('12:00:00'),
        }),
    );
  const decisions = async () =>
    (await scene.test.db.selectFrom('review_decision').select('state').orderBy('decision_id').execute()).map(
      (row) => row.state,
    );
  const takenBack = async (time = '11:40:00') => {
    scene.statement.out(10_000n, '모르는사람', at(time), '입금취소');
    assert.equal((await scene.bookAt(time)).reversed, 1);
  };
  const suspense = async () => (await replayedBalances(scene.test.db))['suspense'] ?? 0n;

  it('needs two people who type the same account', async () => {
    assert.equal(done(await ask('kim')).outcome, 'requested');
    assert.equal(await scene.deposit(rowId), 'in_review 10000');
    refusedAs(await ask('kim'), 'needs_second_person', /kim asked for this/);
    const slip = { ...BUYERS_ACCOUNT, accountNumber: '110987654322' };
    assert.equal(done(await ask('lee', slip)).outcome, 'requested', 'another account is another request');
    assert.deepEqual(await scene.transfers(), []);
    assert.equal(done(await ask('lee')).outcome, 'refunding');
    assert.equal(await scene.deposit(rowId), 'refund_pending 0');
    assert.deepEqual(await scene.transfers(), ['10000 planned']);
    refusedAs(await ask('kim', slip), 'already_used', /refund_pending/);
  });

  it('shows the account number to nobody who reads the database', async () => {
    await refund(scene, rowId);
    for (const table of ['approval', 'audit', 'transfer', 'review_decision', 'alarm']) {
      const { rows } = await sql<{
        all: string;
      }>`select row_to_json(t)::text as all from ${sql.table(table)} t`.execute(scene.test.owner);
      assert.ok(
        rows.every((row) => !row.all.includes(BUYERS_ACCOUNT.accountNumber)),
        table,
      );
    }
    const [order] = await scene.test.db.selectFrom('transfer').selectAll().execute();
    const encrypted = { ciphertext: order!.account_number_ciphertext!, keyId: order!.account_number_key_id! };
    assert.equal(vault.decrypt('account-number', encrypted).toString(), BUYERS_ACCOUNT.accountNumber);
  });

  it('is of what an order has left of the deposit', async () => {
    const orderId = await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 6_000n,
    });
    await assign(scene, rowId, orderId);
    await refund(scene, rowId);
    assert.deepEqual(await scene.transfers(), ['5940 planned', '4000 planned']);
  });

  it('is over when the bank has paid it, and not before', async () => {
    await refund(scene, rowId);
    const claim = await claimed();
    assert.equal(await scene.deposit(rowId), 'refund_pending 0');
    await succeed(scene.test, claim, at('11:02:00'));
    assert.equal(await scene.deposit(rowId), 'refunded 0');
    assert.equal((await replayedBalances(scene.test.db))['unallocated'], 0n);
  });

  it('brings its deposit back when it has failed, and can be made anew', async () => {
    await refund(scene, rowId);
    await prove(await claimed(), 'failed');
    assert.equal(await scene.deposit(rowId), 'in_review 10000');
    assert.deepEqual(await decisions(), ['came_back']);
    await refund(scene, rowId);
    assert.deepEqual(await scene.transfers(), ['10000 failed', '10000 planned']);
    const [, second] = await scene.test.db
      .selectFrom('transfer')
      .selectAll()
      .orderBy('transfer_id')
      .execute();
    assert.equal(second?.retry_of, 1n);
  });

  it('brings its deposit back when it was paid and has returned', async () => {
    await refund(scene, rowId);
    const claim = await claimed();
    const reference = await referenceOf(scene.test, claim);
    await succeed(scene.test, claim, at('11:02:00'));
    scene.statement.out(10_000n, reference, at('11:02:00'));
    scene.statement.in(10_000n, reference, at('11:20:00'));
    await scene.bookAt('11:25:00');
    assert.equal(await scene.deposit(rowId), 'in_review 10000');
    assert.deepEqual(await scene.transfers(), ['10000 returned']);
    assert.deepEqual(await decisions(), ['came_back']);
  });

  it('is sent again when it is proven absent', async () => {
    await refund(scene, rowId);
    await prove(await claimed(), 'absent');
    assert.equal(await scene.deposit(rowId), 'refund_pending 0');
    assert.deepEqual(await scene.transfers(), ['10000 planned']);
  });

  it('is undone while it is planned, and stays once it may have been sent', async () => {
    const first = await refund(scene, rowId);
    done(await undoDecision(scene.test.db, acting(), first.decisionId));
    assert.equal(await scene.deposit(rowId), 'in_review 10000');
    assert.deepEqual(await decisions(), ['undone']);
    const second = await refund(scene, rowId);
    await leaveInDoubt(scene.test, await claimed());
    refusedAs(await undoDecision(scene.test.db, acting(), second.decisionId), 'too_late', /is unknown/);
    assert.deepEqual(await scene.transfers(), ['10000 cancelled', '10000 unknown']);
  });

  describe('that was taken for failed and was paid after all', () => {
    it('takes its deposit again, when nobody has used it', async () => {
      await refund(scene, rowId);
      const claim = await claimed();
      await prove(claim, 'failed');
      assert.equal(await lateSuccess(claim), 'succeeded');
      assert.equal(await scene.deposit(rowId), 'refunded 0');
      assert.deepEqual(await decisions(), ['standing']);
    });

    it('cancels a second refund that nobody has sent', async () => {
      await refund(scene, rowId);
      const claim = await claimed();
      await prove(claim, 'failed');
      await refund(scene, rowId);
      assert.equal(await lateSuccess(claim), 'succeeded');
      assert.deepEqual(await scene.transfers(), ['10000 succeeded', '10000 cancelled']);
      assert.deepEqual(await decisions(), ['standing', 'came_back']);
      assert.equal(await scene.deposit(rowId), 'refunded 0');
    });

    it('halts payouts when an order was paid with it meanwhile', async () => {
      await refund(scene, rowId);
      const claim = await claimed();
      await prove(claim, 'failed');
      const orderId = await addOrder(scene.test.db, {
        sellerId: scene.sellerId,
        name: '홍길동0420',
        amount: 10_000n,
      });
      await assign(scene, rowId, orderId);
      assert.equal(await lateSuccess(claim), 'halted');
      assert.deepEqual(await scene.alarms(), ['transfer_failed', 'transfer_executed_unexpectedly']);
    });

    it('halts payouts, too, when a part of it was used meanwhile, and takes nothing of the rest', async () => {
      await refund(scene, rowId);
      const claim = await claimed();
      await prove(claim, 'failed');
      const order = { sellerId: scene.sellerId, name: '홍길동0420', amount: 4_000n };
      await assign(scene, rowId, await addOrder(scene.test.db, order));
      assert.equal(await lateSuccess(claim), 'halted');
      assert.equal(await scene.deposit(rowId), 'in_review 6000');
    });
  });

  describe('of a deposit that the bank takes back', () => {
    it('is cancelled while that can be done', async () => {
      await refund(scene, rowId);
      await takenBack();
      assert.deepEqual(await scene.transfers(), ['10000 cancelled']);
      assert.equal(await scene.deposit(rowId), 'reversed 0');
      assert.equal(await suspense(), 0n);
    });

    it('is a loss that somebody hears of, once it was paid', async () => {
      await refund(scene, rowId);
      await succeed(scene.test, await claimed(), at('11:02:00'));
      await takenBack();
      assert.equal(await scene.deposit(rowId), 'reversed 0');
      assert.equal(await suspense(), -10_000n);
      assert.deepEqual(await scene.alarms(), ['refunded_deposit_reversed', 'deposit_reversed']);
      const stops = await scene.test.db
        .selectFrom('payout_stop')
        .select('name')
        .where('active', '=', true)
        .execute();
      assert.deepEqual(stops, [], 'nobody else waits for it');
    });

    for (const [how, end] of [
      ['fails', async (claim: Claim) => await prove(claim, 'failed')],
      ['is proven absent', async (claim: Claim) => await prove(claim, 'absent')],
      [
        'is handed back',
        async ({ posted, token }: Claim) =>
          assert.ok(
            await scene.test.db
              .transaction()
              .execute(async (trx) => await handBackUnsent(trx, posted, token, at('11:45:00'))),
          ),
      ],
    ] as const) {
      it(`is never sent again when it was in flight and ${how}: nothing is lost then`, async () => {
        await refund(scene, rowId);
        const claim = await claimed();
        await takenBack();
        assert.equal(await suspense(), -10_000n);
        await end(claim);
        assert.deepEqual(await scene.transfers(), [how === 'fails' ? '10000 failed' : '10000 cancelled']);
        assert.equal(await scene.deposit(rowId), 'reversed 0');
        assert.equal(await suspense(), 0n);
      });
    }

    it('is taken back once only', async () => {
      await refund(scene, rowId);
      await succeed(scene.test, await claimed(), at('11:02:00'));
      await takenBack();
      scene.statement.out(10_000n, '모르는사람', at('11:50:00'), '입금취소');
      assert.equal((await scene.bookAt('11:55:00')).unexplained, 1);
    });
  });

  describe('whatever the code does', () => {
    it('is there while its deposit is being refunded', async () => {
      const pending = scene.test.db.transaction().execute(async (trx) => {
        await trx
          .updateTable('deposit')
          .set({ state: 'refund_pending', remaining: 0n })
          .where('row_id', '=', rowId)
          .execute();
      });
      await assert.rejects(pending, { constraint: 'deposit_has_its_refund' });
    });

    it('does not fail, be cancelled or return without its deposit', async () => {
      const { transferId } = await refund(scene, rowId);
      const cancelled = scene.test.db
        .updateTable('transfer')
        .set({ state: 'cancelled' })
        .where('transfer_id', '=', transferId)
        .execute();
      await assert.rejects(cancelled, { constraint: 'deposit_has_its_refund' });
    });

    it('leaves no deposit in review without a rest, or with a rest anywhere else', async () => {
      await assert.rejects(
        scene.test.db.updateTable('deposit').set({ remaining: 0n }).where('row_id', '=', rowId).execute(),
        { constraint: 'deposit_in_review_rest' },
      );
      await assert.rejects(
        scene.test.db.updateTable('deposit').set({ state: 'assigned' }).where('row_id', '=', rowId).execute(),
        { constraint: 'deposit_in_review_rest' },
      );
    });

    it('is not planned while the deposit is not being refunded', async () => {
      const { transferId } = await refund(scene, rowId);
      const freed = scene.test.db
        .updateTable('deposit')
        .set({ state: 'in_review', remaining: 10_000n })
        .where('row_id', '=', rowId)
        .execute();
      await assert.rejects(freed, { constraint: 'transfer_has_its_deposit' });
      assert.equal((await scene.transfers()).length, Number(transferId));
    });
  });

  it('keeps its deposit from orders', async () => {
    const orderId = await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 10_000n,
    });
    await refund(scene, rowId);
    refusedAs(
      await assignDeposit(scene.test.db, acting(), { depositRowId: rowId, orderId }),
      'already_used',
      /is refund_pending/,
    );
  });
});
