import assert from 'node:assert/strict';
import { readVitals } from '../../../functions/cycle/vitals.repository.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  leaveInDoubt,
  Statement,
  storeStatement,
  succeed,
} from '../../support/statement-scene.ts';

describe('the vitals', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const began = (token: bigint, time: string) =>
    test.db
      .insertInto('cycle')
      .values({ token, began_at: at(time), ended_at: null, ended_as: null, summary: null })
      .execute();

  it('are nothing where nothing is', async () => {
    assert.deepEqual(await readVitals(test.db, at('10:00:00'), 1n), {
      unknown: 0,
      heldTransfers: 0,
      openReviews: 0,
      oldestUnpaidS: 0,
      oldestReviewS: 0,
      settled: 0,
      depositToPayoutMsP50: null,
      depositToPayoutMsP99: null,
    });
  });

  it('say what waits and for how long, and how fast money passed since the cycle before', async () => {
    const sellerId = await addSeller(test.db, { grouping: 'order' });
    const withoutAccount = await addSeller(test.db, { account: false });
    const statement = new Statement();
    for (const name of ['홍길동0420', '김철수0421', '이영희0422']) {
      await addOrder(test.db, { sellerId, name, amount: 10_000n });
      statement.in(10_000n, name, at('10:00:00'));
    }
    await addOrder(test.db, { sellerId: withoutAccount, name: '박민수0423', amount: 10_000n });
    statement.in(10_000n, '박민수0423', at('10:00:00'));
    statement.in(5n, '모르는사람', at('10:01:00'));
    statement.in(6n, '모르는사람', at('10:02:00'));
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
    const [before, quick, doubtful] = await claimPlanned(test, at('10:05:30'));
    await succeed(test, before!, at('10:06:00'));
    await began(101n, '10:06:00');
    await succeed(test, quick!, at('10:07:00'));
    await leaveInDoubt(test, doubtful!);
    await began(102n, '10:10:00');
    assert.deepEqual(await readVitals(test.db, at('10:10:00'), 102n), {
      unknown: 1,
      heldTransfers: 1,
      openReviews: 2,
      oldestUnpaidS: 300,
      oldestReviewS: 540,
      settled: 1,
      depositToPayoutMsP50: 420_000,
      depositToPayoutMsP99: 420_000,
    });
  });
});
