import assert from 'node:assert/strict';
import { fence, LeaseLost, returnLease, takeLease } from '../../../functions/cycle/lease.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { lockWaiters } from '../../support/payout-world.ts';
import { race, tally } from '../../support/racers.ts';
import { until } from '../../support/until.ts';

describe("the cycle's lease", () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const now = new Date('2026-03-10T10:00:00+09:00');
  const MINUTE_MS = 60_000;
  const take = (holder: string, at = now) => takeLease(test.db, holder, at, MINUTE_MS);
  const fenceOff = (token: bigint) => test.db.transaction().execute((trx) => fence(trx, token));

  it('is won by exactly one of 100 cycles, and 99 find it held', async () => {
    const outcomes = await race(test, (db, n) => takeLease(db, `cycle ${n}`, now, MINUTE_MS));
    assert.deepEqual(
      tally(outcomes, (token) => (token === undefined ? 'held' : `token ${token.toString()}`)),
      { 'token 1': 1, held: 99 },
    );
  });

  it('is taken over by exactly one of 100 cycles when it has run out, and its first holder writes nothing more', async () => {
    const first = await take('first');
    assert.equal(first, 1n);
    const later = new Date(now.getTime() + MINUTE_MS);
    const outcomes = await race(test, (db, n) => takeLease(db, `cycle ${n}`, later, MINUTE_MS));
    assert.deepEqual(
      tally(outcomes, (token) => (token === undefined ? 'held' : `token ${token.toString()}`)),
      { 'token 2': 1, held: 99 },
    );
    await assert.rejects(fenceOff(1n), LeaseLost);
    await fenceOff(2n);
  });

  it('is held to its very end, and free from then on', async () => {
    await take('first');
    assert.equal(await take('second', new Date(now.getTime() + MINUTE_MS - 1)), undefined);
    assert.equal(await take('third', new Date(now.getTime() + MINUTE_MS)), 2n);
  });

  it('cannot be taken from a transaction that writes under it until that has ended', async () => {
    await take('first');
    const later = new Date(now.getTime() + MINUTE_MS);
    let taking: Promise<bigint | undefined> | undefined;
    await test.db.transaction().execute(async (trx) => {
      await fence(trx, 1n);
      taking = take('second', later);
      await until('the second waits for the first', async () => (await lockWaiters({ test })) === 1n);
    });
    assert.equal(await taking, 2n);
  });

  it('is given back by its holder only', async () => {
    await take('first');
    await returnLease(test.db, 7n);
    assert.equal(await take('second'), undefined);
    await returnLease(test.db, 1n);
    assert.equal(await take('third'), 2n);
  });
});
