import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { book } from '../../../functions/deposits/book.step.ts';
import { databaseIdentity } from '../../../functions/shared/database-identity.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { readSellers } from '../../../functions/transfers/plan.repository.ts';
import { noticeRestore, readOpenRestore } from '../../../functions/transfers/restore.repository.ts';
import { activeStops, isWhereItWas } from '../../../functions/transfers/stops.repository.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addStatementRow,
  alarmsOf,
  attemptsOf,
  beginAccount,
  cycleContext,
  endStops,
  openPayoutWorld,
  PAYOUT,
  postingsOf,
  queueOne,
  settleContext,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';

describe('a database that is not where it was', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const claimNow = (transferId: bigint, databaseCluster?: string) =>
    claim({ ...settleContext(world), databaseCluster }, transferId, world.clock.now());
  const remember = async (identity: string) =>
    await world.test.owner.updateTable('installation').set({ database_identity: identity }).execute();
  const installation = async () =>
    await world.db.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
  const restores = async () =>
    await world.db.selectFrom('database_restore').selectAll().orderBy('restore_id').execute();

  it('claims nothing, halts and takes another epoch, once for twenty claims at a time', async () => {
    const transferId = await queueOne(world, 5000n);
    await remember('another');
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => claimNow(transferId)));
    for (const outcome of outcomes)
      assert.deepEqual(outcome, { outcome: 'stopped', stops: ['halt_restore'] });
    assert.equal(await stateOf(world, transferId), 'queued');
    assert.deepEqual(await postingsOf(world, transferId), []);
    assert.deepEqual(await attemptsOf(world, transferId), []);
    assert.deepEqual(await alarmsOf(world), ['database_restored']);
    assert.equal((await installation()).id_epoch, 1);
    const [restore, ...others] = await restores();
    assert.deepEqual(others, []);
    assert.equal(restore?.identity_before, 'another');
    assert.equal(restore.noticed_by, 'claim');
    assert.deepEqual(await claimNow(transferId), { outcome: 'stopped', stops: ['halt_restore'] });
  });

  it('claims nothing where nothing is remembered at all', async () => {
    const transferId = await queueOne(world, 5000n);
    await world.test.owner.deleteFrom('installation').execute();
    await assert.rejects(claimNow(transferId), /the installation row is missing/);
    assert.equal(await stateOf(world, transferId), 'queued');
  });

  it('is told by the name that the deployment gives its cluster, where it gives one', async () => {
    const transferId = await queueOne(world, 5000n);
    const { rows } = await sql<{ named: string }>`select ${databaseIdentity('cluster-A')} as named`.execute(
      world.db,
    );
    await remember(rows[0]!.named);
    assert.equal((await claimNow(transferId, 'cluster-A')).outcome, 'claimed');
    assert.equal((await claimNow(transferId, 'cluster-B')).outcome, 'stopped');
    assert.ok((await installation()).database_identity.startsWith('cluster-B/'));
  });

  it('is noticed in the same cluster, too, when the tables are new ones', async () => {
    assert.equal(await isWhereItWas(world.db, undefined), true);
    await sql`alter table installation rename to old_installation`.execute(world.test.owner);
    await sql`create table installation (like old_installation including all)`.execute(world.test.owner);
    await sql`insert into installation select * from old_installation`.execute(world.test.owner);
    await sql`grant select, update on installation to smart_transfer_app`.execute(world.test.owner);
    assert.equal(await isWhereItWas(world.db, undefined), false);
  });

  it('gives two lives of one backup, restored one after the other, no id in common', async () => {
    const idOf = async () => {
      const transferId = await queueOne(world, 5000n);
      assert.equal((await claimNow(transferId)).outcome, 'claimed');
      return (await attemptsOf(world, transferId))[0]!.reference;
    };
    await remember('the backup');
    await noticeRestore(world.db, undefined, 'cycle', world.clock.now());
    await endStops(world);
    const first = await idOf();

    // The same backup again: epoch and sequence are where they were.
    world.clock.advance(60_000);
    await sql`alter table installation disable trigger installation_only_rises`.execute(world.test.owner);
    await world.test.owner
      .updateTable('installation')
      .set({ database_identity: 'the backup', id_epoch: 0, bank_ids_from: 0n })
      .execute();
    await sql`alter table installation enable trigger installation_only_rises`.execute(world.test.owner);
    await sql`select setval('bank_id_sequence', 1, false)`.execute(world.test.owner);
    await noticeRestore(world.db, undefined, 'cycle', world.clock.now());
    await endStops(world);
    const second = await idOf();
    assert.equal(first.slice(0, 4), 'ST01');
    assert.equal(second.slice(0, 4), 'ST01');
    assert.ok(Number.parseInt(second.slice(4), 36) - Number.parseInt(first.slice(4), 36) >= 60 * 50);
  });

  it('never lets its ids go back, whoever asks', async () => {
    await noticeRestoreOf('another');
    for (const change of [{ id_epoch: 0 }, { bank_ids_from: 0n }])
      await assert.rejects(
        world.test.owner.updateTable('installation').set(change).execute(),
        /bank ids never go back/,
      );
  });

  const noticeRestoreOf = async (identity: string) => {
    await remember(identity);
    assert.equal(await noticeRestore(world.db, undefined, 'cycle', world.clock.now()), true);
  };

  it('keeps the earliest instant that it may have been set back to, when it is restored again before it was resumed', async () => {
    await world.db
      .insertInto('statement_read')
      .values({
        account: PAYOUT,
        covers_from: world.clock.now(),
        covers_to: world.clock.now(),
        began_at: world.clock.now(),
        rows: 0,
        fresh_rows: 0,
        repeated_rows: 0,
        chain: 'whole',
      })
      .execute();
    const known = world.clock.now();
    world.clock.advance(600_000);
    await noticeRestoreOf('one');
    world.clock.advance(600_000);
    await noticeRestoreOf('two');
    const open = await readOpenRestore(world.db);
    assert.deepEqual(open?.knownUntil, known);
    assert.deepEqual(open.noticedAt, world.clock.now());
    assert.equal((await installation()).id_epoch, 2);
    assert.deepEqual(await alarmsOf(world), ['database_restored', 'database_restored']);
  });

  describe('and whose identity does not show it', () => {
    beforeEach(async () => {
      await beginAccount(world, PAYOUT, new Date('2026-03-01T00:00:00+09:00'));
    });
    const seeLeave = async (text: string, direction: 'in' | 'out' = 'out') => {
      await addStatementRow(world, { amount: 7000n, text, direction, booked: false, balanceAfter: 1n });
      return await book(cycleContext(world), PAYOUT);
    };

    it('is noticed by money that left under an id of its own epoch that it never gave out', async () => {
      const transferId = await queueOne(world, 5000n);
      await seeLeave('ST000000009');
      assert.deepEqual(await activeStops(world.db), ['halt_restore']);
      assert.deepEqual(await alarmsOf(world), ['database_restored', 'unknown_reference']);
      assert.equal((await installation()).id_epoch, 1);
      assert.deepEqual((await restores())[0]?.known_until, world.clock.now());
      assert.equal((await claimNow(transferId)).outcome, 'stopped');
      // More of them, while people are at work on it, raise no second epoch.
      await seeLeave('ST00000000A');
      assert.equal((await installation()).id_epoch, 1);
      assert.equal((await alarmsOf(world)).length, 3);
    });

    it('goes beyond a later epoch that it sees', async () => {
      await seeLeave('ST040000009');
      assert.equal((await installation()).id_epoch, 5);
    });

    it('halts for drift when a row of an earlier life shows up after the resume', async () => {
      await noticeRestoreOf('another');
      await endStops(world);
      await seeLeave('ST000000009');
      assert.deepEqual(await activeStops(world.db), ['halt_drift']);
      assert.equal((await installation()).id_epoch, 1);
    });

    it('sees no restore in a text that only looks a little like a reference, nor in what comes in', async () => {
      await seeLeave('STARBUCKS01');
      assert.deepEqual(await activeStops(world.db), ['halt_drift']);
      await endStops(world);
      await seeLeave('ST000000009', 'in');
      assert.deepEqual(await activeStops(world.db), []);
    });

    it('is not blinded by a rule for all that goes out; only one that names the text explains it', async () => {
      const rule = (text: string | null) =>
        world.db
          .insertInto('classification_rule')
          .values({
            account: PAYOUT,
            direction: 'out',
            text_equals: text,
            kind_equals: null,
            ledger_account: 'owner',
            added_by: 'kim',
            added_at: world.clock.now(),
            reason: 'the owner takes it',
            removed_at: null,
          })
          .execute();
      await rule(null);
      await seeLeave('rent');
      assert.deepEqual(await activeStops(world.db), []);
      await rule('ST000000008');
      await seeLeave('ST000000008');
      assert.deepEqual(await activeStops(world.db), []);
      await seeLeave('ST000000009');
      assert.deepEqual(await activeStops(world.db), ['halt_restore']);
    });
  });

  it('plans each order by itself while it is halted, so that what was paid can be told apart', async () => {
    await noticeRestoreOf('another');
    await queueOne(world, 5000n);
    const groupingOf = async () =>
      (
        await world.db
          .transaction()
          .execute(async (trx) => await readSellers(trx, ['seller'], world.clock.now()))
      ).get('seller')?.grouping;
    assert.equal(await groupingOf(), 'order');
    await endStops(world);
    assert.equal(await groupingOf(), 'page');
  });
});
