import assert from 'node:assert/strict';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { won } from '../../../functions/shared/money.ts';
import { approveTransfer } from '../../../functions/transfers/approve.step.ts';
import { keepLimits } from '../../../functions/transfers/limits.step.ts';
import { openTally } from '../../../functions/transfers/plan.ts';
import { insertTransfers, readSellers } from '../../../functions/transfers/plan.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addPaidOrder,
  addSeller,
  approveAccount,
  cycleContext,
  openPayoutWorld,
  planOne,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { failedOne } from '../../support/unknown-transfer.ts';

describe('the limits of all sellers together', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const limit = async (transfer: bigint | undefined, day: bigint | undefined) =>
    await keepLimits(
      cycleContext(world, {
        limits: {
          transfer: transfer === undefined ? undefined : won(transfer),
          day: day === undefined ? undefined : won(day),
        },
      }),
    );
  const planFor = async (sellerId: string, amount: bigint) =>
    await stateOf(world, await planOne(world, amount, sellerId));
  const approveByTwo = async (transferId: bigint) => {
    for (const name of ['kim', 'lee'])
      await approveTransfer(world.db, actingAs(name, world.clock.now()), transferId);
  };

  it('hold a transfer of a won more, whoever its seller is', async () => {
    await limit(5000n, undefined);
    assert.equal(await planFor('a', 5000n), 'planned');
    assert.equal(await planFor('b', 5001n), 'held(limit)');
  });

  it('count what goes out to all sellers in a day, over all pages, and begin anew at midnight in Korea', async () => {
    await limit(undefined, 10_000n);
    world.clock.set('2026-03-02T23:59:59+09:00');
    assert.equal(await planFor('a', 6000n), 'planned');
    assert.equal(await planFor('b', 4001n), 'held(limit)');
    assert.equal(await planFor('c', 4000n), 'planned', 'what is held goes nowhere, and uses up nothing');
    assert.equal(await planFor('d', 1n), 'held(limit)');
    world.clock.set('2026-03-03T00:00:00+09:00');
    assert.equal(await planFor('e', 10_000n), 'planned');
    assert.equal(await planFor('f', 1n), 'held(limit)');
  });

  it('are used up neither by what two people let go nor by what has failed', async () => {
    await limit(undefined, 10_000n);
    const held = await planOne(world, 20_000n, 'a');
    await approveByTwo(held);
    assert.equal(await stateOf(world, held), 'planned');
    await failedOne(world, 9000n, 'rejected');
    assert.equal(await planFor('b', 10_000n), 'planned');
  });

  it('count what is let go on a later day towards that day', async () => {
    await limit(undefined, 10_000n);
    await addSeller(world, 'new', { accountNumber: undefined });
    const waiting = await planOne(world, 6000n, 'new');
    assert.equal(await planFor('a', 10_000n), 'planned', 'what waits for an account goes nowhere yet');
    world.clock.set('2026-03-03T10:00:00+09:00');
    await approveAccount(world, 'new', '110999888777');
    assert.equal((await release(cycleContext(world), true)).released, 1);
    assert.equal(await stateOf(world, waiting), 'planned');
    assert.equal(await planFor('b', 4001n), 'held(limit)');
    assert.equal(await planFor('c', 4000n), 'planned');
  });

  it('hold what was released for an account or a retry, too', async () => {
    await addSeller(world, 'new', { accountNumber: undefined });
    const waiting = await planOne(world, 6000n, 'new');
    const failed = await failedOne(world, 7000n, 'maintenance');
    await limit(5999n, undefined);
    await approveAccount(world, 'new', '110999888777');
    assert.equal((await release(cycleContext(world), true)).released, 0);
    assert.equal(await stateOf(world, waiting), 'held(limit)');
    const retry = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('retry_of', '=', failed)
      .executeTakeFirstOrThrow();
    assert.equal(await stateOf(world, retry.transfer_id), 'held(limit)');
  });

  it('end when the settings do, and are kept by no cycle whose lease is lost', async () => {
    await limit(5000n, 5000n);
    assert.deepEqual(world.warnings, ['the limits of all sellers together have changed']);
    await limit(5000n, 5000n);
    assert.equal(world.warnings.length, 1);
    await assert.rejects(keepLimits({ ...cycleContext(world), token: world.token - 1n }), LeaseLost);
    assert.equal(await planFor('a', 6000n), 'held(limit)');
    await limit(undefined, undefined);
    assert.equal(await planFor('b', 6000n), 'planned');
  });

  it('hold at the same moment as others plan: twenty at once let no won more go than one after the other', async () => {
    await limit(undefined, 10_000n);
    const orders = [];
    for (let n = 0; n < 20; n += 1) {
      await addSeller(world, `s${n}`);
      orders.push(await addPaidOrder(world, `s${n}`, 1500n));
    }
    await Promise.all(
      orders.map(({ orderId, sellerId, amount, depositedAt }) =>
        world.db.transaction().execute(async (trx) => {
          const reasonToHold = openTally(await readSellers(trx, [sellerId], world.clock.now()));
          const items = [{ orderId, amount, fee: won(0n) }];
          const held = reasonToHold(sellerId, amount);
          const planned = { sellerId, amount, fee: won(0n), items, depositedAt, held };
          await insertTransfers(trx, [planned], world.clock.now());
        }),
      ),
    );
    const states = await world.db.selectFrom('transfer').select('state').execute();
    assert.equal(states.filter((one) => one.state === 'planned').length, 6);
    assert.equal(states.filter((one) => one.state === 'held').length, 14);
  });
});
