import assert from 'node:assert/strict';
import { closeDays } from '../../../functions/ledger/close.step.ts';
import { insertPostings } from '../../../functions/ledger/ledger.repository.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import { verifyLedger } from '../../../functions/ledger/verify.step.ts';
import { won } from '../../../functions/shared/money.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { at, cycleAt } from '../../support/statement-scene.ts';

const [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY] = [
  '2026-03-09',
  '2026-03-10',
  '2026-03-11',
  '2026-03-12',
  '2026-03-13',
] as const;

describe('the daily close', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const post = async (when: Date, ...moved: [debit: string, credit: string, amount: bigint][]) =>
    await test.db.transaction().execute(
      async (trx) =>
        await insertPostings(
          trx,
          moved.map(([debit, credit, amount]) => ({
            debit,
            credit,
            amount: won(amount),
            kind: 'correction',
          })),
          when,
        ),
    );
  const sealNow = async () => await seal(await cycleAt(test, at('12:00:00')));
  const accounts = async (date: string) =>
    (
      await test.db
        .selectFrom('daily_close_account')
        .selectAll()
        .where('business_date', '=', date)
        .orderBy('account')
        .execute()
    ).map((row) => [
      row.account,
      row.opening,
      row.money_in,
      row.money_out,
      row.closing,
      row.late_in,
      row.late_out,
    ]);
  const ranges = async () =>
    (await test.db.selectFrom('daily_close').selectAll().orderBy('business_date').execute()).map((row) => [
      row.business_date,
      row.from_position,
      row.to_position,
    ]);

  it("says what each account began with, what came and went, and what was left, by the accounts' signs", async () => {
    await post(at('10:00:00', MONDAY), ['bank:a', 'unallocated', 100n], ['unallocated', 'seller:s', 90n]);
    await post(at('11:00:00', MONDAY), ['seller:s', 'in_transit', 90n], ['in_transit', 'bank:a', 90n]);
    await sealNow();
    assert.deepEqual(await closeDays(test.db, at('00:20:00', TUESDAY)), [MONDAY]);
    assert.deepEqual(await accounts(MONDAY), [
      ['bank:a', 0n, 100n, 90n, 10n, 0n, 0n],
      ['in_transit', 0n, 90n, 90n, 0n, 0n, 0n],
      ['seller:s', 0n, 90n, 90n, 0n, 0n, 0n],
      ['unallocated', 0n, 100n, 90n, 10n, 0n, 0n],
    ]);
  });

  it("joins: one day's closing is the next one's opening, also over a day on which nothing happened", async () => {
    await post(at('10:00:00', MONDAY), ['bank:a', 'unallocated', 100n]);
    await post(at('10:00:00', WEDNESDAY), ['bank:a', 'unallocated', 11n]);
    await sealNow();
    assert.deepEqual(await closeDays(test.db, at('00:20:00', THURSDAY)), [MONDAY, TUESDAY, WEDNESDAY]);
    assert.deepEqual(await ranges(), [
      [MONDAY, 1n, 1n],
      [TUESDAY, 2n, 1n],
      [WEDNESDAY, 2n, 2n],
    ]);
    assert.deepEqual(await accounts(TUESDAY), [
      ['bank:a', 100n, 0n, 0n, 100n, 0n, 0n],
      ['unallocated', 100n, 0n, 0n, 100n, 0n, 0n],
    ]);
    assert.deepEqual((await accounts(WEDNESDAY))[0], ['bank:a', 100n, 11n, 0n, 111n, 0n, 0n]);
  });

  it('ends right before the first entry of a later day, whenever it is made', async () => {
    await post(at('23:58:00', MONDAY), ['bank:a', 'unallocated', 1n]);
    await post(at('00:03:00', TUESDAY), ['bank:a', 'unallocated', 2n]);
    await sealNow();
    await closeDays(test.db, at('00:20:00', TUESDAY));
    assert.deepEqual(await ranges(), [[MONDAY, 1n, 1n]]);
    assert.deepEqual((await accounts(MONDAY))[0], ['bank:a', 0n, 1n, 0n, 1n, 0n, 0n]);
  });

  it('shows what was sealed after its own day was closed in the next close, as late', async () => {
    await post(at('10:00:00', MONDAY), ['bank:a', 'unallocated', 100n]);
    await sealNow();
    await closeDays(test.db, at('00:00:05', TUESDAY));
    await post(at('23:59:59', MONDAY), ['bank:a', 'unallocated', 7n], ['unallocated', 'fees', 3n]);
    await post(at('00:00:10', TUESDAY), ['bank:a', 'unallocated', 20n]);
    await sealNow();
    assert.deepEqual(await closeDays(test.db, at('00:20:00', WEDNESDAY)), [TUESDAY]);
    assert.deepEqual(await accounts(TUESDAY), [
      ['bank:a', 100n, 27n, 0n, 127n, 7n, 0n],
      ['fees', 0n, 3n, 0n, 3n, 3n, 0n],
      ['unallocated', 100n, 27n, 3n, 124n, 7n, 3n],
    ]);
    assert.deepEqual(await accounts(MONDAY), [
      ['bank:a', 0n, 100n, 0n, 100n, 0n, 0n],
      ['unallocated', 0n, 100n, 0n, 100n, 0n, 0n],
    ]);
  });

  it('is made once, also by two at the same moment', async () => {
    await post(at('10:00:00', MONDAY), ['bank:a', 'unallocated', 100n]);
    await sealNow();
    const both = await Promise.all([
      closeDays(test.db, at('00:20:00', TUESDAY)),
      closeDays(test.db, at('00:20:00', TUESDAY)),
    ]);
    assert.deepEqual(both.flat(), [MONDAY]);
    assert.equal((await accounts(MONDAY)).length, 2);
    assert.deepEqual(await closeDays(test.db, at('00:25:00', TUESDAY)), []);
  });

  it('closes nothing while nothing is sealed', async () => {
    await post(at('10:00:00', MONDAY), ['bank:a', 'unallocated', 100n]);
    assert.deepEqual(await closeDays(test.db, at('00:20:00', FRIDAY)), []);
  });

  it('agrees with the replay of the ledger at its end, day by day', async () => {
    for (const [n, date] of [MONDAY, TUESDAY, WEDNESDAY, THURSDAY].entries()) {
      await post(
        at('10:00:00', date),
        ['bank:a', 'unallocated', BigInt(100 + n)],
        ['unallocated', 'fees', 7n],
      );
      await sealNow();
      await closeDays(test.db, at('00:20:00', date));
    }
    await closeDays(test.db, at('00:20:00', FRIDAY));
    assert.equal((await ranges()).length, 4);
    assert.equal((await verifyLedger(test.db)).firstBroken, undefined);
  });
});
