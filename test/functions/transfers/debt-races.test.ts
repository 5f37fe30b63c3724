import assert from 'node:assert/strict';
import { insertPostings } from '../../../functions/ledger/ledger.repository.ts';
import { holdPayoutsForDebt } from '../../../functions/transfers/outcome.repository.ts';
import { insertTransfers, readSellers } from '../../../functions/transfers/plan.repository.ts';
import { planTransfers } from '../../../functions/transfers/plan.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { sellerAccount, SUSPENSE } from '../../../functions/ledger/accounts.ts';
import type { Database } from '../../../functions/database.ts';
import { won } from '../../../functions/shared/money.ts';
import type { Trx } from '../../../functions/shared/postgres.ts';
import {
  addPaidOrder,
  addSeller,
  cycleContext,
  lockWaiters,
  openPayoutWorld,
  planOne,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { until } from '../../support/until.ts';

describe('a seller who comes to owe at the moment when a payout', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
    await addSeller(world, 'seller');
  });
  afterEach(() => world.close());

  const transfers = async () =>
    await world.db.selectFrom('transfer').select(['state', 'held_reason']).orderBy('transfer_id').execute();
  /** Lets `work` begin and come to where it waits for this transaction, or to its end. */
  const beginsBeside = async (work: Promise<unknown>) => {
    let ended = false;
    void work.finally(() => (ended = true)).catch(() => undefined);
    await until('it waits, or has ended', async () => ended || (await lockWaiters(world)) > 0n);
  };
  /** Two people charge the seller 1,000 won that stand in suspense. */
  const charge = async (trx: Trx<Database>) => {
    const charged = { debit: sellerAccount('seller'), credit: SUSPENSE, amount: won(1000n) } as const;
    await insertPostings(trx, [{ ...charged, kind: 'correction', rowId: 1n }], world.clock.now());
    await holdPayoutsForDebt(trx, ['seller']);
  };

  it('is planned, has it held', async () => {
    const order = await addPaidOrder(world, 'seller', 5000n);
    let charging: Promise<void> | undefined;
    await world.db.transaction().execute(async (trx) => {
      const sellers = await readSellers(trx, ['seller'], world.clock.now());
      charging = world.db.transaction().execute(charge);
      await beginsBeside(charging);
      await insertTransfers(trx, planTransfers([order], sellers), world.clock.now());
    });
    await charging;
    assert.deepEqual(await transfers(), [{ state: 'held', held_reason: 'seller_debt' }]);
  });

  it('is let go, since the balance before covered it, has it held again', async () => {
    const transferId = await planOne(world, 5000n);
    await world.db.transaction().execute(async (trx) => await holdPayoutsForDebt(trx, ['seller']));
    let releasing: Promise<unknown> | undefined;
    await world.db.transaction().execute(async (trx) => {
      await charge(trx);
      releasing = release(cycleContext(world), true);
      await beginsBeside(releasing);
    });
    await releasing;
    assert.equal(await stateOf(world, transferId), 'held(seller_debt)');
  });
});
