import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  cycleContext,
  endStops,
  MINUTE_MS,
  openPayoutWorld,
  planOne,
  settleContext,
  stateOf,
  stop,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';

describe('dispatching', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db, 'by the test');
    await world.close();
  });

  const taken = () => world.queue.taken.map((one) => `${one.transferId.toString()}-${one.dispatchNumber}`);

  it('queues what is planned, in order, in the group of its destination', async () => {
    const first = await planOne(world, 1000n);
    const second = await planOne(world, 2000n);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 2, notTaken: 0 });
    assert.deepEqual(taken(), [`${first.toString()}-1`, `${second.toString()}-1`]);
    assert.equal(await stateOf(world, first), 'queued');
    const groups = new Set(world.queue.taken.map((one) => one.group));
    assert.deepEqual([...groups], [world.vault.fingerprint('110222333444')]);
  });

  it('sends a fresh one no second time', async () => {
    await planOne(world, 1000n);
    await dispatch(cycleContext(world));
    world.clock.advance(4 * MINUTE_MS);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 0, notTaken: 0 });
    assert.equal(world.queue.taken.length, 1);
  });

  it('sends one that nobody has claimed for a cycle again, under a new dispatch number', async () => {
    const transferId = await planOne(world, 1000n);
    await dispatch(cycleContext(world));
    world.clock.advance(5 * MINUTE_MS + 1);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 1, notTaken: 0 });
    assert.deepEqual(taken(), [`${transferId.toString()}-1`, `${transferId.toString()}-2`]);
  });

  it('sends what a lost queue held again in the very next cycle, also when the schedule comes a little early', async () => {
    const transferId = await planOne(world, 1000n);
    await dispatch(cycleContext(world));
    world.clock.advance(5 * MINUTE_MS - 10_000);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 1, notTaken: 0 });
    assert.deepEqual(taken(), [`${transferId.toString()}-1`, `${transferId.toString()}-2`]);
  });

  it('never sends one that is claimed', async () => {
    const transferId = await planOne(world, 1000n);
    await dispatch(cycleContext(world));
    await claim(settleContext(world), transferId, world.clock.now());
    world.clock.advance(60 * MINUTE_MS);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 0, notTaken: 0 });
  });

  it('counts what the queue refuses, and sends it a cycle later', async () => {
    const refused = await planOne(world, 1000n);
    await planOne(world, 2000n);
    world.queue.refuses = (one) => one.transferId === refused;
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 2, notTaken: 1 });
    world.queue.refuses = () => false;
    world.clock.advance(5 * MINUTE_MS + 1);
    await dispatch(cycleContext(world));
    assert.ok(taken().includes(`${refused.toString()}-2`));
  });

  it('loses nothing to a queue that breaks', async () => {
    const transferId = await planOne(world, 1000n);
    world.queue.breaks = new Error('the queue is gone');
    await assert.rejects(dispatch(cycleContext(world)), /the queue is gone/);
    world.queue.breaks = undefined;
    world.clock.advance(5 * MINUTE_MS + 1);
    await dispatch(cycleContext(world));
    assert.deepEqual(taken(), [`${transferId.toString()}-2`]);
  });

  it('commits a row as queued before its message is sent', async () => {
    const transferId = await planOne(world, 1000n);
    const states: string[] = [];
    const queue = {
      async dispatch() {
        states.push(await stateOf(world, transferId));
        return { notTaken: 0 };
      },
    };
    await dispatch({ ...cycleContext(world), queue });
    assert.deepEqual(states, ['queued']);
  });

  it('sends more than a page of 500 in one cycle, each once', async () => {
    const transferId = await planOne(world, 1000n);
    await sql`
      insert into transfer (kind, seller_id, amount, fee, account_number_ciphertext, state, queue_group, planned_at)
      select kind, seller_id, amount, fee, account_number_ciphertext, state, queue_group, planned_at
      from transfer, generate_series(1, 520) where transfer_id = ${transferId}`.execute(world.db);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 521, notTaken: 0 });
    assert.equal(new Set(taken()).size, 521);
  });

  it('sends at most 2,000 messages in one cycle, oldest first, and the rest in the next', async () => {
    const transferId = await planOne(world, 1000n);
    await sql`
      insert into transfer (kind, seller_id, amount, fee, account_number_ciphertext, state, queue_group, planned_at)
      select kind, seller_id, amount, fee, account_number_ciphertext, state, queue_group, planned_at
      from transfer, generate_series(1, 2010) where transfer_id = ${transferId}`.execute(world.db);
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 2000, notTaken: 0 });
    const left = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('state', '=', 'planned')
      .execute();
    const youngestSent = world.queue.taken.at(-1)!.transferId;
    assert.ok(left.every((transfer) => transfer.transfer_id > youngestSent));
    assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 11, notTaken: 0 });
  });

  for (const name of ['halt_person', 'halt_drift', 'pause_funds', 'pause_maintenance'] as const) {
    it(`sends nothing while ${name} stands, and all once it has ended`, async () => {
      const transferId = await planOne(world, 1000n);
      await stop(world, name);
      assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 0, notTaken: 0 });
      assert.equal(await stateOf(world, transferId), 'planned');
      await endStops(world);
      assert.deepEqual(await dispatch(cycleContext(world)), { dispatched: 1, notTaken: 0 });
    });
  }

  it('begins no page when there is no time', async () => {
    const transferId = await planOne(world, 1000n);
    await dispatch({ ...cycleContext(world), hasTime: () => false });
    assert.equal((await transferOf(world, transferId)).dispatch_number, 0);
  });

  it('writes nothing for a cycle whose lease has gone to another', async () => {
    const transferId = await planOne(world, 1000n);
    await assert.rejects(dispatch({ ...cycleContext(world), token: world.token - 1n }), LeaseLost);
    assert.equal(await stateOf(world, transferId), 'planned');
    assert.deepEqual(world.queue.taken, []);
  });
});
