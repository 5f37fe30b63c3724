import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Refused } from '../../../functions/people/act.step.ts';
import { readAccounts } from '../../../functions/orders/payout-account.repository.ts';
import {
  approveAccount,
  rejectAccount,
  requestAccount,
} from '../../../functions/orders/payout-account.step.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addSeller,
  cycleContext,
  lockWaiters,
  openPayoutWorld,
  planOne,
  queueOne,
  settleContext,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { executes } from '../../support/scripted-bank.ts';
import { sendAndGet } from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

const NUMBER = '110999888777';

describe("a seller's payout account", () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
    await addSeller(world, 'seller');
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const request = (
    name: string,
    accountNumber = NUMBER,
    holder = '홍길동',
    sellerId = 'seller',
    bankCode = '004',
  ) =>
    requestAccount(world.db, world.vault, actingAs(name, world.clock.now()), sellerId, {
      bankCode,
      accountNumber,
      holder,
    });
  const approve = (name: string, id: bigint) =>
    approveAccount(world.db, actingAs(name, world.clock.now()), id);
  const reject = (name: string, id: bigint) => rejectAccount(world.db, actingAs(name, world.clock.now()), id);
  const requested = async (name = 'kim', number = NUMBER): Promise<bigint> => {
    const outcome = await request(name, number);
    if (outcome.outcome === 'refused') assert.fail(outcome.message);
    return outcome.result.payoutAccountId;
  };
  const codeOf = async (acting: Promise<{ outcome: string } | Refused>) => {
    const outcome = await acting;
    return 'code' in outcome ? outcome.code : outcome.outcome;
  };
  const states = async () => (await readAccounts(world.db, 'seller')).map((account) => account.state);

  it('takes the former place when a second person approves it, and pays nobody before', async () => {
    const id = await requested();
    assert.deepEqual(await states(), ['requested', 'approved']);
    assert.equal(await codeOf(approve('kim', id)), 'needs_second_person');
    assert.equal(await codeOf(approve('lee', id)), 'done');
    assert.deepEqual(await states(), ['approved', 'retired']);
    assert.equal(await codeOf(approve('park', id)), 'decided_already');
    assert.equal(await codeOf(approve('park', 999n)), 'not_found');
  });

  it('is not approved by whoever asked even where the code forgets to look', async () => {
    const id = await requested();
    await world.db
      .updateTable('payout_account')
      .set({ state: 'retired' })
      .where('state', '=', 'approved')
      .execute();
    const own = world.db
      .updateTable('payout_account')
      .set({ state: 'approved', approved_by: 'kim', approved_at: world.clock.now() })
      .where('payout_account_id', '=', id)
      .execute();
    await assert.rejects(own, { constraint: 'payout_account_second_person' });
  });

  it('is stored encrypted, and stands in clear in no table, trace or message', async () => {
    const id = await requested();
    await approve('lee', id);
    const tables = ['payout_account', 'audit', 'approval', 'alarm', 'transfer'];
    for (const table of tables) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(table)} t`.execute(
        world.db,
      );
      for (const row of rows) assert.ok(!row.text.includes(NUMBER), table);
    }
    const wrong = await request('kim', '110-999-888');
    assert.ok(wrong.outcome === 'refused');
    assert.doesNotMatch(wrong.message, /110-999-888/);
  });

  it('is refused when its number, bank or holder fits no message, or its seller does not exist', async () => {
    assert.equal(await codeOf(request('kim', '12345')), 'invalid');
    assert.equal(await codeOf(request('kim', NUMBER, '')), 'invalid');
    assert.equal(await codeOf(request('kim', NUMBER, '가나다라마바사아자차카')), 'invalid');
    assert.equal(await codeOf(request('kim', NUMBER, '홍길동', 'seller', '88')), 'invalid');
    assert.equal(await codeOf(request('kim', NUMBER, '홍길동', 'nobody')), 'not_found');
  });

  it('is asked for one at a time, and not when the seller is paid to it already', async () => {
    const id = await requested();
    assert.equal(await codeOf(request('park', '3333444455556')), 'another_waits');
    assert.equal(await codeOf(reject('kim', id)), 'done');
    assert.deepEqual(await states(), ['rejected', 'approved']);
    assert.equal(await codeOf(approve('lee', id)), 'decided_already');
    await approve('lee', await requested());
    assert.equal(await codeOf(request('park')), 'approved_already');
  });

  it('is approved by one of fifty at the same moment', async () => {
    const id = await requested();
    const codes = await Promise.all(Array.from({ length: 50 }, (_, n) => codeOf(approve(`p${n}`, id))));
    assert.equal(codes.filter((code) => code === 'done').length, 1);
    assert.equal(codes.filter((code) => code === 'decided_already').length, 49);
  });

  it('gets what was planned or queued to the former one, from the next release on', async () => {
    const planned = await planOne(world, 1000n);
    const queued = await queueOne(world, 2000n);
    const id = await requested();
    const outcome = await approve('lee', id);
    assert.equal(outcome.outcome === 'done' ? outcome.result.heldPayouts : undefined, 2n);
    assert.deepEqual(
      [await stateOf(world, planned), await stateOf(world, queued)],
      ['held(approval)', 'held(approval)'],
    );
    assert.equal((await release(cycleContext(world), true)).released, 2);
    await dispatch(cycleContext(world));
    for (const transferId of [planned, queued]) {
      assert.equal((await transferOf(world, transferId)).payout_account_id, id);
      await sendAndGet(world, transferId, executes);
    }
    assert.deepEqual(
      world.bank.executed.map((order) => order.toAccountNumber),
      [NUMBER, NUMBER],
    );
  });

  it('is looked at by each claim: what was planned to a former one is held, not sent', async () => {
    const transferId = await queueOne(world, 1000n);
    await world.db.updateTable('payout_account').set({ state: 'retired' }).execute();
    assert.deepEqual(await claim(settleContext(world), transferId, world.clock.now()), {
      outcome: 'account_not_approved',
    });
    assert.equal(await stateOf(world, transferId), 'held(approval)');
    assert.deepEqual(world.bank.prepared, []);
  });

  it('keeps a claim waiting while it is being replaced, and the claim then pays nobody', async () => {
    const transferId = await queueOne(world, 1000n);
    let claiming: ReturnType<typeof claim> | undefined;
    await world.db.transaction().execute(async (trx) => {
      await trx.updateTable('payout_account').set({ state: 'retired' }).execute();
      claiming = claim(settleContext(world), transferId, world.clock.now());
      await until('the claim waits for the account', async () => (await lockWaiters(world)) === 1n);
    });
    assert.deepEqual(await claiming, { outcome: 'account_not_approved' });
  });
});
