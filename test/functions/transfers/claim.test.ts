import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import { openMessage } from '../../../functions/bank/bank-message.repository.ts';
import type { Database } from '../../../functions/database.ts';
import { createVault, type DataKeys, type Vault } from '../../../functions/shared/encryption.ts';
import { holdUnsendable } from '../../../functions/transfers/claim.repository.ts';
import { claim, LEASE_MS, type ClaimOutcome } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { handBackUnsent } from '../../../functions/transfers/outcome.repository.ts';
import { raiseStop } from '../../../functions/transfers/stops.repository.ts';
import type { StopName } from '../../../functions/transfers/transfer.table.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addPaidOrder,
  addSeller,
  attemptsOf,
  cycleContext,
  endStops,
  lockWaiters,
  openPayoutWorld,
  PAYOUT,
  plan,
  planOne,
  postingsOf,
  queueOne,
  settleContext,
  stateOf,
  stop,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { race, RACERS, tally } from '../../support/racers.ts';
import { unknownOne } from '../../support/unknown-transfer.ts';
import { until } from '../../support/until.ts';

const OLD_KEY = randomBytes(32).toString('base64');

describe('claiming a transfer', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const claimNow = (transferId: bigint) => claim(settleContext(world), transferId, world.clock.now());

  /** Claims, and hands back as one whose message was surely not written. */
  async function claimAndHandBack(transferId: bigint): Promise<void> {
    const claimed = await claimNow(transferId);
    assert.equal(claimed.outcome, 'claimed');
    const { posted, token } = claimed.claim;
    await world.db.transaction().execute((trx) => handBackUnsent(trx, posted, token, world.clock.now()));
    await dispatch(cycleContext(world));
  }

  const nameOfClaim = (claimed: ClaimOutcome) =>
    claimed.outcome === 'not_claimable' ? `not_claimable: ${claimed.state}` : claimed.outcome;

  it('commits token, lease, attempt, held amount and stored message together', async () => {
    const transferId = await queueOne(world, 5000n);
    const claimed = await claimNow(transferId);
    assert.equal(claimed.outcome, 'claimed');
    assert.equal(claimed.claim.token, 1n);
    const transfer = await transferOf(world, transferId);
    assert.equal(transfer.state, 'sending');
    assert.equal(transfer.token, 1n);
    assert.equal(transfer.sends, 1);
    assert.deepEqual(transfer.lease_ends_at, new Date(world.clock.now().getTime() + LEASE_MS));
    const [attempt, ...others] = await attemptsOf(world, transferId);
    assert.deepEqual(others, []);
    assert.equal(attempt?.state, 'open');
    assert.equal(attempt.bank_date, '2026-03-02');
    assert.equal(attempt.bank_tran_id, claimed.claim.prepared.bankTranId);
    assert.deepEqual(await postingsOf(world, transferId), ['hold']);
  });

  it('stores the very message that will be sent, before it is sent, and only encrypted', async () => {
    const transferId = await queueOne(world, 5000n);
    const claimed = await claimNow(transferId);
    assert.equal(claimed.outcome, 'claimed');
    const message = await world.db.selectFrom('bank_message').selectAll().executeTakeFirstOrThrow();
    assert.equal(message.part, 'request');
    assert.equal(message.attempt_id, claimed.claim.posted.attemptId);
    assert.deepEqual(openMessage(world.vault, message), {
      request: claimed.claim.prepared.body,
      answer: null,
    });
    assert.equal(world.bank.prepared[0]?.toAccountNumber, '110222333444');
    assert.equal(Buffer.from(message.body_ciphertext).includes('110222333444'), false);
  });

  it('leaves nothing behind when it breaks in the middle', async () => {
    const transferId = await queueOne(world, 5000n);
    const encrypt = () => {
      throw new Error('the function dies');
    };
    const dying = { ...settleContext(world), vault: { ...world.vault, encrypt } };
    await assert.rejects(claim(dying, transferId, world.clock.now()), /the function dies/);
    const transfer = await transferOf(world, transferId);
    assert.equal(transfer.state, 'queued');
    assert.equal(transfer.token, 0n);
    assert.equal(transfer.sends, 0);
    assert.deepEqual(await attemptsOf(world, transferId), []);
    assert.deepEqual(await postingsOf(world, transferId), []);
    assert.deepEqual(await world.db.selectFrom('bank_message').selectAll().execute(), []);
    assert.equal((await claimNow(transferId)).outcome, 'claimed');
  });

  describe('of which no bank message can be built', () => {
    const stateAfterwards = async (transferId: bigint) => {
      const { token, sends, lease_ends_at } = await transferOf(world, transferId);
      return { state: await stateOf(world, transferId), token, sends, lease_ends_at };
    };
    const held = { state: 'held(unsendable)', token: 0n, sends: 0, lease_ends_at: null };

    it('holds the transfer for a person, with an alarm that says why, and tries it no second time', async () => {
      const transferId = await queueOne(world, 5000n);
      world.bank.failsToPrepare = new Error('a field does not fit');
      assert.deepEqual(await claimNow(transferId), {
        outcome: 'unsendable',
        reason: 'Error: a field does not fit',
      });
      assert.deepEqual(await stateAfterwards(transferId), held);
      assert.deepEqual(await attemptsOf(world, transferId), []);
      assert.deepEqual(await postingsOf(world, transferId), []);
      const alarms = await world.db.selectFrom('alarm').select(['name', 'detail']).execute();
      assert.deepEqual(alarms, [
        {
          name: 'transfer_unsendable',
          detail: { transferId: transferId.toString(), reason: 'Error: a field does not fit' },
        },
      ]);
      assert.deepEqual(await claimNow(transferId), { outcome: 'not_claimable', state: 'held' });
      assert.equal((await world.db.selectFrom('alarm').selectAll().execute()).length, 1);
    });

    /** The vault of a function that has read the data keys before the world's current one was among them. */
    const olderVault = (fresh: () => Promise<DataKeys>): Vault =>
      createVault({ ...world.dataKeys, current: 'key-0', keys: { 'key-0': OLD_KEY } }, fresh);

    it('reads the data keys again when its account number is under a newer one, and then claims it', async () => {
      const transferId = await queueOne(world, 5000n);
      let reads = 0;
      const vault = olderVault(() => Promise.resolve((reads++, world.dataKeys)));
      const older = { ...settleContext(world), vault };
      assert.equal((await claim(older, transferId, world.clock.now())).outcome, 'claimed');
      assert.equal(reads, 1);
      assert.equal((await attemptsOf(world, transferId)).length, 1);
    });

    it('holds it, too, when the key of its account number is not among the data keys', async () => {
      const transferId = await queueOne(world, 5000n);
      const keyless = {
        ...settleContext(world),
        vault: olderVault(() =>
          Promise.resolve({ ...world.dataKeys, current: 'key-0', keys: { 'key-0': OLD_KEY } }),
        ),
      };
      assert.deepEqual(await claim(keyless, transferId, world.clock.now()), {
        outcome: 'unsendable',
        reason: 'UnknownDataKey: data key key-1 is not in the secret; put it back until no row names it',
      });
      assert.deepEqual(await stateAfterwards(transferId), held);
    });

    it('leaves it queued while the data keys cannot be read again', async () => {
      const transferId = await queueOne(world, 5000n);
      const vault = olderVault(() => Promise.reject(new Error('no Secrets Manager')));
      const cutOff = { ...settleContext(world), vault };
      await assert.rejects(claim(cutOff, transferId, world.clock.now()), /no Secrets Manager/);
      assert.equal(await stateOf(world, transferId), 'queued');
    });

    it('holds nothing back of the others', async () => {
      const first = await queueOne(world, 5000n);
      const second = await queueOne(world, 6000n);
      world.bank.failsToPrepare = new Error('a field does not fit');
      await claimNow(first);
      world.bank.failsToPrepare = undefined;
      assert.equal((await claimNow(second)).outcome, 'claimed');
    });
  });

  it('is won by exactly one of 100 callers, and 99 find it sending', async () => {
    const transferId = await queueOne(world, 5000n);
    const outcomes = await race(
      world.test,
      async (db) => await claim({ ...settleContext(world), db }, transferId, world.clock.now()),
    );
    const counts = tally(outcomes, nameOfClaim);
    assert.deepEqual(counts, { claimed: 1, 'not_claimable: sending': 99 });
    assert.equal((await transferOf(world, transferId)).token, 1n);
    assert.equal((await attemptsOf(world, transferId)).length, 1);
    assert.deepEqual(await postingsOf(world, transferId), ['hold']);
  });

  it('is refused in every state but queued', async () => {
    const planned = await planOne(world, 5000n);
    assert.deepEqual(await claimNow(planned), { outcome: 'not_claimable', state: 'planned' });
    assert.deepEqual(await claimNow(4711n), { outcome: 'not_claimable', state: 'missing' });
    await world.db.updateTable('transfer').set({ state: 'cancelled' }).execute();
    await world.db.updateTable('transfer_item').set({ live: false }).execute();
    assert.deepEqual(await claimNow(planned), { outcome: 'not_claimable', state: 'cancelled' });
  });

  const stops: StopName[] = [
    'halt_person',
    'halt_drift',
    'pause_funds',
    'pause_limit',
    'pause_maintenance',
    'pause_reconciliation',
  ];
  for (const name of stops) {
    it(`is refused while ${name} stands, and changes nothing`, async () => {
      const transferId = await queueOne(world, 5000n);
      await stop(world, name);
      assert.deepEqual(await claimNow(transferId), { outcome: 'stopped', stops: [name] });
      assert.equal(await stateOf(world, transferId), 'queued');
      assert.equal((await transferOf(world, transferId)).token, 0n);
      await endStops(world);
      assert.equal((await claimNow(transferId)).outcome, 'claimed');
    });
  }

  it('names every stop that stands', async () => {
    const transferId = await queueOne(world, 5000n);
    await stop(world, 'halt_person');
    await stop(world, 'pause_funds');
    const outcome = await claimNow(transferId);
    assert.equal(outcome.outcome, 'stopped');
    assert.deepEqual([...outcome.stops].sort(), ['halt_person', 'pause_funds']);
  });

  it('that is under way holds up a halt: none is made after the halt has committed', async () => {
    const transferId = await queueOne(world, 5000n);
    const locked = Promise.withResolvers<undefined>();
    const released = Promise.withResolvers<undefined>();
    // Somebody holds the transfer's row, so that the claim stands still in the middle, after it has looked at the stops.
    const holder = world.test.owner.transaction().execute(async (trx) => {
      await trx
        .selectFrom('transfer')
        .select('transfer_id')
        .where('transfer_id', '=', transferId)
        .forUpdate()
        .execute();
      locked.resolve(undefined);
      await released.promise;
    });
    await locked.promise;
    const claiming = claimNow(transferId);
    let halted = false;
    let committedDuringClaim: boolean;
    let halting: Promise<void> | undefined;
    try {
      await until('the claim waits for the row', async () => (await lockWaiters(world)) === 1n);
      halting = stop(world, 'halt_person').then(() => void (halted = true));
      await until('the halt has committed or waits', async () => halted || (await lockWaiters(world)) === 2n);
      committedDuringClaim = halted;
    } finally {
      released.resolve(undefined);
    }
    await Promise.all([holder, halting]);
    assert.equal((await claiming).outcome, 'claimed');
    assert.equal(committedDuringClaim, false, 'the halt waits for the claim');
    const next = await queueAnother(transferId);
    assert.deepEqual(await claimNow(next), { outcome: 'stopped', stops: ['halt_person'] });
  });

  it('is made by none of 100 callers once a halt has committed among them', async () => {
    await addSeller(world, 'seller', { grouping: 'order' });
    const paid = [];
    for (let n = 0; n < RACERS; n += 1) paid.push(await addPaidOrder(world, 'seller', 5000n));
    const transferIds = await plan(world, paid);
    await dispatch(cycleContext(world));
    const claimed = async (db: Kysely<Database>) => {
      const sending = await db
        .selectFrom('transfer')
        .select('transfer_id')
        .where('state', '=', 'sending')
        .execute();
      return sending.length;
    };
    let claimedBeforeTheHalt = -1;
    const outcomes = await race(world.test, async (db, n) => {
      if (n === RACERS / 2) {
        await world.test.owner.transaction().execute(async (trx) => {
          await raiseStop(trx, { name: 'halt_person', reason: 'stop', by: 'kim', at: world.clock.now() });
          // The halt holds its row now: every claim that looked at it before has committed.
          claimedBeforeTheHalt = await claimed(trx);
        });
      }
      return await claim({ ...settleContext(world), db }, transferIds[n]!, world.clock.now());
    });
    const counts = tally(outcomes, nameOfClaim);
    assert.equal(await claimed(world.db), claimedBeforeTheHalt);
    assert.equal(counts['claimed'] ?? 0, claimedBeforeTheHalt);
    assert.equal(counts['stopped'], RACERS - claimedBeforeTheHalt);
  });

  /** Another transfer, queued although payouts are stopped. */
  async function queueAnother(after: bigint): Promise<bigint> {
    const next = await planOne(world, 7000n);
    assert.ok(next > after);
    await world.db
      .updateTable('transfer')
      .set({ state: 'queued', dispatched_at: world.clock.now() })
      .where('transfer_id', '=', next)
      .execute();
    return next;
  }

  it('that meets a halt under way waits for it, and is refused', async () => {
    const transferId = await queueOne(world, 5000n);
    let claiming: Promise<ClaimOutcome> | undefined;
    await world.db.transaction().execute(async (trx) => {
      await raiseStop(trx, { name: 'halt_person', reason: 'wait', by: 'kim', at: world.clock.now() });
      claiming = claimNow(transferId);
      await until('the claim waits for the halt', async () => (await lockWaiters(world)) === 1n);
    });
    assert.deepEqual(await claiming, { outcome: 'stopped', stops: ['halt_person'] });
  });

  it('opens the same attempt, under the same id, on the bank date on which it was proven absent', async () => {
    world.clock.set('2026-03-02T23:59:00+09:00');
    const transferId = await queueOne(world, 5000n);
    await claimAndHandBack(transferId);
    const [before] = await attemptsOf(world, transferId);
    assert.equal(before?.state, 'absent');
    world.clock.set('2026-03-02T23:59:59+09:00');
    const claimed = await claimNow(transferId);
    assert.equal(claimed.outcome, 'claimed');
    const [attempt, ...others] = await attemptsOf(world, transferId);
    assert.deepEqual(others, []);
    assert.equal(claimed.claim.prepared.bankTranId, before.bank_tran_id);
    assert.equal(attempt?.state, 'open');
    assert.equal(attempt.token, 2n);
    assert.deepEqual(attempt.sent_at, world.clock.now());
    assert.deepEqual(attempt.lease_ends_at, new Date(world.clock.now().getTime() + LEASE_MS));
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void', 'hold']);
  });

  it('opens a new attempt, under a new id, on a later date in Korea', async () => {
    world.clock.set('2026-03-02T23:59:59+09:00');
    const transferId = await queueOne(world, 5000n);
    await claimAndHandBack(transferId);
    world.clock.set('2026-03-03T00:00:00+09:00');
    assert.equal((await claimNow(transferId)).outcome, 'claimed');
    const [first, second, ...others] = await attemptsOf(world, transferId);
    assert.deepEqual(others, []);
    assert.equal(first?.state, 'absent');
    assert.equal(first.bank_date, '2026-03-02');
    assert.equal(second?.state, 'open');
    assert.equal(second.n, 2);
    assert.equal(second.bank_date, '2026-03-03');
    assert.notEqual(second.bank_tran_id, first.bank_tran_id);
    assert.notEqual(second.reference, first.reference);
  });

  it('opens its third attempt after its second, whatever attempts others have', async () => {
    world.clock.set('2026-03-02T12:00:00+09:00');
    const transferId = await queueOne(world, 5000n);
    await claimAndHandBack(transferId);
    world.clock.set('2026-03-03T12:00:00+09:00');
    await claimAndHandBack(transferId);
    const other = await queueOne(world, 6000n);
    await claimAndHandBack(other);
    const before = await attemptsOf(world, other);
    // On the second's own date the second is sent again; the first, and the other transfer's, stay as they are.
    assert.equal((await claimNow(transferId)).outcome, 'claimed');
    assert.deepEqual(
      (await attemptsOf(world, transferId)).map(({ n, bank_date, state }) => ({ n, bank_date, state })),
      [
        { n: 1, bank_date: '2026-03-02', state: 'absent' },
        { n: 2, bank_date: '2026-03-03', state: 'open' },
      ],
    );
    assert.deepEqual(await attemptsOf(world, other), before);
    // And a transfer that was never sent begins with its first.
    const third = await queueOne(world, 7000n);
    assert.equal((await claimNow(third)).outcome, 'claimed');
    assert.deepEqual(
      (await attemptsOf(world, third)).map(({ n, state }) => ({ n, state })),
      [{ n: 1, state: 'open' }],
    );
    assert.equal((await attemptsOf(world, transferId)).at(-1)?.state, 'open');
  });

  it('opens a new attempt when payouts leave another account by now, whose statement will show it', async () => {
    const transferId = await queueOne(world, 5000n);
    await claimAndHandBack(transferId);
    const context = { ...settleContext(world), payoutAccount: 'another-account' };
    assert.equal((await claim(context, transferId, world.clock.now())).outcome, 'claimed');
    const [first, second] = await attemptsOf(world, transferId);
    assert.deepEqual([first?.account, second?.account], [PAYOUT, 'another-account']);
    assert.notEqual(second?.bank_tran_id, first?.bank_tran_id);
  });

  for (const state of ['open', 'succeeded'] as const) {
    it(`is impossible beside an attempt that is ${state}: the database refuses a second unproven one`, async () => {
      const transferId = await queueOne(world, 5000n);
      await sql`
        insert into transfer_attempt (transfer_id, n, bank_tran_id, reference, account, bank_date, amount, token, sent_at, lease_ends_at, state)
        values (${transferId}, 1, 'T123456789UZZZZZZZZZ', 'STZZZZZZZZZ', ${PAYOUT}, '2026-03-02', 5000, 0, now(), now(), ${state})`.execute(
        world.db,
      );
      await assert.rejects(claimNow(transferId), { constraint: 'transfer_attempt_one_unproven' });
      assert.equal(await stateOf(world, transferId), 'queued');
    });
  }

  it('never gives two attempts the same id, also after a restore raised the epoch', async () => {
    const first = await queueOne(world, 5000n);
    await claimNow(first);
    await world.test.owner.updateTable('installation').set({ id_epoch: 1 }).execute();
    await sql`select setval('bank_id_sequence', 1, false)`.execute(world.test.owner);
    const second = await queueOne(world, 6000n);
    await claimNow(second);
    const references = await world.db
      .selectFrom('transfer_attempt')
      .select('reference')
      .orderBy('attempt_id')
      .execute();
    assert.deepEqual(
      references.map((row) => row.reference),
      ['ST000000001', 'ST010000001'],
    );
  });
});

describe('holding a transfer of which no message can be built', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(() => world.close());

  it('leaves one alone that another worker has sent meanwhile: it is in doubt, and must not look as if it was not', async () => {
    const transferId = await unknownOne(world, 5000n);
    const held = await world.db.transaction().execute(async (trx) => await holdUnsendable(trx, transferId));
    assert.equal(held, false);
    assert.equal(await stateOf(world, transferId), 'unknown');
  });
});
