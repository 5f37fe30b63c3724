import assert from 'node:assert/strict';
import { book } from '../../../functions/deposits/book.step.ts';
import { insertReconciliation } from '../../../functions/ledger/reconcile.repository.ts';
import { adopt } from '../../../functions/transfers/adopt.step.ts';
import { LEASE_MS } from '../../../functions/transfers/claim.step.ts';
import { proofNeededSince } from '../../../functions/transfers/resolve.step.ts';
import { noticeRestore, noticeUnknownReference } from '../../../functions/transfers/restore.repository.ts';
import { readAccountsInUse } from '../../../functions/transfers/resume-blockers.repository.ts';
import { resumeAfterRestore } from '../../../functions/transfers/resume-restore.step.ts';
import { activeStops } from '../../../functions/transfers/stops.repository.ts';
import { actingAs } from '../../support/acting.ts';
import {
  addStatementRow,
  beginAccount,
  cycleContext,
  lockWaiters,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  planOne,
  stateOf,
  stop,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { addRead, addUnexplained } from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

/** From the notice to the moment when a read shows all that was sent before it. */
const QUIET_MS = LEASE_MS + 15 * MINUTE_MS;
const DAY_BEFORE = new Date('2026-03-01T00:00:00+09:00');

/** Nothing stands on one side only. */
const NONE = { count: 0, first: [] };
const NOTHING_ONE_SIDED = {
  missing_withdrawals: NONE,
  shown_not_paid: NONE,
  unexplained_rows: NONE,
  unbooked_rows: NONE,
  booked: '0',
  paid_not_shown: '0',
  shown_not_paid_won: '0',
  unbooked: '0',
  rows_through: '0',
  postings_through: '0',
};

describe('resuming after a restore', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
    await beginAccount(world, PAYOUT, new Date('2026-02-01T00:00:00+09:00'));
    await addRead(world, { from: DAY_BEFORE });
    world.clock.advance(10 * MINUTE_MS);
    await restored();
    world.clock.advance(QUIET_MS);
  });
  afterEach(() => world.close());

  const restored = async () => {
    await world.test.owner.updateTable('installation').set({ database_identity: 'another' }).execute();
    await noticeRestore(world.db, undefined, 'cycle', world.clock.now());
  };
  const reconciled = async (over: { drift?: bigint; complete?: boolean } = {}) =>
    await world.db.transaction().execute(
      async (trx) =>
        await insertReconciliation(trx, {
          cycleToken: 1n,
          account: PAYOUT,
          at: world.clock.now(),
          statementBalance: 0n,
          expectedBalance: 0n,
          drift: 0n,
          unexplainedRows: 0,
          complete: true,
          detail: NOTHING_ONE_SIDED,
          ...over,
        }),
    );
  const resume = (name: string) => resumeAfterRestore(world.db, actingAs(name, world.clock.now()));
  const isBlocked = async (why: RegExp) => {
    const refused = await resume('kim');
    assert.equal(refused.outcome, 'refused');
    assert.equal(refused.code, 'blocked');
    assert.match(refused.message, why);
    assert.equal(refused.message.split('\n').length, 1, `nothing else stands in the way: ${refused.message}`);
    assert.deepEqual(await activeStops(world.db), ['halt_restore']);
  };

  it('takes a complete read, agreeing books, and two people; and it ends this halt alone', async () => {
    await addRead(world, { from: DAY_BEFORE });
    await reconciled();
    await stop(world, 'halt_person');
    const transferId = await planOne(world, 5000n);
    const asked = await resume('kim');
    assert.equal(asked.outcome === 'done' && asked.result.outcome, 'requested');
    const again = await resume('kim');
    assert.equal(again.outcome === 'refused' && again.code, 'needs_second_person');
    assert.deepEqual((await activeStops(world.db)).sort(), ['halt_person', 'halt_restore']);
    const done = await resume('lee');
    assert.deepEqual(done, { outcome: 'done', result: { outcome: 'resumed', approvedRequestOf: 'kim' } });
    assert.deepEqual(await activeStops(world.db), ['halt_person']);
    assert.equal(await stateOf(world, transferId), 'planned');
    const over = await resume('park');
    assert.equal(over.outcome === 'refused' && over.code, 'not_halted');
  });

  it('asks for the statement to be read again from the day before, until it is resumed', async () => {
    assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), '2026-03-01');
    await addRead(world, { from: DAY_BEFORE });
    await reconciled();
    await resume('kim');
    await resume('lee');
    assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), undefined);
  });

  const insufficient = {
    'begins on the day itself': { from: new Date('2026-03-02T00:00:00+09:00') },
    'began too early to show the last that was sent': { beganMs: -1 },
    'ends too early': { toMs: -2000 },
    'has a gap in its balances': { chain: 'broken' },
    'is of another account': { account: 'another' },
  } as const;
  for (const [what, over] of Object.entries(insufficient)) {
    it(`is refused while the read ${what}`, async () => {
      await reconciled();
      const from = (ms: number) => new Date(world.clock.now().getTime() + ms);
      const { beganMs, toMs, ...rest } = { beganMs: undefined, toMs: undefined, ...over };
      await addRead(world, {
        from: DAY_BEFORE,
        ...rest,
        ...(beganMs === undefined ? {} : { beganAt: from(beganMs) }),
        ...(toMs === undefined ? {} : { to: from(toMs) }),
      });
      await world.test.owner.deleteFrom('collect_cursor').where('account', '=', 'another').execute();
      await isBlocked(/account payout-account is not read completely from 2026-03-01 00:00/);
    });
  }

  it('takes a read from the beginning of an account that began later', async () => {
    await world.test.owner
      .updateTable('collect_cursor')
      .set({ begins_at: new Date('2026-03-02T09:00:00+09:00') })
      .execute();
    await reconciled();
    await addRead(world, { from: new Date('2026-03-02T09:00:00+09:00') });
    assert.equal((await resume('kim')).outcome, 'done');
  });

  it('is refused while a row that was read is not booked', async () => {
    await addRead(world, { from: DAY_BEFORE });
    await reconciled();
    await addStatementRow(world, { amount: 1n, booked: false });
    await isBlocked(/is not read completely/);
  });

  it('is refused while books and statement were not compared since, or differ', async () => {
    await addRead(world, { from: DAY_BEFORE });
    await isBlocked(/no complete reconciliation since/);
    await reconciled({ complete: false });
    await isBlocked(/no complete reconciliation since/);
    await reconciled({ drift: -5n });
    await isBlocked(/differs from the books by -5 won/);
  });

  it('is refused while a row is unexplained, and for as long as rows that nobody here knows still come', async () => {
    const transferId = await planOne(world, 5000n);
    const rowId = await addStatementRow(world, { amount: 5000n, text: 'ST000000009', booked: false });
    await book(cycleContext(world), PAYOUT);
    await addRead(world, { from: DAY_BEFORE });
    await reconciled();
    const refused = await resume('kim');
    assert.match(
      refused.outcome === 'refused' ? refused.message : '',
      /1 rows went out and nothing explains/,
    );
    for (const name of ['kim', 'lee'])
      await adopt(world.db, actingAs(name, world.clock.now()), { rowId, transferIds: [transferId] });
    // It left just now: another database is, or was a moment ago, still paying from this account.
    await isBlocked(/is not read completely/);
    world.clock.advance(QUIET_MS);
    await addRead(world, { from: DAY_BEFORE });
    assert.equal((await resume('kim')).outcome, 'done');
  });

  it('waits for a row that is being booked, and sees it', async () => {
    await addRead(world, { from: DAY_BEFORE });
    await reconciled();
    await resume('kim');
    const rowId = await addStatementRow(world, { amount: 5000n, text: 'ST000000009' });
    const at = world.clock.now();
    let resumed: ReturnType<typeof resume> | undefined;
    await world.db.transaction().execute(async (trx) => {
      assert.equal(await noticeUnknownReference(trx, { epoch: 0, occurredAt: at }, at), true);
      resumed = resume('lee');
      await until('the resume waits', async () => (await lockWaiters(world)) === 1n);
      await addUnexplained({ ...world, db: trx }, { rowId, amount: 5000n, at });
    });
    const outcome = await resumed!;
    assert.match(
      outcome.outcome === 'refused' ? outcome.message : '',
      /1 rows went out and nothing explains/,
    );
  });

  it('does not wait for an account that was out of use long before', async () => {
    await beginAccount(world, 'closed-account', new Date('2025-01-01T00:00:00+09:00'));
    const known = { knownUntil: world.clock.now() };
    assert.deepEqual(await readAccountsInUse(world.db, known), ['closed-account', PAYOUT].sort());
    await addRead(world, { account: 'closed-account', beganAt: new Date('2026-02-22T00:00:00+09:00') });
    assert.deepEqual(await readAccountsInUse(world.db, known), [PAYOUT]);
  });
});
