import assert from 'node:assert/strict';
import { createTransferQueue } from '../../../functions/transfers/transfer-queue.client.ts';
import type { Fault } from '../../../local/chaos/fault.ts';
import { FAULTS } from '../../../local/chaos/faults.ts';
import { ordersComeIn } from '../../../local/chaos/moments.ts';
import { isSound, notTried, runFault } from '../../../local/chaos/run-fault.ts';
import { comes } from '../../../local/chaos/world.ts';

/** Two that need no waiting: one in each function. `npm run chaos` tries them all. */
const SHORT = ['kill_settlement_in_flight', 'kill_matcher_before_send'];

/** A system that does what must not be: a payout that was paid is queued once more, behind everybody's back, and paid before any cycle can see it. */
const harmful: Fault = {
  name: 'harmful',
  what: 'a payout that was paid is queued a second time',
  recoversWithinS: 60,
  async strike(world, struck) {
    await ordersComeIn(world);
    await struck();
    const { rows } = await world.admin.query<{ transfer_id: string; queue_group: string }>(
      `insert into transfer (kind, seller_id, amount, fee, payout_account_id, bank_code, account_number_ciphertext,
         account_number_key_id, account_number_masked, account_holder, queue_group, state, planned_at)
       select kind, seller_id, amount, fee, payout_account_id, bank_code, account_number_ciphertext,
         account_number_key_id, account_number_masked, account_holder, queue_group, 'queued', planned_at
       from transfer where state = 'succeeded' order by transfer_id limit 1
       returning transfer_id, queue_group`,
    );
    const [{ transfer_id: id, queue_group: group }] = rows as [(typeof rows)[number]];
    const client = world.system.queue.client();
    try {
      const queue = createTransferQueue(client, world.system.transfersUrl);
      await queue.dispatch([{ transferId: BigInt(id), dispatchNumber: 1, group }]);
    } finally {
      client.destroy();
    }
    const isPaid = async () => {
      const found = await world.admin.query('select from transfer where transfer_id = $1 and state = $2', [
        id,
        'succeeded',
      ]);
      return found.rowCount === 1;
    };
    assert.ok(await comes(isPaid, 60_000), 'the second payout is not paid');
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

  it('is not sound when a payout is made that nobody is owed: it is counted, and the comparison of the books halts the next ones', async () => {
    const report = await runFault(harmful, { signal: ending.signal });
    assert.equal(isSound(report), false);
    assert.ok(
      report.problems.some((problem) => problem.includes('payouts are stopped: halt_drift')),
      JSON.stringify(report),
    );
    assert.ok(
      report.paid_twice > 0 || report.problems.some((problem) => problem.includes('too much')),
      JSON.stringify(report),
    );
  });

  it('is not sound when a fault could not be tried to its end', () => {
    const report = notTried(FAULTS[0]!, new Error('no moment'));
    assert.equal(isSound(report), false);
    assert.deepEqual(report.problems, ['not tried to its end: no moment']);
  });

  it('names each fault once', () => {
    const names = FAULTS.map((fault) => fault.name);
    assert.equal(new Set(names).size, names.length);
  });
});
