import assert from 'node:assert/strict';
import { recordSuccess } from '../../../functions/transfers/outcome.repository.ts';
import { cancelTransfer } from '../../../functions/transfers/cancel.step.ts';
import { resumePayouts } from '../../../functions/transfers/payouts.step.ts';
import { activeStops, endHalt, lockStops } from '../../../functions/transfers/stops.repository.ts';
import type { Trx } from '../../../functions/shared/postgres.ts';
import type { Database } from '../../../functions/database.ts';
import { actingAs } from '../../support/acting.ts';
import {
  attemptsOf,
  lockWaiters,
  openPayoutWorld,
  stop,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { proveAbsence, unknownOne } from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

describe('a person who resumes payouts at the moment when the system halts them', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(() => world.close());

  const kim = () => actingAs('kim', world.clock.now());

  /** A transfer that was proven absent and cancelled turns out to have left the bank: money may go twice, and only this says so. */
  async function cancelledAfterItsSend(): Promise<(trx: Trx<Database>) => Promise<string>> {
    const transferId = await unknownOne(world, 10_000n);
    await proveAbsence(world);
    // No account is left to be reconciled: nothing else stands in a person's way.
    await world.test.owner.deleteFrom('collect_cursor').execute();
    assert.equal((await cancelTransfer(world.db, kim(), transferId)).outcome, 'done');
    const [attempt] = await attemptsOf(world, transferId);
    assert.ok(attempt);
    const { attempt_id: attemptId, token } = attempt;
    const at = world.clock.now();
    return async (trx) =>
      await recordSuccess(trx, {
        attemptId,
        token,
        source: 'inquiry',
        verdict: 'succeeded',
        code: 'A0000',
        at,
      });
  }

  it('waits for what is being recorded, and is told of it', async () => {
    const execute = await cancelledAfterItsSend();
    await stop(world, 'halt_drift');
    let resuming: ReturnType<typeof resumePayouts> | undefined;
    await world.db.transaction().execute(async (trx) => {
      assert.equal(await execute(trx), 'halted');
      let ended = false;
      resuming = resumePayouts(world.db, kim(), false).finally(() => (ended = true));
      await until('the person waits, or has done', async () => ended || (await lockWaiters(world)) > 0n);
    });
    const resumed = await resuming;
    assert.equal(resumed?.outcome, 'refused');
    assert.match(resumed.message, /is said to have paid/);
    assert.deepEqual(await activeStops(world.db), ['halt_drift']);
  });

  it('lifts no halt that is raised while they decide', async () => {
    const execute = await cancelledAfterItsSend();
    await stop(world, 'halt_drift');
    let recording: Promise<string> | undefined;
    await world.db.transaction().execute(async (trx) => {
      await lockStops(trx);
      let ended = false;
      recording = world.db
        .transaction()
        .execute(execute)
        .finally(() => (ended = true));
      await until('the outcome waits, or is recorded', async () => ended || (await lockWaiters(world)) > 0n);
      await endHalt(trx, 'halt_drift', kim());
    });
    assert.equal(await recording, 'halted');
    assert.deepEqual(await activeStops(world.db), ['halt_drift']);
  });
});
