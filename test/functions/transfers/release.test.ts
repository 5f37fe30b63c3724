import assert from 'node:assert/strict';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { sellerAccount } from '../../../functions/ledger/accounts.ts';
import { readBalances } from '../../../functions/ledger/ledger.repository.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { cancelUnsent } from '../../../functions/transfers/outcome.repository.ts';
import { lockPlanning } from '../../../functions/transfers/plan.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import type { StopName } from '../../../functions/transfers/transfer.table.ts';
import { assertBooks } from '../../support/assert-books.ts';
import { changesOf } from '../../support/changes.ts';
import {
  addPaidOrder,
  addSeller,
  addStatementRow,
  approveAccount,
  COLLECTION,
  cycleContext,
  endStops,
  lockWaiters,
  MINUTE_MS,
  openPayoutWorld,
  plan,
  planOne,
  retireAccounts,
  stateOf,
  stop,
  takeDepositBack,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { executes, refuses } from '../../support/scripted-bank.ts';
import { failedOne, proveFailure, sendAndGet } from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

describe('releasing', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const releaseNow = (bankAnswered = true) => release(cycleContext(world), bankAnswered);
  const retryAt = () => new Date(world.clock.now().getTime() + 10 * MINUTE_MS);

  async function activeStop(): Promise<StopName | undefined> {
    const row = await world.db
      .selectFrom('payout_stop')
      .select('name')
      .where('active', '=', true)
      .executeTakeFirst();
    return row?.name;
  }

  async function retriesOf(transferId: bigint): Promise<bigint[]> {
    const rows = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('retry_of', '=', transferId)
      .orderBy('transfer_id')
      .execute();
    return rows.map((row) => row.transfer_id);
  }

  async function itemsOf(transferId: bigint) {
    return await world.db
      .selectFrom('transfer_item')
      .select(['order_id', 'amount', 'fee', 'live'])
      .where('transfer_id', '=', transferId)
      .orderBy('order_id')
      .execute();
  }

  describe('pauses', () => {
    it('ends one for maintenance when it is due and the bank answers', async () => {
      await stop(world, 'pause_maintenance', retryAt());
      world.clock.advance(10 * MINUTE_MS - 1);
      assert.deepEqual((await releaseNow()).resumed, []);
      world.clock.advance(1);
      assert.deepEqual((await releaseNow(false)).resumed, []);
      assert.equal(await activeStop(), 'pause_maintenance');
      assert.deepEqual((await releaseNow()).resumed, ['pause_maintenance']);
      assert.equal(await activeStop(), undefined);
    });

    it('ends one for funds when it is due and the balance covers the smallest transfer that waits', async () => {
      await planOne(world, 5000n);
      await planOne(world, 9000n);
      await stop(world, 'pause_funds', retryAt());
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 5000n });
      world.clock.advance(10 * MINUTE_MS - 1);
      assert.deepEqual((await releaseNow()).resumed, []);
      world.clock.advance(1);
      assert.deepEqual((await releaseNow()).resumed, ['pause_funds']);
    });

    it('keeps one for funds while the balance, as last read, is a won short, or unknown', async () => {
      await planOne(world, 5000n);
      await stop(world, 'pause_funds', retryAt());
      world.clock.advance(10 * MINUTE_MS);
      assert.deepEqual((await releaseNow()).resumed, []);
      const earlier = new Date(world.clock.now().getTime() - 60_000);
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 9000n, at: earlier });
      await addStatementRow(world, { amount: 2n, balanceAfter: 4999n });
      await addStatementRow(world, { amount: 3n, balanceAfter: 9999n, account: COLLECTION, direction: 'in' });
      assert.deepEqual((await releaseNow()).resumed, []);
      assert.equal(await activeStop(), 'pause_funds');
    });

    it('ends one for the limit of a day when the next day begins in Korea', async () => {
      await stop(world, 'pause_limit', new Date('2026-03-03T00:00:00+09:00'));
      world.clock.set('2026-03-02T23:59:59+09:00');
      assert.deepEqual((await releaseNow()).resumed, []);
      world.clock.set('2026-03-03T00:00:00+09:00');
      assert.deepEqual((await releaseNow()).resumed, ['pause_limit']);
      assert.equal(await activeStop(), undefined);
    });

    for (const name of ['halt_person', 'halt_drift', 'pause_reconciliation'] as const) {
      it(`never ends ${name}`, async () => {
        await planOne(world, 5000n);
        await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 50_000n });
        await stop(world, name, retryAt());
        world.clock.advance(24 * 60 * MINUTE_MS);
        assert.deepEqual((await releaseNow()).resumed, []);
        assert.equal(await activeStop(), name);
      });
    }
  });

  describe('what failed', () => {
    it('is followed, for want of funds, by a new transfer of the same orders once the pause is over', async () => {
      const failed = await failedOne(world, 5000n, 'funds');
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 5000n });
      await stop(world, 'pause_funds', retryAt());
      assert.equal((await releaseNow()).retried, 0);
      world.clock.advance(10 * MINUTE_MS);
      const released = await releaseNow();
      assert.deepEqual(released, { retried: 1, released: 0, resumed: ['pause_funds'] });
      const [retry, ...others] = await retriesOf(failed);
      assert.deepEqual(others, []);
      const before = await transferOf(world, failed);
      const after = await transferOf(world, retry!);
      assert.equal(after.state, 'planned');
      assert.equal(after.amount, before.amount);
      assert.equal(after.fee, before.fee);
      assert.deepEqual(after.deposited_at, before.deposited_at);
      assert.deepEqual(
        (await itemsOf(retry!)).map((item) => item.order_id),
        (await itemsOf(failed)).map((item) => item.order_id),
      );
      assert.equal((await releaseNow()).retried, 0);
      await dispatch(cycleContext(world));
      await sendAndGet(world, retry!, executes);
      assert.equal(await stateOf(world, retry!), 'succeeded');
    });

    it('waits, for want of funds, until the balance covers it, also when nothing is paused', async () => {
      const failed = await failedOne(world, 5000n, 'funds');
      assert.equal((await releaseNow()).retried, 0);
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 4999n });
      assert.equal((await releaseNow()).retried, 0);
      world.clock.advance(1000);
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 5000n });
      assert.equal((await releaseNow()).retried, 1);
      assert.equal((await retriesOf(failed)).length, 1);
    });

    it('is followed, for maintenance, by a new one when the bank has reopened', async () => {
      await failedOne(world, 5000n, 'maintenance');
      await stop(world, 'pause_maintenance', retryAt());
      assert.equal((await releaseNow()).retried, 0);
      world.clock.advance(10 * MINUTE_MS);
      assert.equal((await releaseNow()).retried, 1);
    });

    it('is followed, for a faulty account, by a new one to another account once that is approved', async () => {
      const failed = await failedOne(world, 5000n, 'payee');
      assert.equal((await releaseNow()).retried, 0);
      await retireAccounts(world, 'seller');
      assert.equal((await releaseNow()).retried, 0);
      const another = await approveAccount(world, 'seller', '3333444455556');
      assert.equal((await releaseNow()).retried, 1);
      const [retry] = await retriesOf(failed);
      const { payout_account_id, account_number_masked } = await transferOf(world, retry!);
      assert.equal(payout_account_id, another);
      assert.equal(account_number_masked, '*********5556');
    });

    it('stays, when the bank has rejected it, until a person acts', async () => {
      const failed = await failedOne(world, 5000n, 'rejected');
      await approveAccount(world, 'seller', '3333444455556');
      await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 50_000n });
      world.clock.advance(48 * 60 * MINUTE_MS);
      assert.equal((await releaseNow()).retried, 0);
      assert.equal(await stateOf(world, failed), 'failed(rejected)');
    });

    it("is followed, for the bank's limit, by a new one on the next day in Korea, once the pause is over", async () => {
      const failed = await failedOne(world, 5000n, 'limit');
      world.clock.set('2026-03-02T23:59:59+09:00');
      assert.equal((await releaseNow()).retried, 0, 'not on the same day');
      await stop(world, 'pause_limit', new Date('2026-03-03T00:00:10+09:00'));
      world.clock.set('2026-03-03T00:00:00+09:00');
      assert.equal((await releaseNow()).retried, 0, 'not while the pause stands');
      world.clock.set('2026-03-03T00:00:10+09:00');
      assert.deepEqual(await releaseNow(), { retried: 1, released: 0, resumed: ['pause_limit'] });
      assert.equal((await retriesOf(failed)).length, 1);
    });

    it("stays, when the bank's limit has refused it on two days, until a person acts", async () => {
      const failed = await failedOne(world, 5000n, 'limit');
      world.clock.set('2026-03-03T10:00:00+09:00');
      assert.equal((await releaseNow()).retried, 1);
      const [retry] = await retriesOf(failed);
      await dispatch(cycleContext(world));
      await sendAndGet(world, retry!, refuses('limit'));
      await failedOne(world, 1n, 'rejected');
      assert.equal(await stateOf(world, retry!), 'failed(limit)');
      world.clock.set('2026-03-05T10:00:00+09:00');
      assert.equal((await releaseNow()).retried, 0);
    });

    it('is followed by no second retry when a person has cancelled the first', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      await releaseNow();
      const [retry] = await retriesOf(failed);
      await world.db.transaction().execute((trx) => cancelUnsent(trx, retry!, world.clock.now()));
      assert.equal((await releaseNow()).retried, 0);
      assert.deepEqual(await retriesOf(failed), [retry]);
    });

    it('is held for approval when its seller has no account any more, and breaks nothing', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      await retireAccounts(world, 'seller');
      assert.equal((await releaseNow()).retried, 1);
      const [retry] = await retriesOf(failed);
      assert.equal(await stateOf(world, retry!), 'held(approval)');
    });

    /** Two orders in one failed transfer. */
    async function failedPair(): Promise<{ failed: bigint; orders: [bigint, bigint] }> {
      await addSeller(world, 'seller', { feeBp: 100 });
      const first = await addPaidOrder(world, 'seller', 3000n);
      const second = await addPaidOrder(world, 'seller', 2000n);
      const [failed] = await plan(world, [first, second]);
      await dispatch(cycleContext(world));
      await sendAndGet(world, failed!, () => ({ outcome: 'failed', cause: 'maintenance', code: 'x' }));
      await failedOne(world, 1n, 'rejected');
      assert.equal(await stateOf(world, failed!), 'failed(maintenance)');
      return { failed: failed!, orders: [first.orderId, second.orderId] };
    }

    it('leaves out an order that is not paid any more, since its deposit was taken back', async () => {
      const { failed, orders } = await failedPair();
      await takeDepositBack(world, orders[0]);
      assert.equal((await releaseNow()).retried, 1);
      const [retry] = await retriesOf(failed);
      const { amount, fee } = await transferOf(world, retry!);
      assert.deepEqual([amount, fee], [1980n, 20n]);
      assert.deepEqual(
        (await itemsOf(retry!)).map((item) => item.order_id),
        [orders[1]],
      );
    });

    it('leaves out, too, an order whose deposit is being taken back at this moment', async () => {
      await addSeller(world, 'seller');
      const order = await addPaidOrder(world, 'seller', 5000n);
      await plan(world, [order]);
      await dispatch(cycleContext(world));
      const failed = await world.db.selectFrom('transfer').select('transfer_id').executeTakeFirstOrThrow();
      await sendAndGet(world, failed.transfer_id, refuses('maintenance'));
      await endStops(world);
      await proveFailure(world);
      let racers: Promise<unknown> | undefined;
      await world.db.transaction().execute(async (trx) => {
        await lockPlanning(trx);
        const takingBack = takeDepositBack(world, order.orderId);
        await until('the reversal holds its order', async () => (await lockWaiters(world)) === 1n);
        const releasing = releaseNow();
        await until('the release waits', async () => (await lockWaiters(world)) === 2n);
        racers = Promise.all([takingBack, releasing]);
      });
      await racers;
      assert.deepEqual(await retriesOf(failed.transfer_id), []);
    });

    it('leaves out an order that another transfer pays by now', async () => {
      const { failed, orders } = await failedPair();
      await plan(world, [
        {
          orderId: orders[1],
          sellerId: 'seller',
          amount: 2000n as never,
          depositedAt: world.clock.now(),
        },
      ]);
      assert.equal((await releaseNow()).retried, 1);
      const [retry] = await retriesOf(failed);
      assert.deepEqual(
        (await itemsOf(retry!)).map((item) => item.order_id),
        [orders[0]],
      );
    });

    it('is followed by nothing when none of its orders is still to be paid', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      const [item] = await itemsOf(failed);
      await takeDepositBack(world, item!.order_id);
      assert.equal((await releaseNow()).retried, 0);
      assert.deepEqual(await retriesOf(failed), []);
    });

    it('is held, when it follows the failure of a seller who owes, until the balance covers it', async () => {
      const failed = await failedOne(world, 5000n, 'maintenance');
      await owe('seller', 1n);
      assert.deepEqual(await releaseNow(), { retried: 1, released: 0, resumed: [] });
      const [retry] = await retriesOf(failed);
      assert.equal(await stateOf(world, retry!), 'held(seller_debt)');
      await credit('seller', 1n);
      assert.equal((await releaseNow()).released, 1);
      assert.equal(await stateOf(world, retry!), 'planned');
    });
  });

  /** Takes so much from a seller's balance, as a deposit does that the bank takes back. */
  async function owe(sellerId: string, amount: bigint): Promise<void> {
    await world.db.updateTable('seller').set({ may_owe: true }).where('seller_id', '=', sellerId).execute();
    await correct(sellerAccount(sellerId), 'owner', amount);
  }

  async function credit(sellerId: string, amount: bigint): Promise<void> {
    await correct('owner', sellerAccount(sellerId), amount);
  }

  async function correct(debit: string, creditTo: string, amount: bigint): Promise<void> {
    await world.db
      .insertInto('posting')
      .values({
        debit,
        credit: creditTo,
        amount,
        kind: 'correction',
        row_id: null,
        order_id: null,
        transfer_id: null,
        attempt_id: null,
        at: world.clock.now(),
      })
      .execute();
  }

  describe('what waits for an account', () => {
    it('takes the account that is approved, and goes on', async () => {
      await addSeller(world, 'new', { accountNumber: undefined });
      const transferId = await planOne(world, 5000n, 'new');
      assert.equal(await stateOf(world, transferId), 'held(approval)');
      assert.equal((await releaseNow()).released, 0);
      const account = await approveAccount(world, 'new', '110999888777');
      assert.equal((await releaseNow()).released, 1);
      const transfer = await transferOf(world, transferId);
      assert.equal(transfer.state, 'planned');
      assert.equal(transfer.payout_account_id, account);
      assert.equal(transfer.queue_group, world.vault.fingerprint('110999888777'));
      await dispatch(cycleContext(world));
      await sendAndGet(world, transferId, executes);
      assert.equal(world.bank.executed[0]?.toAccountNumber, '110999888777');
    });

    it('is held for its limit then, since an account lifts none', async () => {
      await addSeller(world, 'new', { accountNumber: undefined, transferLimit: 4999n });
      const transferId = await planOne(world, 5000n, 'new');
      await approveAccount(world, 'new', '110999888777');
      assert.equal((await releaseNow()).released, 0);
      assert.equal(await stateOf(world, transferId), 'held(limit)');
    });

    it("goes on up to the seller's daily limit, oldest first, also what was planned on an earlier day", async () => {
      await addSeller(world, 'new', { accountNumber: undefined, dailyLimit: 1000n });
      const first = await planOne(world, 600n, 'new');
      const second = await planOne(world, 400n, 'new');
      world.clock.set('2026-03-03T09:00:00+09:00');
      const third = await planOne(world, 1n, 'new');
      await approveAccount(world, 'new', '110999888777');
      assert.equal((await releaseNow()).released, 2);
      assert.deepEqual(
        [await stateOf(world, first), await stateOf(world, second), await stateOf(world, third)],
        ['planned', 'planned', 'held(limit)'],
      );
    });

    it('waits on when its seller owes', async () => {
      await addSeller(world, 'new', { accountNumber: undefined });
      const transferId = await planOne(world, 5000n, 'new');
      await owe('new', 1n);
      await approveAccount(world, 'new', '110999888777');
      assert.equal((await releaseNow()).released, 0);
      assert.equal(await stateOf(world, transferId), 'held(seller_debt)');
    });
  });

  describe('what waits for a debt', () => {
    it('goes on oldest first, as far as the balance covers, and overtakes nobody', async () => {
      await addSeller(world, 'debtor');
      await owe('debtor', 1000n);
      const first = await planOne(world, 5000n, 'debtor');
      const second = await planOne(world, 3000n, 'debtor');
      const third = await planOne(world, 500n, 'debtor');
      const states = async () => [
        await stateOf(world, first),
        await stateOf(world, second),
        await stateOf(world, third),
      ];
      const waits = 'held(seller_debt)';
      assert.deepEqual(await states(), [waits, waits, waits]);
      assert.equal((await releaseNow()).released, 1);
      assert.deepEqual(await states(), ['planned', waits, waits], 'the debt stands behind the youngest');
      await credit('debtor', 500n);
      assert.equal((await releaseNow()).released, 1);
      assert.deepEqual(await states(), ['planned', 'planned', waits]);
      await credit('debtor', 499n);
      assert.equal((await releaseNow()).released, 0);
      await credit('debtor', 1n);
      assert.equal((await releaseNow()).released, 1);
      assert.deepEqual(await states(), ['planned', 'planned', 'planned']);
    });

    it('never lets all that is planned exceed the balance', async () => {
      await addSeller(world, 'debtor');
      await owe('debtor', 2500n);
      for (const amount of [900n, 800n, 700n, 600n, 500n]) await planOne(world, amount, 'debtor');
      await releaseNow();
      const planned = await world.db
        .selectFrom('transfer')
        .select((eb) => eb.fn.sum<string>('amount').as('sum'))
        .where('state', '=', 'planned')
        .executeTakeFirstOrThrow();
      const balances = await readBalances(world.db, [sellerAccount('debtor')]);
      assert.equal(BigInt(planned.sum), 900n);
      assert.equal(balances.get(sellerAccount('debtor')), 1000n);
    });

    it('leaves room for what is held for other reasons, which a person may approve at any time', async () => {
      await addSeller(world, 'debtor', { transferLimit: 4000n });
      const limited = await planOne(world, 5000n, 'debtor');
      assert.equal(await stateOf(world, limited), 'held(limit)');
      await owe('debtor', 1000n);
      const waiting = await planOne(world, 500n, 'debtor');
      assert.equal(await stateOf(world, waiting), 'held(seller_debt)');
      assert.equal((await releaseNow()).released, 0);
      await credit('debtor', 1000n);
      assert.equal((await releaseNow()).released, 1);
    });

    it('goes on at once, in the cycle that planned it, for a seller whose debt is made up', async () => {
      await addSeller(world, 'debtor', { mayOwe: true });
      const transferId = await planOne(world, 5000n, 'debtor');
      assert.equal(await stateOf(world, transferId), 'held(seller_debt)');
      assert.equal((await releaseNow()).released, 1);
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('is held for its limit then, since a debt made up lifts none', async () => {
      await addSeller(world, 'debtor', { mayOwe: true, transferLimit: 4999n });
      const transferId = await planOne(world, 5000n, 'debtor');
      assert.equal((await releaseNow()).released, 0);
      assert.equal(await stateOf(world, transferId), 'held(limit)');
    });

    it('is looked at for each seller alone', async () => {
      await addSeller(world, 'poor');
      await addSeller(world, 'rich');
      await owe('poor', 1000n);
      await owe('rich', 1000n);
      const poor = await planOne(world, 500n, 'poor');
      const rich = await planOne(world, 500n, 'rich');
      await credit('rich', 1000n);
      assert.equal((await releaseNow()).released, 1);
      assert.equal(await stateOf(world, poor), 'held(seller_debt)');
      assert.equal(await stateOf(world, rich), 'planned');
    });
  });

  it('leaves what a person must release: limits and used-up attempts', async () => {
    await addSeller(world, 'seller', { transferLimit: 4000n });
    const limited = await planOne(world, 5000n);
    const tried = await planOne(world, 3000n);
    await world.db
      .updateTable('transfer')
      .set({ state: 'held', held_reason: 'attempts' })
      .where('transfer_id', '=', tried)
      .execute();
    assert.deepEqual(await releaseNow(), { retried: 0, released: 0, resumed: [] });
    assert.deepEqual(
      [await stateOf(world, limited), await stateOf(world, tried)],
      ['held(limit)', 'held(attempts)'],
    );
  });

  it('lets one after the other go on as its cause is cleared, each by itself, beside all that waits for something else', async () => {
    const release = () => changesOf(world.test, () => releaseNow());
    for (const name of ['own', 'other']) {
      await addSeller(world, `no account, ${name}`, { accountNumber: undefined });
      await planOne(world, 5000n, `no account, ${name}`);
      await addSeller(world, `debtor, ${name}`);
      await owe(`debtor, ${name}`, 1000n);
      await planOne(world, 5000n, `debtor, ${name}`);
    }
    const [account, debt] = [await heldOf('no account, own'), await heldOf('debtor, own')];
    // Failures are proven minutes after: the day must not end meanwhile.
    const lacking = await failedOne(world, 6000n, 'funds');
    const atLimit = await failedOne(world, 100n, 'limit');
    const wrong = await failedOne(world, 200n, 'payee');
    await planOne(world, 300n);
    await dispatch(cycleContext(world));
    assert.deepEqual(await release(), []);

    await approveAccount(world, 'no account, own', '3333444455556');
    assert.deepEqual(await release(), [
      'event: +1',
      `transfer ${account.toString()}: account_holder, account_number_ciphertext, account_number_key_id, account_number_masked, bank_code, held_reason, let_go_at, payout_account_id, queue_group, state`,
    ]);
    await credit('debtor, own', 1000n);
    assert.deepEqual(await release(), [
      'event: +1',
      `transfer ${debt.toString()}: held_reason, let_go_at, state`,
    ]);
    const followed = ['event: +1', 'transfer: +1', 'transfer_item: +1'];
    await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 6000n });
    assert.deepEqual(await release(), followed);
    assert.equal((await retriesOf(lacking)).length, 1);
    await approveAccount(world, 'seller', '3333444455557');
    assert.deepEqual(await release(), followed);
    assert.equal((await retriesOf(wrong)).length, 1);
    world.clock.set('2026-03-03T00:00:00+09:00');
    assert.deepEqual(await release(), followed);
    assert.equal((await retriesOf(atLimit)).length, 1);
    assert.deepEqual(await release(), []);
  });

  async function heldOf(sellerId: string): Promise<bigint> {
    const { transfer_id } = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('seller_id', '=', sellerId)
      .where('state', '=', 'held')
      .executeTakeFirstOrThrow();
    return transfer_id;
  }

  it('writes nothing for a cycle whose lease has gone to another', async () => {
    await failedOne(world, 5000n, 'maintenance');
    await assert.rejects(release({ ...cycleContext(world), token: world.token - 1n }, true), LeaseLost);
    assert.equal((await releaseNow()).retried, 1);
  });
});
