import assert from 'node:assert/strict';
import { addSellers } from '../../../functions/orders/seller.repository.ts';
import type { BasisPoints } from '../../../functions/shared/money.ts';
import { openPayoutWorld, type PayoutWorld } from '../../support/payout-world.ts';

describe('adding sellers', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await world.close();
  });

  const add = async (accountNumber: string, sellerId = 'shop-1') =>
    await world.db.transaction().execute(async (trx) => {
      await addSellers(
        trx,
        world.vault,
        [
          {
            sellerId,
            shopId: 'flowers',
            name: sellerId,
            feeRate: 100 as BasisPoints,
            account: { bankCode: '088', accountNumber, holder: '홍길동' },
          },
        ],
        { requestedBy: 'kim', approvedBy: 'lee' },
        world.clock.now(),
      );
    });

  it('takes an account number of 6 to 16 digits', async () => {
    await add('123456');
    await add('1234567890123456', 'shop-2');
    const accounts = await world.db.selectFrom('payout_account').select('account_number_masked').execute();
    assert.deepEqual(
      accounts.map((account) => account.account_number_masked),
      ['*****6', '************3456'],
    );
  });

  for (const number of [
    '',
    '12345',
    '12345678901234567',
    '110-222-333444',
    '110 222333',
    '１１０２２２',
    '123456\n',
  ]) {
    it(`refuses the account number ${JSON.stringify(number)}, naming the seller and hiding the number`, async () => {
      await assert.rejects(add(number), (error: Error) => {
        assert.match(error.message, /of seller shop-1 is not 6 to 16 digits/);
        return number === '' || !error.message.includes(number);
      });
      assert.deepEqual(await world.db.selectFrom('seller').selectAll().execute(), []);
    });
  }
});
