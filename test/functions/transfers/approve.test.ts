import assert from 'node:assert/strict';
import type { Refused } from '../../../functions/people/act.step.ts';
import { approveTransfer, type Approved } from '../../../functions/transfers/approve.step.ts';
import { cancelTransfer } from '../../../functions/transfers/cancel.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { lockPlanning } from '../../../functions/transfers/plan.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { settle } from '../../../functions/transfers/settle.step.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addPaidOrder,
  addSeller,
  approveAccount,
  attemptsOf,
  cycleContext,
  lockWaiters,
  openPayoutWorld,
  plan,
  planOne,
  queueOne,
  retireAccounts,
  settleContext,
  stateOf,
  takeDepositBack,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { executes } from '../../support/scripted-bank.ts';
import {
  addUnexplained,
  failedOne,
  proveAbsence,
  sendAndGet,
  unknownOne,
} from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

describe('two people who let a transfer go', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const approve = (name: string, transferId: bigint) =>
    approveTransfer(world.db, actingAs(name, world.clock.now()), transferId);
  const cancel = (name: string, transferId: bigint) =>
    cancelTransfer(world.db, actingAs(name, world.clock.now()), transferId);
  const releaseNow = () => release(cycleContext(world), true);

  function done(outcome: { outcome: 'done'; result: Approved } | Refused): Approved {
    if (outcome.outcome === 'refused') assert.fail(outcome.message);
    return outcome.result;
  }
  function refusal(outcome: { outcome: string } | Refused): Refused {
    assert.ok('code' in outcome, `it was not refused but ${outcome.outcome}`);
    return outcome;
  }
  const approveByTwo = async (transferId: bigint): Promise<Approved> => {
    assert.equal(done(await approve('kim', transferId)).outcome, 'requested');
    return done(await approve('lee', transferId));
  };
  const orderOf = async (transferId: bigint) =>
    (
      await world.db
        .selectFrom('transfer_item')
        .select('order_id')
        .where('transfer_id', '=', transferId)
        .executeTakeFirstOrThrow()
    ).order_id;
  const audit = async () =>
    (
      await world.db.selectFrom('audit').select(['actor', 'action', 'subject']).orderBy('audit_id').execute()
    ).map((row) => `${row.actor}: ${row.action} ${row.subject}`);

  describe('one that is held', () => {
    it('over a limit goes on when a second person approves, and not before', async () => {
      await addSeller(world, 'seller', { transferLimit: 4999n });
      const transferId = await planOne(world, 5000n);
      assert.equal(done(await approve('kim', transferId)).outcome, 'requested');
      assert.equal(await stateOf(world, transferId), 'held(limit)');
      assert.equal(refusal(await approve('kim', transferId)).code, 'needs_second_person');
      assert.deepEqual(done(await approve('lee', transferId)), { outcome: 'released', waits: undefined });
      assert.equal(await stateOf(world, transferId), 'planned');
      assert.deepEqual(await audit(), [
        `kim: transfers approve transfer ${transferId.toString()}`,
        `lee: transfers approve transfer ${transferId.toString()}`,
      ]);
      await dispatch(cycleContext(world));
      await sendAndGet(world, transferId, executes);
      assert.equal(world.bank.executed.length, 1);
    });

    it('is not held again for its limit when its account changes after that', async () => {
      await addSeller(world, 'seller', { transferLimit: 4999n });
      const transferId = await planOne(world, 5000n);
      await approveByTwo(transferId);
      await retireAccounts(world, 'seller');
      await dispatch(cycleContext(world));
      assert.deepEqual(await settle(settleContext(world), transferId), { outcome: 'account_not_approved' });
      assert.equal(await stateOf(world, transferId), 'held(approval)');
      await approveAccount(world, 'seller', '110999888777');
      assert.equal((await releaseNow()).released, 1);
      await dispatch(cycleContext(world));
      await sendAndGet(world, transferId, executes);
      assert.equal(world.bank.executed[0]?.toAccountNumber, '110999888777');
    });

    it('carries its approval over to the retry of what the bank refused', async () => {
      await addSeller(world, 'seller', { transferLimit: 4999n });
      const transferId = await planOne(world, 5000n);
      await approveByTwo(transferId);
      await dispatch(cycleContext(world));
      await sendAndGet(world, transferId, () => ({ outcome: 'failed', cause: 'maintenance', code: 'x' }));
      await failedOne(world, 1n, 'rejected');
      assert.equal(await stateOf(world, transferId), 'failed(maintenance)');
      assert.equal((await releaseNow()).retried, 1);
      const retry = await world.db
        .selectFrom('transfer')
        .select('state')
        .where('retry_of', '=', transferId)
        .executeTakeFirstOrThrow();
      assert.equal(retry.state, 'planned');
    });

    it('waits for its debt next when its seller owes by now', async () => {
      await addSeller(world, 'seller', { transferLimit: 4999n });
      const transferId = await planOne(world, 5000n);
      await world.db.updateTable('seller').set({ may_owe: true }).execute();
      assert.deepEqual(await approveByTwo(transferId), { outcome: 'released', waits: 'seller_debt' });
      assert.equal(await stateOf(world, transferId), 'held(seller_debt)');
      assert.equal((await releaseNow()).released, 1, 'and its limit does not hold it a second time');
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('takes the approved account first when it was planned to another', async () => {
      await addSeller(world, 'seller', { transferLimit: 4999n });
      const transferId = await planOne(world, 5000n);
      await approveAccount(world, 'seller', '110999888777');
      assert.deepEqual(await approveByTwo(transferId), { outcome: 'released', waits: 'approval' });
      assert.equal((await releaseNow()).released, 1);
      assert.equal((await transferOf(world, transferId)).account_number_masked, '********8777');
    });

    for (const reason of ['attempts', 'unsendable'] as const) {
      it(`for ${reason} is sent again`, async () => {
        const transferId = await planOne(world, 5000n);
        await world.db.updateTable('transfer').set({ state: 'held', held_reason: reason }).execute();
        assert.equal((await approveByTwo(transferId)).outcome, 'released');
        assert.equal(await stateOf(world, transferId), 'planned');
      });
    }

    it('is refused while a row that nothing explains took its amount out since it was sent', async () => {
      const transferId = await unknownOne(world, 5000n);
      await proveAbsence(world);
      await world.db.updateTable('transfer').set({ state: 'held', held_reason: 'attempts' }).execute();
      await addUnexplained(world, { rowId: 77n, amount: 5000n, at: world.clock.now() });
      const refused = refusal(await approve('kim', transferId));
      assert.equal(refused.code, 'in_doubt');
      assert.match(refused.message, /row 77 took the amount/);
    });

    it('is refused when a deposit of its orders was taken back while it was in flight', async () => {
      const transferId = await unknownOne(world, 5000n);
      await takeDepositBack(world, await orderOf(transferId));
      await proveAbsence(world);
      await world.db.updateTable('transfer').set({ held_reason: 'attempts' }).execute();
      assert.equal(refusal(await approve('kim', transferId)).code, 'order_not_paid');
    });

    it('for an account says which account waits, and how it is approved', async () => {
      await addSeller(world, 'seller', { accountNumber: undefined });
      const transferId = await planOne(world, 5000n);
      const none = refusal(await approve('kim', transferId));
      assert.match(none.message, /accounts request seller/);
      await approveAccount(world, 'seller', '110999888777');
      await world.db
        .updateTable('payout_account')
        .set({ state: 'requested', approved_by: null, approved_at: null })
        .execute();
      const waiting = refusal(await approve('kim', transferId));
      assert.equal(waiting.code, 'waits_for_account');
      assert.match(
        waiting.message,
        /asked for by kim; somebody else approves it with: smart-transfer accounts approve \d+/,
      );
      assert.doesNotMatch(waiting.message, /110999888777/);
    });

    it('for a debt says what the balance is and what it must cover', async () => {
      await addSeller(world, 'seller', { mayOwe: true });
      const transferId = await planOne(world, 5000n);
      const refused = refusal(await approve('kim', transferId));
      assert.equal(refused.code, 'waits_for_debt');
      assert.match(refused.message, /now 5,000 won.*covers it \(5,000 won\)/);
    });
  });

  describe('what ended without paying', () => {
    const follower = async (transferId: bigint) =>
      await world.db
        .selectFrom('transfer')
        .select(['transfer_id', 'retry_of', 'amount'])
        .where('retry_of', '=', transferId)
        .executeTakeFirst();

    it('is paid again by a new transfer when it failed at the payee, to whichever account is approved', async () => {
      const failed = await failedOne(world, 5000n, 'payee');
      const result = await approveByTwo(failed);
      assert.equal(result.outcome, 'planned_anew');
      assert.deepEqual(await follower(failed), {
        transfer_id: result.transferId,
        retry_of: failed,
        amount: 5000n,
      });
      await dispatch(cycleContext(world));
      await sendAndGet(world, result.transferId, executes);
      assert.equal(world.bank.executed.length, 1);
      const again = refusal(await approve('park', failed));
      assert.equal(again.code, 'followed_already');
    });

    it('is paid again when a person cancelled it, and by nobody else', async () => {
      const transferId = await planOne(world, 5000n);
      assert.equal((await cancel('kim', transferId)).outcome, 'done');
      await releaseNow();
      assert.equal(await follower(transferId), undefined);
      const result = await approveByTwo(transferId);
      assert.equal(result.outcome, 'planned_anew');
      assert.equal(refusal(await approve('kim', transferId)).code, 'followed_already');
      assert.equal((await cancel('kim', result.transferId)).outcome, 'done');
      assert.equal((await approveByTwo(transferId)).outcome, 'planned_anew');
    });

    it('follows what the cancelled one followed, so that a late success of that cancels it', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      await releaseNow();
      const first = (await follower(failed))!.transfer_id;
      await cancel('kim', first);
      const result = await approveByTwo(first);
      assert.equal(result.outcome, 'planned_anew');
      assert.equal((await transferOf(world, result.transferId)).retry_of, failed);
    });

    it('is paid again once when it and a cancelled follower of it are approved at the same moment', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      await releaseNow();
      const cancelled = (await follower(failed))!.transfer_id;
      await cancel('kim', cancelled);
      await approve('kim', failed);
      await approve('kim', cancelled);
      const both = await world.db.transaction().execute(async (trx) => {
        await lockPlanning(trx);
        const approved = [approve('park', failed)];
        await until('the first waits', async () => (await lockWaiters(world)) === 1n);
        approved.push(approve('lee', cancelled));
        await until('both wait', async () => (await lockWaiters(world)) === 2n);
        return approved;
      });
      const outcomes = await Promise.all(both);
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'done').length, 1);
      assert.deepEqual(
        outcomes.flatMap((outcome) => ('code' in outcome ? [outcome.code] : [])),
        ['followed_already'],
      );
    });

    it('is refused where nothing of its orders is still to be paid', async () => {
      const failed = await failedOne(world, 5000n, 'rejected');
      await takeDepositBack(world, await orderOf(failed));
      assert.equal(refusal(await approve('kim', failed)).code, 'nothing_to_pay');
    });

    it('leaves out an order that is not paid any more', async () => {
      await addSeller(world, 'seller', { feeBp: 100 });
      const first = await addPaidOrder(world, 'seller', 3000n);
      const second = await addPaidOrder(world, 'seller', 2000n);
      const [transferId] = await plan(world, [first, second]);
      await cancel('kim', transferId!);
      await takeDepositBack(world, first.orderId);
      const result = await approveByTwo(transferId!);
      assert.equal(result.outcome, 'planned_anew');
      const { amount, fee } = await transferOf(world, result.transferId);
      assert.deepEqual([amount, fee], [1980n, 20n]);
    });

    it('is refused while an attempt of it is said to have paid after all', async () => {
      const failed = await failedOne(world, 5000n, 'payee');
      const [attempt] = await attemptsOf(world, failed);
      await world.db
        .insertInto('attempt_evidence')
        .values({
          attempt_id: attempt!.attempt_id,
          token: 1n,
          source: 'inquiry',
          verdict: 'succeeded',
          cause: null,
          code: 'A0000',
          at: world.clock.now(),
          message_id: null,
          row_id: null,
        })
        .execute();
      const refused = refusal(await approve('kim', failed));
      assert.equal(refused.code, 'in_doubt');
      assert.match(refused.message, /is said to have succeeded/);
      await world.db.updateTable('transfer').set({ failed_reason: 'maintenance' }).execute();
      assert.equal((await releaseNow()).retried, 0, 'nor is it paid again by itself');
    });

    it('takes two who mean the same orders: what became unpaid meanwhile is asked for anew', async () => {
      await addSeller(world, 'seller');
      const first = await addPaidOrder(world, 'seller', 3000n);
      const second = await addPaidOrder(world, 'seller', 2000n);
      const [transferId] = await plan(world, [first, second]);
      await cancel('kim', transferId!);
      await approve('kim', transferId!);
      await takeDepositBack(world, first.orderId);
      assert.equal(refusal(await approve('lee', transferId!)).code, 'asked_otherwise');
      assert.equal(done(await approve('kim', transferId!)).outcome, 'requested');
      assert.equal(done(await approve('lee', transferId!)).outcome, 'planned_anew');
    });
  });

  it('approve nothing that is planned, under way, in doubt, paid or unknown to us', async () => {
    const planned = await planOne(world, 1000n);
    assert.equal(refusal(await approve('kim', planned)).code, 'nothing_to_approve');
    const unknown = await unknownOne(world, 2000n);
    assert.equal(refusal(await approve('kim', unknown)).code, 'in_doubt');
    assert.equal(refusal(await approve('kim', 999n)).code, 'not_found');
  });

  describe('cancelling', () => {
    it('frees the orders of what was not sent, which stay paid and owed', async () => {
      const transferId = await queueOne(world, 5000n);
      assert.equal((await cancel('kim', transferId)).outcome, 'done');
      assert.equal(await stateOf(world, transferId), 'cancelled');
      const order = await world.db.selectFrom('shop_order').select('state').executeTakeFirstOrThrow();
      assert.equal(order.state, 'paid');
      assert.deepEqual(await audit(), [`kim: transfers cancel transfer ${transferId.toString()}`]);
    });

    it('is refused for what may have left, and for what has ended', async () => {
      const transferId = await unknownOne(world, 5000n);
      assert.equal(refusal(await cancel('kim', transferId)).code, 'may_have_left');
      const failed = await failedOne(world, 1n, 'rejected');
      assert.equal(refusal(await cancel('kim', failed)).code, 'ended');
      assert.equal(refusal(await cancel('kim', 999n)).code, 'not_found');
    });

    it('by a hundred people while it is claimed and dispatched has exactly one outcome', async () => {
      for (let round = 0; round < 5; round += 1) {
        const transferId = await queueOne(world, 5000n);
        const sentBefore = world.bank.sent.length;
        const cancels = Array.from({ length: 50 }, (_, n) => cancel(`canceller${n}`, transferId));
        const approvals = Array.from({ length: 50 }, (_, n) => approve(`approver${n}`, transferId));
        const settles = Array.from({ length: 5 }, () => settle(settleContext(world), transferId));
        const [cancelled, approved, settled] = await Promise.all([
          Promise.all(cancels),
          Promise.all(approvals),
          Promise.all(settles),
          dispatch(cycleContext(world)),
        ]);
        const didCancel = cancelled.filter((one) => one.outcome === 'done').length;
        const didSettle = settled.filter((one) => one.outcome === 'succeeded').length;
        assert.equal(didCancel + didSettle, 1);
        assert.equal(cancelled.filter((one) => one.outcome === 'refused').length, 50 - didCancel);
        assert.equal(world.bank.sent.length - sentBefore, didSettle, 'nothing that is cancelled is sent');
        const followers = await world.db
          .selectFrom('transfer')
          .select(['transfer_id', 'state'])
          .where('retry_of', '=', transferId)
          .where('state', '<>', 'cancelled')
          .execute();
        const anew = approved.filter(
          (one) => one.outcome === 'done' && one.result.outcome === 'planned_anew',
        ).length;
        assert.ok(anew <= didCancel, 'it is planned anew once, after it was cancelled');
        assert.equal(followers.length, anew);
        for (const one of followers) await cancel('kim', one.transfer_id);
      }
    });
  });
});
