import assert from 'node:assert/strict';
import type { Fault } from '../../../local/chaos/fault.ts';
import { FAULTS } from '../../../local/chaos/faults.ts';
import { cycleBeforeDispatch, ordersComeIn } from '../../../local/chaos/moments.ts';
import { isSound, notTried, runFault } from '../../../local/chaos/run-fault.ts';

/** Two that need no waiting: one in each function. `npm run chaos` tries them all. */
const SHORT = ['kill_settlement_in_flight', 'kill_matcher_before_send'];

/** A system that does what must not be: it cancels one transfer that is due, and plans another one again that was paid. */
const harmful: Fault = {
  name: 'harmful',
  what: 'one transfer is cancelled that is due, and one that was paid is planned a second time',
  recoversWithinS: 60,
  async strike(world, struck) {
    await ordersComeIn(world);
    const { lock, ended } = await cycleBeforeDispatch(world);
    await struck();
    await world.admin.query(
      `update transfer set state = 'cancelled' where transfer_id = (select min(transfer_id) from transfer where state = 'planned')`,
    );
    await world.admin.query(
      `with paid as (select * from transfer where state = 'succeeded' order by transfer_id limit 1),
         again as (
           insert into transfer (kind, seller_id, amount, fee, payout_account_id, bank_code, account_number_ciphertext,
             account_number_key_id, account_number_masked, account_holder, queue_group, state, planned_at)
           select kind, seller_id, amount, fee, payout_account_id, bank_code, account_number_ciphertext,
             account_number_key_id, account_number_masked, account_holder, queue_group, 'planned', planned_at from paid
           returning transfer_id)
       insert into transfer_item (transfer_id, order_id, amount, fee, live)
       select again.transfer_id, i.order_id, i.amount, i.fee, false
       from again, paid join transfer_item i on i.transfer_id = paid.transfer_id`,
    );
    await lock.letGo();
    await ended;
  },
};

describe('chaos', function () {
  this.timeout(240_000);
  let ending: AbortController;
  beforeEach(() => {
    ending = new AbortController();
  });
  afterEach(() => ending.abort());

  for (const name of SHORT)
    it(`loses nothing and pays nothing twice after ${name}`, async () => {
      const fault = FAULTS.find((one) => one.name === name);
      assert.ok(fault !== undefined, `there is no fault ${name}`);
      const report = await runFault(fault, { signal: ending.signal });
      assert.deepEqual(report.problems, []);
      assert.equal(report.lost, 0);
      assert.equal(report.paid_twice, 0);
      assert.ok(report.recovery_s !== null && report.payouts > 40, JSON.stringify(report));
    });

  it('is not sound when a transfer that is due is cancelled and another is planned again: payouts halt, and what is owed is counted', async () => {
    const report = await runFault(harmful, { signal: ending.signal });
    assert.ok(report.lost > 0, JSON.stringify(report));
    assert.equal(report.paid_twice, 0, 'the comparison of the books has stopped it in time');
    assert.ok(report.problems.some((problem) => problem.includes('payouts are stopped: halt_drift')));
    assert.equal(isSound(report), false);
  });

  it('is not sound when a fault could not be tried to its end', () => {
    const report = notTried(harmful, new Error('no moment'));
    assert.equal(isSound(report), false);
    assert.deepEqual(report.problems, ['not tried to its end: no moment']);
  });

  it('names each fault once', () => {
    const names = FAULTS.map((fault) => fault.name);
    assert.equal(new Set(names).size, names.length);
  });
});
