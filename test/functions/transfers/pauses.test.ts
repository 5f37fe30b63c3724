import assert from 'node:assert/strict';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { settle } from '../../../functions/transfers/settle.step.ts';
import { activeStops } from '../../../functions/transfers/stops.repository.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addStatementRow,
  beginAccount,
  cycleContext,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  planOne,
  refundOne,
  settleContext,
  stateOf,
  stop,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { refuses } from '../../support/scripted-bank.ts';
import { failedOne } from '../../support/unknown-transfer.ts';

describe('pauses of the system’s own', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
    await beginAccount(world, PAYOUT, new Date('2026-02-01T00:00:00+09:00'));
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const planRefund = (amount: bigint) => refundOne(world, amount);
  const cycle = async (bankAnswered = true) => {
    const { resumed } = await release(cycleContext(world), bankAnswered);
    await dispatch(cycleContext(world));
    return resumed;
  };
  const pay = (transferId: bigint) => settle(settleContext(world), transferId);

  for (const [cause, pause] of [
    ['funds', 'pause_funds'],
    ['maintenance', 'pause_maintenance'],
  ] as const) {
    it(`for ${cause} that a refund has met stop payouts and refunds, and end by themselves for both`, async () => {
      const met = await planRefund(9000n);
      const payout = await planOne(world, 3000n);
      const refund = await planRefund(2000n);
      await cycle();
      world.bank.sends.push(refuses(cause));
      assert.equal((await pay(met)).outcome, 'unknown');
      assert.deepEqual(await activeStops(world.db), [pause]);
      for (const waiting of [payout, refund])
        assert.deepEqual(await pay(waiting), { outcome: 'stopped', stops: [pause] });
      assert.equal(world.bank.sent.length, 1);
      world.clock.advance(10 * MINUTE_MS);
      const over = async () =>
        cause === 'funds'
          ? await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 2000n })
          : undefined;
      assert.deepEqual(await cycle(false), [], 'not while its cause stands');
      await over();
      assert.deepEqual(await cycle(), [pause]);
      for (const waiting of [payout, refund]) assert.equal((await pay(waiting)).outcome, 'succeeded');
    });
  }

  it('for funds wait for a refund alone, too, to be covered', async () => {
    const refund = await planRefund(2000n);
    await stop(world, 'pause_funds', world.clock.now());
    await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 1999n });
    assert.deepEqual(await cycle(), []);
    world.clock.advance(1000);
    await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 2000n });
    assert.deepEqual(await cycle(), ['pause_funds']);
    assert.equal((await pay(refund)).outcome, 'succeeded');
  });

  it('for funds stand until what waits is covered, whatever smaller sum once failed and was paid again', async () => {
    const failed = await failedOne(world, 100n, 'funds');
    await addStatementRow(world, { amount: 1n, direction: 'in', balanceAfter: 4000n });
    await cycle();
    const retry = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('retry_of', '=', failed)
      .executeTakeFirstOrThrow();
    assert.equal((await pay(retry.transfer_id)).outcome, 'succeeded');
    const waiting = await planOne(world, 5000n);
    await stop(world, 'pause_funds', world.clock.now());
    assert.deepEqual(await cycle(), []);
    assert.equal(await stateOf(world, waiting), 'planned');
  });
});
