import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { insertTransfers, readSellers } from '../../../functions/transfers/plan.repository.ts';
import { planTransfers } from '../../../functions/transfers/plan.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addPaidOrder,
  addSeller,
  openPayoutWorld,
  plan,
  planOne,
  retireAccounts,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { failedOne } from '../../support/unknown-transfer.ts';

describe('writing planned transfers', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db, 'by the test');
    await world.close();
  });

  const goingOutToday = async (sellerId: string) => {
    const sellers = await world.db
      .transaction()
      .execute((trx) => readSellers(trx, [sellerId], world.clock.now()));
    return sellers.get(sellerId)?.goingOutToday;
  };

  it('gives each transfer its own orders, amount and destination', async () => {
    await addSeller(world, 'a', { feeBp: 100, grouping: 'order', accountNumber: '110000000001' });
    await addSeller(world, 'b', { accountNumber: '110000000002' });
    const paid = [];
    for (const [sellerId, amount] of [
      ['a', 1000n],
      ['b', 50n],
      ['a', 3000n],
      ['b', 70n],
    ] as const) {
      paid.push(await addPaidOrder(world, sellerId, amount));
    }
    const ids = await plan(world, paid);
    const written = [];
    for (const transferId of ids) {
      const { seller_id, amount, fee, account_number_masked } = await transferOf(world, transferId);
      const items = await world.db
        .selectFrom('transfer_item')
        .select(['order_id', 'amount'])
        .where('transfer_id', '=', transferId)
        .orderBy('order_id')
        .execute();
      written.push([seller_id, amount, fee, account_number_masked, items.map((item) => item.amount)]);
    }
    assert.deepEqual(written, [
      ['a', 990n, 10n, '********0001', [1000n]],
      ['a', 2970n, 30n, '********0001', [3000n]],
      ['b', 120n, 0n, '********0002', [50n, 70n]],
    ]);
  });

  it('gives each transfer its own orders, also when ids are not given out in rising order', async () => {
    await sql`alter table transfer alter column transfer_id set increment by -1 set maxvalue 1000 restart with 1000`.execute(
      world.test.owner,
    );
    await addSeller(world, 'a', { grouping: 'order' });
    const paid = [await addPaidOrder(world, 'a', 1000n), await addPaidOrder(world, 'a', 3000n)];
    await plan(world, paid);
    const { rows } = await sql<{ amount: bigint; item: bigint }>`
      select t.amount, i.amount as item from transfer t join transfer_item i on i.transfer_id = t.transfer_id
      order by t.amount`.execute(world.db);
    assert.deepEqual(rows, [
      { amount: 1000n, item: 1000n },
      { amount: 3000n, item: 3000n },
    ]);
  });

  it('keeps nothing when a transfer was written otherwise than planned', async () => {
    await sql`
      create function one_won_more() returns trigger language plpgsql as
      $$ begin new.amount = new.amount + 1; return new; end $$`.execute(world.test.owner);
    await sql`create trigger one_won_more before insert on transfer for each row execute function one_won_more()`.execute(
      world.test.owner,
    );
    await addSeller(world, 'a');
    const paid = await addPaidOrder(world, 'a', 1000n);
    await assert.rejects(plan(world, [paid]), /otherwise than planned/);
    assert.deepEqual(await world.db.selectFrom('transfer').selectAll().execute(), []);
  });

  it('refuses an order that is in a live transfer already', async () => {
    await addSeller(world, 'a');
    const paid = await addPaidOrder(world, 'a', 1000n);
    await plan(world, [paid]);
    await assert.rejects(plan(world, [paid]), { constraint: 'transfer_item_order_once' });
  });

  it('holds a transfer whose account was retired since its seller was read', async () => {
    await addSeller(world, 'a');
    const paid = await addPaidOrder(world, 'a', 1000n);
    await world.db.transaction().execute(async (trx) => {
      const planned = planTransfers([paid], await readSellers(trx, ['a'], world.clock.now()));
      assert.equal(planned[0]?.held, undefined);
      await retireAccounts(world, 'a');
      await insertTransfers(trx, planned, world.clock.now());
    });
    const { transfer_id } = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .executeTakeFirstOrThrow();
    assert.equal(await stateOf(world, transfer_id), 'held(approval)');
  });

  it("counts what was planned since the seller's day began in Korea, and not what has failed", async () => {
    await addSeller(world, 'seller', { dailyLimit: 100_000n });
    world.clock.set('2026-03-01T23:59:59+09:00');
    await planOne(world, 1000n);
    world.clock.set('2026-03-02T00:00:00+09:00');
    assert.equal(await goingOutToday('seller'), 0n);
    await planOne(world, 200n);
    assert.equal(await goingOutToday('seller'), 200n);
    await failedOne(world, 30n, 'rejected');
    assert.equal(await goingOutToday('seller'), 200n);
  });
});
