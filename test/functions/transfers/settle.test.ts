import assert from 'node:assert/strict';
import { openMessage } from '../../../functions/bank/bank-message.repository.ts';
import type { Database } from '../../../functions/database.ts';
import type { Trx } from '../../../functions/shared/postgres.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import { resolveUnknown } from '../../../functions/transfers/resolve.step.ts';
import { settle, type SettleOutcome } from '../../../functions/transfers/settle.step.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  alarmsOf,
  attemptsOf,
  cycleContext,
  endStops,
  evidenceOf,
  MINUTE_MS,
  openPayoutWorld,
  postingsOf,
  queueOne,
  settleContext,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { race, tally } from '../../support/racers.ts';
import {
  executes,
  executesAndTimesOut,
  isNotReached,
  refuses,
  timesOut,
} from '../../support/scripted-bank.ts';

describe('settling a transfer', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const settleNow = (transferId: bigint) => settle(settleContext(world), transferId);
  const stops = async () => {
    const rows = await world.db.selectFrom('payout_stop').selectAll().where('active', '=', true).execute();
    return rows.map((row) => row.name);
  };

  it('pays, and books the payment', async () => {
    const transferId = await queueOne(world, 5000n);
    assert.deepEqual(await settleNow(transferId), { outcome: 'succeeded', code: 'A0000' });
    const transfer = await transferOf(world, transferId);
    assert.equal(transfer.state, 'succeeded');
    assert.deepEqual(transfer.settled_at, world.clock.now());
    const [attempt] = await attemptsOf(world, transferId);
    assert.equal(attempt?.state, 'succeeded');
    assert.equal(attempt.answered_bank_date, '2026-03-02');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
    assert.deepEqual(await evidenceOf(world, transferId), ['send:succeeded']);
    assert.equal(world.bank.executed[0]?.amount, 5000n);
    assert.equal(world.bank.executed[0].toAccountNumber, '110222333444');
  });

  it('tells of a claim before the bank hears of it, by the id under which the statement will show it', async () => {
    const transferId = await queueOne(world, 5000n);
    const told: unknown[] = [];
    const onClaimed = (claimed: unknown) => void told.push(claimed, world.bank.sent.length);
    await settle({ ...settleContext(world), onClaimed }, transferId);
    const [attempt] = await attemptsOf(world, transferId);
    const claimed = {
      transferId: transferId.toString(),
      sellerId: 'seller',
      bankTranId: attempt!.bank_tran_id,
    };
    assert.deepEqual(told, [claimed, 0]);
  });

  it('keeps request and answer, encrypted, as messages of the attempt', async () => {
    const transferId = await queueOne(world, 5000n);
    await settleNow(transferId);
    const messages = await world.db.selectFrom('bank_message').selectAll().orderBy('message_id').execute();
    const [attempt] = await attemptsOf(world, transferId);
    assert.deepEqual(
      messages.map((message) => [message.part, message.attempt_id]),
      [
        ['request', attempt?.attempt_id],
        ['answer', attempt?.attempt_id],
      ],
    );
    assert.deepEqual(openMessage(world.vault, messages[1]!), {
      request: world.bank.sent[0]?.body,
      answer: '{}',
    });
    const evidence = await world.db
      .selectFrom('attempt_evidence')
      .select('message_id')
      .executeTakeFirstOrThrow();
    assert.equal(evidence.message_id, messages[1]?.message_id);
  });

  it('calls the bank only when the claim has committed, and inside no transaction', async () => {
    const transferId = await queueOne(world, 5000n);
    const seen: string[] = [];
    world.bank.sends.push(async (sent) => {
      seen.push(await stateOf(world, transferId));
      const open = await world.test.owner
        .selectFrom('pg_stat_activity' as never)
        .select((eb) => eb.fn.countAll<bigint>().as('count'))
        .where('datname' as never, '=', world.test.address.database as never)
        .where('state' as never, 'like', 'idle in transaction%' as never)
        .executeTakeFirstOrThrow();
      seen.push(`${open.count.toString()} open transactions`);
      return executes(sent);
    });
    await settleNow(transferId);
    assert.deepEqual(seen, ['sending', '0 open transactions']);
  });

  it('sends once, however often its message comes', async () => {
    const transferId = await queueOne(world, 5000n);
    await settleNow(transferId);
    assert.deepEqual(await settleNow(transferId), { outcome: 'not_claimable', state: 'succeeded' });
    assert.equal(world.bank.executed.length, 1);
  });

  it('sends once when 100 workers get its message at the same time, and 99 find it claimed', async () => {
    const transferId = await queueOne(world, 5000n);
    const outcomes = await race(
      world.test,
      async (db) => await settle({ ...settleContext(world), db }, transferId),
    );
    const { succeeded, not_claimable } = tally(outcomes, ({ outcome }) => outcome);
    assert.deepEqual({ succeeded, not_claimable }, { succeeded: 1, not_claimable: 99 });
    assert.equal(world.bank.sent.length, 1);
    assert.equal(await stateOf(world, transferId), 'succeeded');
  });

  for (const cause of ['payee', 'rejected'] as const) {
    it(`leaves a failure for ${cause} unknown, with what was answered, and sends it no second time`, async () => {
      const transferId = await queueOne(world, 5000n);
      world.bank.sends.push(refuses(cause));
      assert.deepEqual(await settleNow(transferId), { outcome: 'unknown', code: `A-${cause}` });
      assert.equal(await stateOf(world, transferId), 'unknown');
      assert.deepEqual(await evidenceOf(world, transferId), ['send:failed']);
      assert.deepEqual(await stops(), []);
      world.clock.advance(60 * MINUTE_MS);
      await dispatch(cycleContext(world));
      assert.deepEqual(await settleNow(transferId), { outcome: 'not_claimable', state: 'unknown' });
      assert.equal(world.bank.sent.length, 1);
    });
  }

  const inTenMinutes = () => new Date(world.clock.now().getTime() + 10 * MINUTE_MS);
  for (const [cause, name, retryAt] of [
    ['funds', 'pause_funds', inTenMinutes],
    ['maintenance', 'pause_maintenance', inTenMinutes],
    ['limit', 'pause_limit', () => new Date('2026-03-03T00:00:00+09:00')],
  ] as const) {
    it(`pauses payouts when the bank refuses for ${cause}, and says when to look again`, async () => {
      const transferId = await queueOne(world, 5000n);
      const other = await queueOne(world, 6000n);
      world.bank.sends.push(refuses(cause));
      await settleNow(transferId);
      assert.equal(await stateOf(world, transferId), 'unknown');
      assert.deepEqual(await settleNow(other), { outcome: 'stopped', stops: [name] });
      const raised = await world.db
        .selectFrom('payout_stop')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      assert.deepEqual(raised.retry_at, retryAt());
      assert.deepEqual(await alarmsOf(world), ['payouts_paused']);
      assert.equal(raised.changed_by, 'system');
      assert.match(raised.reason, new RegExp(`A-${cause}`));
    });
  }

  it('keeps the first reason and time of a pause that stands', async () => {
    const first = await queueOne(world, 5000n);
    const second = await queueOne(world, 6000n);
    const began = world.clock.now();
    // Both are claimed before either is refused.
    world.bank.sends.push(async () => {
      await settleNow(second);
      world.clock.advance(1000);
      return { outcome: 'failed', cause: 'funds', code: 'second' };
    }, refuses('funds'));
    await settleNow(first);
    const raised = await world.db
      .selectFrom('payout_stop')
      .selectAll()
      .where('name', '=', 'pause_funds')
      .executeTakeFirstOrThrow();
    assert.match(raised.reason, /A-funds/);
    assert.deepEqual(raised.changed_at, began);
    assert.deepEqual(await alarmsOf(world), ['payouts_paused'], 'one alarm for one pause');
  });

  it('leaves an ambiguous answer unknown, whether the bank has executed or not', async () => {
    const paid = await queueOne(world, 5000n);
    const notPaid = await queueOne(world, 6000n);
    world.bank.sends.push(executesAndTimesOut, timesOut);
    assert.deepEqual(await settleNow(paid), { outcome: 'unknown', code: 'timeout' });
    assert.deepEqual(await settleNow(notPaid), { outcome: 'unknown', code: 'timeout' });
    assert.deepEqual([await stateOf(world, paid), await stateOf(world, notPaid)], ['unknown', 'unknown']);
    assert.deepEqual(await postingsOf(world, paid), ['hold']);
    assert.equal((await transferOf(world, paid)).lease_ends_at, null);
  });

  it('hands back what was surely not sent, and sends it under the same id the same day', async () => {
    const transferId = await queueOne(world, 5000n);
    world.bank.sends.push(isNotReached);
    assert.deepEqual(await settleNow(transferId), { outcome: 'handed_back', code: 'ECONNREFUSED' });
    assert.equal(await stateOf(world, transferId), 'planned');
    assert.equal((await transferOf(world, transferId)).sends, 0);
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
    await dispatch(cycleContext(world));
    assert.equal((await settleNow(transferId)).outcome, 'succeeded');
    const [first, second] = world.bank.sent;
    assert.equal(second?.bankTranId, first?.bankTranId);
    assert.equal((await attemptsOf(world, transferId)).length, 1);
  });

  it('acknowledges a message of which nothing can be sent, and holds its transfer', async () => {
    const transferId = await queueOne(world, 5000n);
    world.bank.failsToPrepare = new Error('a field does not fit');
    assert.equal((await settleNow(transferId)).outcome, 'unsendable');
    assert.equal(await stateOf(world, transferId), 'held(unsendable)');
    assert.deepEqual(world.bank.sent, []);
  });

  describe('when the connection is lost while the outcome is recorded', () => {
    /** A database whose transactions, counted from 1, end as `breaks` says: the connection is gone before or after the commit. */
    function breakingDb(breaks: (transaction: number) => 'before' | 'after' | undefined, code = '57P01') {
      let count = 0;
      const execute = async <T>(work: (trx: Trx<Database>) => Promise<T>): Promise<T> => {
        count += 1;
        const breaksNow = breaks(count);
        const done = await world.db.transaction().execute(async (trx) => {
          const result = await work(trx);
          if (breaksNow === 'before') throw Object.assign(new Error('the server ends us'), { code });
          return result;
        });
        if (breaksNow === 'after') throw new Error('Connection terminated unexpectedly');
        return done;
      };
      const db = { transaction: () => ({ execute }) } as unknown as PayoutWorld['db'];
      return { db, transactions: () => count };
    }

    for (const when of ['before', 'after'] as const) {
      it(`records it once more, and once in effect, when that was ${when} the commit`, async () => {
        const transferId = await queueOne(world, 5000n);
        const { db } = breakingDb((transaction) => (transaction === 2 ? when : undefined));
        const outcome = await settle({ ...settleContext(world), db }, transferId);
        assert.equal(outcome.outcome, when === 'before' ? 'succeeded' : 'late');
        assert.equal(await stateOf(world, transferId), 'succeeded');
        assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
        assert.equal(world.bank.sent.length, 1);
        assert.deepEqual(await stops(), []);
      });
    }

    for (const [code, why] of [
      ['40P01', 'made to give way to somebody else'],
      ['55P03', 'kept waiting too long for a lock'],
    ] as const) {
      it(`records it once more, too, when it was ${why}: what the bank has answered is never dropped`, async () => {
        const transferId = await queueOne(world, 5000n);
        const { db } = breakingDb((transaction) => (transaction === 2 ? 'before' : undefined), code);
        assert.equal((await settle({ ...settleContext(world), db }, transferId)).outcome, 'succeeded');
        assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
      });
    }

    it('hands back once what was not sent', async () => {
      const transferId = await queueOne(world, 5000n);
      world.bank.sends.push(isNotReached);
      const { db } = breakingDb((transaction) => (transaction === 2 ? 'after' : undefined));
      await settle({ ...settleContext(world), db }, transferId);
      const { state, sends } = await transferOf(world, transferId);
      assert.deepEqual([state, sends], ['planned', 0]);
      assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
    });

    it('throws at once what is no fault of the connection', async () => {
      const transferId = await queueOne(world, 5000n);
      let journalled = 0;
      const encrypt: typeof world.vault.encrypt = (purpose, value) => {
        journalled += 1;
        if (journalled > 1) throw new Error('a mistake in the record');
        return world.vault.encrypt(purpose, value);
      };
      const context = { ...settleContext(world), vault: { ...world.vault, encrypt } };
      await assert.rejects(settle(context, transferId), /a mistake in the record/);
      assert.equal(journalled, 2);
    });

    it('throws when it is lost twice', async () => {
      const transferId = await queueOne(world, 5000n);
      const { db, transactions } = breakingDb((transaction) => (transaction >= 2 ? 'before' : undefined));
      await assert.rejects(settle({ ...settleContext(world), db }, transferId));
      assert.equal(transactions(), 3);
      assert.equal(await stateOf(world, transferId), 'sending');
    });

    it('throws at once when there is no time left to record it again', async () => {
      const transferId = await queueOne(world, 5000n);
      const { db, transactions } = breakingDb((transaction) => (transaction === 2 ? 'before' : undefined));
      const real = performance.now.bind(performance);
      world.bank.sends.push((sent) => {
        performance.now = () => real() + 35_000;
        return executes(sent);
      });
      try {
        await assert.rejects(settle({ ...settleContext(world), db }, transferId));
      } finally {
        performance.now = real;
      }
      assert.equal(transactions(), 2);
    });
  });

  it('throws when the bank client breaks, and leaves the claim to run out', async () => {
    const transferId = await queueOne(world, 5000n);
    world.bank.sends.push(() => {
      throw new Error('a mistake in the client');
    });
    await assert.rejects(settleNow(transferId), /a mistake in the client/);
    assert.equal(await stateOf(world, transferId), 'sending');
    assert.deepEqual(await settleNow(transferId), { outcome: 'not_claimable', state: 'sending' });
  });

  describe('and the deadline', () => {
    const mayWrite = async (before: () => void): Promise<boolean | undefined> => {
      const transferId = await queueOne(world, 5000n);
      let may: boolean | undefined;
      world.bank.sends.push((sent) => {
        before();
        may = sent.mayStillWrite();
        return may ? executes(sent) : ({ outcome: 'not_sent', cause: 'deadline', code: 'deadline' } as const);
      });
      await settleNow(transferId);
      return may;
    };

    /** Lets the process believe that it has run for so much longer. */
    function laterByTheProcess(ms: number): () => void {
      const real = performance.now.bind(performance);
      performance.now = () => real() + ms;
      return () => void (performance.now = real);
    }

    it('lets a byte be written just before 20 s by the clock, and none at 20 s', async () => {
      assert.equal(await mayWrite(() => world.clock.advance(19_999)), true);
      assert.equal(await mayWrite(() => world.clock.advance(20_000)), false);
    });

    it('lets no byte be written 20 s later by the process, whatever the clock says', async () => {
      let restore = () => undefined as unknown;
      try {
        assert.equal(await mayWrite(() => (restore = laterByTheProcess(20_000))), false);
      } finally {
        restore();
      }
    });

    it('still lets one be written 15 s later by the process', async () => {
      let restore = () => undefined as unknown;
      try {
        assert.equal(await mayWrite(() => (restore = laterByTheProcess(15_000))), true);
      } finally {
        restore();
      }
    });
  });

  describe('when its outcome comes after the lease', () => {
    /** The worker's call lasts so long that a cycle takes the transfer for unknown; meanwhile something may happen. */
    async function settleLate(
      transferId: bigint,
      answer: (typeof world.bank.sends)[number],
      meanwhile: () => Promise<void> = () => Promise.resolve(),
    ): Promise<SettleOutcome> {
      world.bank.sends.push(async (sent) => {
        world.clock.advance(2 * MINUTE_MS);
        await resolveUnknown(cycleContext(world));
        assert.equal(await stateOf(world, transferId), 'unknown');
        await meanwhile();
        return await answer(sent);
      });
      return await settleNow(transferId);
    }

    it('records a success', async () => {
      const transferId = await queueOne(world, 5000n);
      const outcome = await settleLate(transferId, executes);
      assert.deepEqual(outcome, { outcome: 'succeeded', code: 'A0000' });
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.deepEqual(await alarmsOf(world), []);
    });

    it('keeps a failure as evidence, changes nothing and pauses nothing', async () => {
      const transferId = await queueOne(world, 5000n);
      const outcome = await settleLate(transferId, refuses('funds'));
      assert.deepEqual(outcome, { outcome: 'late', known: 'evidence_kept' });
      assert.equal(await stateOf(world, transferId), 'unknown');
      assert.deepEqual(await evidenceOf(world, transferId), ['send:failed']);
      assert.deepEqual(await stops(), []);
    });

    it('keeps "not sent" as evidence, and hands nothing back', async () => {
      const transferId = await queueOne(world, 5000n);
      const outcome = await settleLate(transferId, isNotReached);
      assert.deepEqual(outcome, { outcome: 'late', known: 'evidence_kept' });
      assert.equal(await stateOf(world, transferId), 'unknown');
      assert.deepEqual(await evidenceOf(world, transferId), ['send:not_sent']);
    });

    it('knows the success already when an inquiry has told it', async () => {
      const transferId = await queueOne(world, 5000n);
      const outcome = await settleLate(transferId, executes, async () => {
        world.bank.onInquiry = () => ({ outcome: 'succeeded' });
        await resolveUnknown(cycleContext(world));
      });
      assert.deepEqual(outcome, { outcome: 'late', known: 'already_known' });
      assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
    });
  });

  describe('with a token that is not the latest', () => {
    /** A first worker hangs in its call, is taken for absent, and a second one claims; then the first one's answer comes. */
    async function overtaken(
      transferId: bigint,
      first: (typeof world.bank.sends)[number],
    ): Promise<{ late: SettleOutcome; during: string }> {
      let during = '';
      let late: SettleOutcome | undefined;
      world.bank.sends.push(async (sent) => {
        world.clock.advance(2 * MINUTE_MS);
        await resolveUnknown(cycleContext(world));
        // What only a proof does otherwise; the proofs have tests of their own.
        await world.db.updateTable('transfer').set({ state: 'planned' }).execute();
        await world.db.updateTable('transfer_attempt').set({ state: 'absent' }).execute();
        await voidHold(transferId);
        await dispatch(cycleContext(world));
        world.bank.sends.push(async () => {
          late = await answerOfFirst();
          during = await stateOf(world, transferId);
          return { outcome: 'ambiguous', code: 'timeout' };
        });
        const answered = Promise.withResolvers<undefined>();
        const recorded = Promise.withResolvers<undefined>();
        const answerOfFirst = async () => {
          answered.resolve(undefined);
          await recorded.promise;
          return firstOutcome;
        };
        const second = settleNow(transferId);
        await answered.promise;
        finish = async (outcome) => {
          firstOutcome = outcome;
          recorded.resolve(undefined);
          await second;
        };
        return await first(sent);
      });
      let firstOutcome: SettleOutcome | undefined;
      let finish: (outcome: SettleOutcome) => Promise<void> = () => Promise.resolve();
      const outcome = await settleNow(transferId);
      await finish(outcome);
      assert.deepEqual(late, outcome);
      return { late: outcome, during };
    }

    async function voidHold(transferId: bigint): Promise<void> {
      const [attempt] = await attemptsOf(world, transferId);
      await world.db
        .insertInto('posting')
        .values({
          debit: 'in_transit',
          credit: 'seller:seller',
          amount: 5000n,
          kind: 'void',
          row_id: null,
          order_id: null,
          transfer_id: transferId,
          attempt_id: attempt!.attempt_id,
          at: world.clock.now(),
        })
        .execute();
    }

    for (const [name, answer] of [
      ['failure', refuses('payee')],
      ['timeout', timesOut],
      ['"not sent"', isNotReached],
    ] as const) {
      it(`changes nothing by a ${name}: the later claim stays`, async () => {
        const transferId = await queueOne(world, 5000n);
        const { late, during } = await overtaken(transferId, answer);
        assert.deepEqual(late, { outcome: 'late', known: 'evidence_kept' });
        assert.equal(during, 'sending');
        assert.equal((await transferOf(world, transferId)).token, 2n);
        assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void', 'hold']);
      });
    }

    it('records a success, which is true, and halts payouts, since the later claim may pay once more', async () => {
      const transferId = await queueOne(world, 5000n);
      const { late, during } = await overtaken(transferId, executes);
      assert.deepEqual(late, { outcome: 'late', known: 'halted' });
      assert.equal(during, 'succeeded');
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.deepEqual(await stops(), ['halt_drift']);
      assert.deepEqual(await alarmsOf(world), ['transfer_executed_unexpectedly']);
      await endStops(world);
    });
  });
});
