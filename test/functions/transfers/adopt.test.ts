import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { book } from '../../../functions/deposits/book.step.ts';
import { readBalances } from '../../../functions/ledger/ledger.repository.ts';
import { adopt, explainAsLost, listUnexplained } from '../../../functions/transfers/adopt.step.ts';
import { approveTransfer } from '../../../functions/transfers/approve.step.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { noticeRestore } from '../../../functions/transfers/restore.repository.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addSeller,
  addStatementRow,
  approveAccount,
  attemptsOf,
  beginAccount,
  cycleContext,
  evidenceOf,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  planOne,
  postingsOf,
  queueOne,
  refundOne,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { unknownOne } from '../../support/unknown-transfer.ts';

describe('explaining what a database has forgotten', () => {
  let world: PayoutWorld;
  let references = 0;
  beforeEach(async () => {
    world = await openPayoutWorld();
    await world.test.owner.updateTable('installation').set({ database_identity: 'another' }).execute();
    await noticeRestore(world.db, undefined, 'cycle', world.clock.now());
    await beginAccount(world, PAYOUT, new Date('2026-03-01T00:00:00+09:00'));
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  /** Money leaves under a reference that nobody here knows, five minutes later. */
  async function leaves(amount: bigint, text?: string): Promise<bigint> {
    references += 1;
    world.clock.advance(5 * MINUTE_MS);
    const said = text ?? `ST0000000${references.toString().padStart(2, '0')}`;
    const rowId = await addStatementRow(world, { amount, text: said, booked: false, balanceAfter: 1n });
    await book(cycleContext(world), PAYOUT);
    return rowId;
  }

  const as = (name: string) => actingAs(name, world.clock.now());
  const paid = (name: string, rowId: bigint, ...transferIds: bigint[]) =>
    adopt(world.db, as(name), { rowId, transferIds });
  const lost = (name: string, rowId: bigint, ...notPaid: bigint[]) =>
    explainAsLost(world.db, as(name), { rowId, notPaid });
  async function bothSay(rowId: bigint, ...transferIds: bigint[]) {
    const asked = await paid('kim', rowId, ...transferIds);
    assert.equal(
      asked.outcome === 'done' && asked.result.outcome,
      'requested',
      JSON.stringify(asked.outcome),
    );
    return await paid('lee', rowId, ...transferIds);
  }
  async function isRefused(code: string, outcome: Promise<Awaited<ReturnType<typeof adopt>>>) {
    const refused = await outcome;
    assert.equal(refused.outcome, 'refused');
    assert.equal(refused.code, code, refused.message);
  }
  const suspense = async () => (await readBalances(world.db, ['suspense'])).get('suspense') ?? 0n;
  const readThrough = async () =>
    await world.db.updateTable('collect_cursor').set({ read_through: world.clock.now() }).execute();

  it('pays a transfer by the very attempt that the statement shows, once two people say so', async () => {
    const transferId = await planOne(world, 5000n);
    const rowId = await leaves(5000n);
    assert.equal(await suspense(), -5000n);
    const said = await bothSay(rowId, transferId);
    assert.deepEqual(said, {
      outcome: 'done',
      result: { outcome: 'explained', approvedRequestOf: 'kim', transferId },
    });
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post', 'correction']);
    assert.deepEqual(await evidenceOf(world, transferId), ['person:succeeded']);
    const [attempt] = await attemptsOf(world, transferId);
    assert.match(attempt!.reference, /^ST0000000/);
    assert.equal(attempt!.state, 'succeeded');
    assert.equal(attempt!.bank_date, '2026-03-02');
    assert.equal(await suspense(), 0n);
    assert.deepEqual(await listUnexplained(world.db), []);
    const audit = await world.db
      .selectFrom('audit')
      .select(['actor', 'action'])
      .orderBy('audit_id')
      .execute();
    assert.deepEqual(audit, [
      { actor: 'kim', action: 'payouts explain: asked' },
      { actor: 'lee', action: 'payouts explain' },
    ]);
    await isRefused('already_explained', paid('park', rowId, transferId));
  });

  it('is not done by one person, however often, nor by two who mean different transfers', async () => {
    const one = await planOne(world, 5000n);
    const other = await planOne(world, 5000n);
    const rowId = await leaves(5000n);
    await paid('kim', rowId, one);
    await isRefused('needs_second_person', paid('kim', rowId, one));
    await isRefused('asked_otherwise', paid('lee', rowId, other));
    await readThrough();
    await isRefused('asked_otherwise', lost('lee', rowId, one, other));
    assert.equal(await stateOf(world, one), 'planned');
    assert.equal(await suspense(), -5000n);
  });

  it('makes one transfer of those of a seller that went out together', async () => {
    const one = await planOne(world, 3000n);
    const two = await queueOne(world, 4000n);
    const rowId = await leaves(7000n);
    const said = await bothSay(rowId, two, one);
    assert.equal(said.outcome, 'done');
    assert.equal(await stateOf(world, one), 'cancelled');
    assert.equal(await stateOf(world, two), 'cancelled');
    const joined = said.result.outcome === 'explained' ? said.result.transferId! : 0n;
    const transfer = await transferOf(world, joined);
    assert.equal(transfer.state, 'succeeded');
    assert.equal(transfer.amount, 7000n);
    const { rows } = await sql<{ orders: bigint }>`
      select count(*) as orders from transfer_item where transfer_id = ${joined} and live`.execute(world.db);
    assert.equal(rows[0]?.orders, 2n);
  });

  it('ends the doubt about an attempt of which the forgotten life knew that it was absent', async () => {
    await world.db.updateTable('payout_stop').set({ active: false }).execute();
    const transferId = await unknownOne(world, 5000n);
    const rowId = await leaves(5000n);
    assert.equal((await bothSay(rowId, transferId)).outcome, 'done');
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.deepEqual(
      (await attemptsOf(world, transferId)).map((attempt) => attempt.state),
      ['absent', 'succeeded'],
    );
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void', 'hold', 'post', 'correction']);
  });

  it('refuses a transfer that the row cannot have paid, and changes nothing', async () => {
    const transferId = await planOne(world, 5000n);
    await addSeller(world, 'other');
    const others = await planOne(world, 2000n, 'other');
    const cancelled = await planOne(world, 5000n);
    await world.db
      .updateTable('transfer')
      .set({ state: 'cancelled' })
      .where('transfer_id', '=', cancelled)
      .execute();
    await world.db
      .updateTable('transfer_item')
      .set({ live: false })
      .where('transfer_id', '=', cancelled)
      .execute();
    const rowId = await leaves(5000n);
    world.clock.advance(MINUTE_MS);
    const later = await planOne(world, 7000n);
    const bigger = await leaves(7000n);
    const nobodys = await leaves(5000n, 'rent');
    await isRefused('not_found', paid('kim', 999n, transferId));
    await isRefused('not_found', paid('kim', rowId, 999n));
    await isRefused('not_found', paid('kim', rowId));
    await isRefused('not_payable', paid('kim', rowId, cancelled));
    await isRefused('other_amount', paid('kim', rowId, others));
    await isRefused('several_sellers', paid('kim', bigger, transferId, others));
    await isRefused('no_reference', paid('kim', nobodys, transferId));
    await isRefused('deposited_later', paid('kim', rowId, later));
    assert.deepEqual(await world.db.selectFrom('approval').selectAll().execute(), []);
    assert.equal(await suspense(), -17_000n);
  });

  it('refuses a row whose money has come back: its transfer is still to be paid', async () => {
    const transferId = await planOne(world, 5000n);
    const rowId = await leaves(5000n, 'ST0000000ZZ');
    await addStatementRow(world, { amount: 5000n, text: 'st0000000zz', direction: 'in' });
    await isRefused('came_back', paid('kim', rowId, transferId));
  });

  it('refuses to give up a row while transfers fit that nobody has ruled out', async () => {
    const one = await planOne(world, 5000n);
    await addSeller(world, 'other');
    const other = await planOne(world, 5000n, 'other');
    const rowId = await leaves(5000n);
    await readThrough();
    await isRefused('transfers_fit', lost('kim', rowId));
    await isRefused('transfers_fit', lost('kim', rowId, one));
    assert.equal((await lost('kim', rowId, other, one)).outcome, 'done');
    assert.equal((await lost('lee', rowId, one, other)).outcome, 'done');
    assert.deepEqual(await listUnexplained(world.db), []);
    assert.equal(await suspense(), -5000n, 'the amount stays in suspense');
    assert.equal(await stateOf(world, one), 'planned');
    await isRefused('already_explained', lost('park', rowId));
  });

  it('refuses to give up a row before the statement is read and booked up to the halt', async () => {
    const rowId = await leaves(5000n);
    await isRefused('not_read_yet', lost('kim', rowId));
    await readThrough();
    await addStatementRow(world, { amount: 5000n, direction: 'in', booked: false });
    await isRefused('not_read_yet', lost('kim', rowId));
  });

  it('lets a row be adopted that was given up, when its order turns up again', async () => {
    const rowId = await leaves(5000n);
    await readThrough();
    await lost('kim', rowId);
    await lost('lee', rowId);
    world.clock.advance(-10 * MINUTE_MS);
    const transferId = await planOne(world, 5000n);
    assert.equal(
      await stateOf(world, transferId),
      'held(restore)',
      'it is not paid before people have looked',
    );
    world.clock.advance(11 * MINUTE_MS);
    const later = await planOne(world, 5000n);
    assert.equal(await stateOf(world, later), 'planned', 'what was deposited after the row cannot be meant');
    assert.equal((await bothSay(rowId, transferId)).outcome, 'done');
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.equal(await suspense(), 0n);
  });

  describe('holds what fits a row that was given up', () => {
    let rowId: bigint;
    beforeEach(async () => {
      rowId = await leaves(5000n);
      await readThrough();
      await lost('kim', rowId);
      await lost('lee', rowId);
      world.clock.advance(-10 * MINUTE_MS);
    });

    const releaseNow = async () => await release(cycleContext(world), true);
    const approve = async (transferId: bigint) => {
      await approveTransfer(world.db, as('kim'), transferId);
      return await approveTransfer(world.db, as('lee'), transferId);
    };

    it('once its seller has an approved account again, until two people have looked', async () => {
      await addSeller(world, 'seller', { accountNumber: undefined });
      const transferId = await planOne(world, 5000n);
      assert.equal(await stateOf(world, transferId), 'held(approval)');
      await approveAccount(world, 'seller', '110222333444');
      await releaseNow();
      assert.equal(await stateOf(world, transferId), 'held(restore)');
      assert.equal((await approve(transferId)).outcome, 'done');
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('once its seller owes nothing any more', async () => {
      await addSeller(world, 'seller', { mayOwe: true });
      const transferId = await planOne(world, 5000n);
      assert.equal(await stateOf(world, transferId), 'held(seller_debt)');
      await releaseNow();
      assert.equal(await stateOf(world, transferId), 'held(restore)');
    });

    it('also when two people have let it go over a limit', async () => {
      await addSeller(world, 'seller', { transferLimit: 1000n });
      const transferId = await planOne(world, 5000n);
      assert.equal(await stateOf(world, transferId), 'held(limit)');
      assert.equal((await approve(transferId)).outcome, 'done');
      assert.equal(await stateOf(world, transferId), 'held(restore)');
      assert.equal((await approve(transferId)).outcome, 'done');
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('also when it is a refund', async () => {
      const transferId = await refundOne(world, 5000n);
      assert.equal(await stateOf(world, transferId), 'held(restore)');
      assert.equal((await bothSay(rowId, transferId)).outcome, 'done');
      assert.equal(await stateOf(world, transferId), 'succeeded');
    });

    it('and nothing that was deposited after the row, nor of another amount', async () => {
      assert.equal(await stateOf(world, await planOne(world, 4999n)), 'planned');
      assert.equal(await stateOf(world, await refundOne(world, 5001n)), 'planned');
      world.clock.advance(11 * MINUTE_MS);
      assert.equal(await stateOf(world, await planOne(world, 5000n)), 'planned');
      assert.equal(await stateOf(world, await refundOne(world, 5000n)), 'planned');
    });
  });
});
