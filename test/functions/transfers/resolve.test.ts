import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { kstMidnight } from '../../../functions/bank/kst.ts';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { keepEvidence, recordSuccess } from '../../../functions/transfers/outcome.repository.ts';
import { proofNeededSince, resolveUnknown } from '../../../functions/transfers/resolve.step.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addStatementRow,
  alarmsOf,
  attemptsOf,
  cycleContext,
  endStops,
  evidenceOf,
  loseLease,
  MINUTE_MS,
  MORNING,
  openPayoutWorld,
  PAYOUT,
  plan,
  postingsOf,
  queueOne,
  settleContext,
  stateOf,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import {
  executes,
  executesAndTimesOut,
  isNotReached,
  refuses,
  timesOut,
} from '../../support/scripted-bank.ts';
import {
  addRead,
  addUnexplained,
  proveAbsence,
  referenceOf,
  resend,
  RIPE_MS,
  sendAndGet,
  unknownOne,
} from '../../support/unknown-transfer.ts';

const later = (at: Date, ms: number) => new Date(at.getTime() + ms);

describe('resolving what is unknown', () => {
  let world: PayoutWorld;
  beforeEach(async () => {
    world = await openPayoutWorld();
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const resolveNow = () => resolveUnknown(cycleContext(world));

  it('takes over a claim at the end of its lease, and not a moment before', async () => {
    const transferId = await queueOne(world, 5000n);
    await claim(settleContext(world), transferId, world.clock.now());
    world.clock.advance(89_999);
    await resolveNow();
    assert.equal(await stateOf(world, transferId), 'sending');
    world.clock.advance(1);
    await resolveNow();
    assert.equal(await stateOf(world, transferId), 'unknown');
    assert.deepEqual(world.warnings, ['a claim has run out without an outcome']);
  });

  it('ends with a success that an inquiry tells, at once', async () => {
    const transferId = await unknownOne(world, 5000n, executesAndTimesOut);
    world.bank.onInquiry = () => ({ outcome: 'succeeded' });
    const outcome = await resolveNow();
    assert.deepEqual(outcome, { asked: 1, succeeded: 1, failed: 0, absent: 0, stillUnknown: 0 });
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
    assert.deepEqual(await evidenceOf(world, transferId), ['send:ambiguous', 'inquiry:succeeded']);
  });

  it("asks by the attempt's id, bank date and amount, 25 in a call", async () => {
    const ids: bigint[] = [];
    for (let n = 0; n < 30; n += 1) ids.push(await unknownOne(world, 5000n + BigInt(n)));
    const calls: number[] = [];
    const { bank } = world;
    const inquire: typeof bank.inquire = (inquiries) => {
      calls.push(inquiries.length);
      return bank.inquire(inquiries);
    };
    const outcome = await resolveUnknown({ ...cycleContext(world), bank: { ...bank, inquire } });
    assert.deepEqual(calls, [25, 5]);
    assert.equal(outcome.asked, 30);
    const [attempt] = await attemptsOf(world, ids[0]!);
    assert.deepEqual(bank.inquired[0], {
      bankTranId: attempt?.bank_tran_id,
      bankDate: '2026-03-02',
      amount: 5000n,
    });
  });

  it('asks those first that were not asked for longest', async () => {
    const first = await unknownOne(world, 5000n);
    const second = await unknownOne(world, 6000n);
    let calls = 0;
    world.bank.onInquiry = (inquiry) =>
      inquiry.amount === 5000n ? { outcome: 'ambiguous', code: '?' } : undefined;
    await resolveNow();
    world.bank.inquired.length = 0;
    await resolveUnknown({ ...cycleContext(world), hasTime: () => (calls += 1) < 3 });
    assert.deepEqual(
      world.bank.inquired.map((inquiry) => inquiry.amount),
      [6000n, 5000n],
    );
    assert.ok(first < second);
  });

  it('changes nothing while the bank answers no inquiry, and says why', async () => {
    const transferId = await unknownOne(world, 5000n);
    world.bank.refusing = 'maintenance';
    const outcome = await resolveNow();
    assert.equal(outcome.refusal, 'closed');
    assert.equal(outcome.stillUnknown, 1);
    assert.equal(await stateOf(world, transferId), 'unknown');
  });

  it('leaves what is ambiguous, or left out of the answer, as it is', async () => {
    const ambiguous = await unknownOne(world, 5000n);
    const leftOut = await unknownOne(world, 6000n);
    world.bank.onInquiry = (inquiry) =>
      inquiry.amount === 5000n ? { outcome: 'ambiguous', code: '?' } : undefined;
    world.clock.advance(RIPE_MS + 1000);
    await addRead(world);
    for (let cycle = 0; cycle < 4; cycle += 1) await resolveNow();
    assert.deepEqual(
      [await stateOf(world, ambiguous), await stateOf(world, leftOut)],
      ['unknown', 'unknown'],
    );
  });

  it('writes nothing for a cycle whose lease has gone to another', async () => {
    const transferId = await queueOne(world, 5000n);
    await claim(settleContext(world), transferId, world.clock.now());
    world.clock.advance(90_000);
    const old = { ...cycleContext(world), token: world.token - 1n };
    await assert.rejects(resolveUnknown(old), LeaseLost);
    assert.equal(await stateOf(world, transferId), 'sending');
    await resolveNow();
    world.bank.onInquiry = () => ({ outcome: 'succeeded' });
    await assert.rejects(resolveUnknown(old), LeaseLost);
    assert.equal(await stateOf(world, transferId), 'unknown');
  });

  it('keeps no answer to an inquiry when the lease has gone to another cycle meanwhile', async () => {
    const transferId = await unknownOne(world, 5000n);
    const { bank } = world;
    bank.onInquiry = () => ({ outcome: 'succeeded' });
    const inquire: typeof bank.inquire = async (inquiries) => {
      await loseLease(world);
      return await bank.inquire(inquiries);
    };
    await assert.rejects(resolveUnknown({ ...cycleContext(world), bank: { ...bank, inquire } }), LeaseLost);
    assert.equal(await stateOf(world, transferId), 'unknown');
    assert.deepEqual(await evidenceOf(world, transferId), ['send:ambiguous']);
  });

  it('ends nothing when the lease has gone to another cycle right after the inquiries', async () => {
    const transferId = await unknownOne(world, 5000n, refuses('payee'));
    world.clock.advance(RIPE_MS + 1000);
    await addRead(world);
    await sql`
      create function lose_the_lease() returns trigger language plpgsql as $$
      begin
        update lease set token = token + 1;
        return null;
      end $$`.execute(world.test.owner);
    await sql`create trigger lose_the_lease after insert on bank_message execute function lose_the_lease()`.execute(
      world.test.owner,
    );
    await assert.rejects(resolveNow(), LeaseLost);
    assert.equal(await stateOf(world, transferId), 'unknown');
  });

  describe('by absence', () => {
    /** Sent at 10:00; the lease ends at 10:01:30, and 15 minutes later absence can be proven. */
    const RIPE = later(MORNING, 90_000 + 15 * MINUTE_MS);

    it('plans the transfer again, names the read that proved it, and pays under the same id that day', async () => {
      const transferId = await unknownOne(world, 5000n);
      const outcome = await proveAbsence(world);
      assert.equal(outcome.absent, 1);
      assert.equal(outcome.stillUnknown, 0);
      assert.equal(await stateOf(world, transferId), 'planned');
      assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
      const evidence = await world.db
        .selectFrom('attempt_evidence')
        .select(['source', 'verdict', 'code'])
        .orderBy('evidence_id', 'desc')
        .executeTakeFirstOrThrow();
      assert.deepEqual(evidence, { source: 'statement', verdict: 'absent', code: 'read 1' });
      await resend(world, transferId, executes);
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.equal(world.bank.sent[0]?.bankTranId, world.bank.sent[1]?.bankTranId);
      assert.equal(world.bank.executed.length, 1);
    });

    it('is not proven by "no such transfer" alone, however often it is said', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      for (let cycle = 0; cycle < 20; cycle += 1) {
        world.clock.advance(5 * MINUTE_MS);
        await resolveNow();
      }
      assert.equal(await stateOf(world, transferId), 'unknown');
    });

    it('is not proven by the statement and one "no such transfer"', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      world.clock.set(later(RIPE, MINUTE_MS));
      await addRead(world);
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown');
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('does not count "no such transfer" before the lease has ended', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      world.clock.advance(89_999);
      await resolveNow();
      await resolveNow();
      world.clock.set(later(RIPE, MINUTE_MS));
      await addRead(world);
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown');
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    /** What spoils the proof, each alone; without it the transfer is planned again. */
    const spoilers: Record<string, (transferId: bigint) => Promise<void>> = {
      'nobody has read the statement': () => Promise.resolve(),
      'the read began a moment too early': () =>
        addRead(world, { beganAt: later(RIPE, -1), to: later(RIPE, MINUTE_MS) }),
      'the read ends before the last second in which the bank may have executed': () =>
        addRead(world, { to: later(RIPE, -1000) }),
      'the read begins a second after midnight': () =>
        addRead(world, { from: later(kstMidnight('2026-03-02'), 1000) }),
      'the read is of another account': () => addRead(world, { account: 'collection-account' }),
      'the chain of balances is broken': () => addRead(world, { chain: 'broken' }),
      'a row is not booked yet': async () => {
        await addRead(world);
        await addStatementRow(world, { amount: 1n, direction: 'in', booked: false });
      },
      'a row holds our reference': async (transferId) => {
        await addRead(world);
        await addStatementRow(world, { amount: 5000n, text: await referenceOf(world, transferId) });
      },
      'a row holds our reference beside other words, in full width and small letters, with another amount':
        async (transferId) => {
          await addRead(world);
          const reference = (await referenceOf(world, transferId)).toLowerCase();
          const wide = reference.replaceAll(/[!-~]/g, (letter) =>
            String.fromCharCode(letter.charCodeAt(0) + 0xfee0),
          );
          await addStatementRow(world, { amount: 5500n, text: `이체 ${wide} 수수료` });
        },
      'a row of the amount is unexplained': async () => {
        await addRead(world);
        const rowId = await addStatementRow(world, { amount: 5000n, text: '???' });
        await addUnexplained(world, { rowId, amount: 5000n, at: world.clock.now() });
      },
    };
    for (const [spoiler, spoil] of Object.entries(spoilers)) {
      it(`is not proven when ${spoiler}`, async () => {
        const transferId = await unknownOne(world, 5000n);
        world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
        world.clock.set(later(RIPE, MINUTE_MS));
        await spoil(transferId);
        for (let cycle = 0; cycle < 4; cycle += 1) await resolveNow();
        assert.equal(await stateOf(world, transferId), 'unknown');
        assert.equal(world.bank.executed.length, 0);
      });
    }

    it('is proven by what was said of the transfer itself, and of no other under the same token', async () => {
      const refused = await unknownOne(world, 5000n, refuses('payee'));
      const silent = await unknownOne(world, 6000n);
      const known = await unknownOne(world, 7000n);
      const unknownToTheBank = (await attemptsOf(world, known))[0]?.bank_tran_id;
      world.bank.onInquiry = ({ bankTranId }) =>
        bankTranId === unknownToTheBank ? { outcome: 'no_such_transfer', code: 'A0310' } : undefined;
      world.clock.set(later(RIPE, MINUTE_MS));
      await addRead(world);
      for (let cycle = 0; cycle < 3; cycle += 1) await resolveNow();
      assert.equal(await stateOf(world, refused), 'failed(payee)');
      assert.equal(await stateOf(world, known), 'planned');
      assert.equal(await stateOf(world, silent), 'unknown');
    });

    for (const [what, show] of [
      [
        'our reference',
        async (transferId: bigint, midnight: Date) => {
          const text = await referenceOf(world, transferId);
          await addStatementRow(world, { amount: 5000n, text, at: midnight });
        },
      ],
      [
        'an unexplained row of the amount',
        async (_transferId: bigint, midnight: Date) => {
          const rowId = await addStatementRow(world, { amount: 5000n, text: '???', at: midnight });
          await addUnexplained(world, { rowId, amount: 5000n, at: midnight });
        },
      ],
    ] as const) {
      it(`is not proven beside ${what} in the very first second of the day`, async () => {
        const transferId = await unknownOne(world, 5000n);
        world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
        world.clock.set(later(RIPE, MINUTE_MS));
        await addRead(world);
        await show(transferId, kstMidnight('2026-03-02'));
        for (let cycle = 0; cycle < 3; cycle += 1) await resolveNow();
        assert.equal(await stateOf(world, transferId), 'unknown');
      });
    }

    it('is proven from the first moment on that the wait is over, by a chain that was mended', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      world.clock.set(later(RIPE, 1000));
      await addRead(world, { chain: 'mended' });
      await resolveNow();
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('is proven beside rows of other amounts, of earlier days and of what a rule explains', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      world.clock.set(later(RIPE, MINUTE_MS));
      await addRead(world);
      const other = await addStatementRow(world, { amount: 4999n, text: 'STZZZZZZZZZ' });
      await addUnexplained(world, { rowId: other, amount: 4999n, at: world.clock.now() });
      const at = later(kstMidnight('2026-03-02'), -1000);
      const earlier = await addStatementRow(world, { amount: 5000n, at });
      await addUnexplained(world, { rowId: earlier, amount: 5000n, at });
      await resolveNow();
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned');
    });

    it('holds the transfer for a person after the last send that is allowed', async () => {
      const transferId = await unknownOne(world, 5000n);
      for (const state of ['planned', 'planned', 'held(attempts)']) {
        await proveAbsence(world);
        assert.equal(await stateOf(world, transferId), state);
        if (state === 'planned') await resend(world, transferId, timesOut);
      }
      assert.equal((await transferOf(world, transferId)).sends, 3);
      assert.deepEqual(await alarmsOf(world), ['transfer_out_of_attempts']);
      assert.deepEqual((await postingsOf(world, transferId)).filter((kind) => kind === 'void').length, 3);
    });

    it('counts what was gathered for the latest claim only', async () => {
      const transferId = await unknownOne(world, 5000n);
      await proveAbsence(world);
      await resend(world, transferId, timesOut);
      const [attempt] = await attemptsOf(world, transferId);
      // The first claim's own answer comes now, and says that it failed: that is no word on the second.
      const ofFirst = { attemptId: attempt!.attempt_id, token: 1n, code: 'late' };
      const afterSecond = later(world.clock.now(), RIPE_MS);
      await world.db.transaction().execute((trx) =>
        keepEvidence(trx, [
          { ...ofFirst, source: 'send', verdict: 'failed', cause: 'rejected', at: afterSecond },
          { ...ofFirst, source: 'inquiry', verdict: 'no_such_transfer', at: afterSecond },
          { ...ofFirst, source: 'inquiry', verdict: 'no_such_transfer', at: afterSecond },
        ]),
      );
      await resolveNow();
      assert.equal(
        await stateOf(world, transferId),
        'unknown',
        'the old read and the old inquiries are void',
      );
      world.clock.advance(RIPE_MS + 1000);
      await addRead(world);
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown', 'one inquiry since the second lease');
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned', 'absent, not failed');
    });

    it('of an attempt right before midnight needs both dates', async () => {
      world.clock.set('2026-03-02T23:59:59+09:00');
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
      world.clock.set('2026-03-03T00:20:00+09:00');
      assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), '2026-03-02');
      await addRead(world);
      for (let cycle = 0; cycle < 3; cycle += 1) await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown');
      await addRead(world, { from: kstMidnight('2026-03-02') });
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'planned');
      await resend(world, transferId, executes);
      const [first, second] = world.bank.sent;
      assert.notEqual(first?.bankTranId, second?.bankTranId);
      assert.deepEqual(
        (await attemptsOf(world, transferId)).map((attempt) => [attempt.bank_date, attempt.state]),
        [
          ['2026-03-02', 'absent'],
          ['2026-03-03', 'succeeded'],
        ],
      );
      assert.ok(world.bank.inquired.every((inquiry) => inquiry.bankDate === '2026-03-02'));
    });

    it('asks for a statement since the oldest send, from the moment on at which it can prove something', async () => {
      assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), undefined);
      await unknownOne(world, 5000n);
      world.clock.set(later(RIPE, -1));
      assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), undefined);
      world.clock.set(RIPE);
      assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), '2026-03-02');
      assert.equal(await proofNeededSince(cycleContext(world), 'another'), undefined);
      world.clock.set('2026-03-05T09:00:00+09:00');
      assert.equal(await proofNeededSince(cycleContext(world), PAYOUT), '2026-03-02');
    });
  });

  describe('by a failure', () => {
    it('waits for the statement, and then frees the orders and the money', async () => {
      const transferId = await unknownOne(world, 5000n, refuses('payee'));
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown');
      world.clock.advance(RIPE_MS);
      await addRead(world);
      const outcome = await resolveNow();
      assert.equal(outcome.failed, 1);
      assert.equal(await stateOf(world, transferId), 'failed(payee)');
      assert.deepEqual(await alarmsOf(world), ['transfer_failed']);
      assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
      assert.equal((await attemptsOf(world, transferId))[0]?.state, 'failed');
      const item = await world.db.selectFrom('transfer_item').selectAll().executeTakeFirstOrThrow();
      assert.equal(item.live, false);
      // The order can be planned once more, which its unique place in a live transfer refused before.
      const anew = await plan(world, [
        { orderId: item.order_id, sellerId: 'seller', amount: 5000n as never, depositedAt: MORNING },
      ]);
      assert.equal(anew.length, 1);
    });

    it('counts one that an inquiry answers just as well', async () => {
      const transferId = await unknownOne(world, 5000n);
      world.bank.onInquiry = () => ({ outcome: 'failed', cause: 'limit', code: 'A1' });
      world.clock.advance(RIPE_MS);
      await addRead(world);
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'failed(limit)');
    });

    it('wins over absence', async () => {
      const transferId = await unknownOne(world, 5000n, refuses('rejected'));
      const outcome = await proveAbsence(world);
      assert.equal(await stateOf(world, transferId), 'failed(rejected)');
      assert.equal(outcome.absent, 0);
    });

    it('is no end when the bank has executed after all: the reference on the statement forbids it', async () => {
      const transferId = await unknownOne(world, 5000n, (sent) => {
        sent.execute();
        return { outcome: 'failed', cause: 'rejected', code: 'a lie' };
      });
      world.clock.advance(RIPE_MS);
      await addRead(world);
      await addStatementRow(world, { amount: 5000n, text: await referenceOf(world, transferId) });
      await resolveNow();
      assert.equal(await stateOf(world, transferId), 'unknown');
    });
  });

  describe('when an earlier attempt turns out to have succeeded', () => {
    /** Two attempts on two dates, the first taken for absent; then somebody learns that it has succeeded. */
    async function twoAttempts(second: typeof timesOut): Promise<bigint> {
      world.clock.set('2026-03-02T23:00:00+09:00');
      const transferId = await unknownOne(world, 5000n, executesAndTimesOut);
      await proveAbsence(world);
      world.clock.set('2026-03-03T09:00:00+09:00');
      await resend(world, transferId, async (sent) => {
        const [first] = await attemptsOf(world, transferId);
        const outcome = await world.db.transaction().execute((trx) =>
          recordSuccess(trx, {
            attemptId: first!.attempt_id,
            token: first!.token,
            source: 'send',
            verdict: 'succeeded',
            code: 'late',
            at: world.clock.now(),
          }),
        );
        assert.equal(outcome, 'halted');
        return await second(sent);
      });
      return transferId;
    }

    for (const [name, second] of [
      ['proven absent', timesOut],
      ['proven failed', refuses('payee')],
    ] as const) {
      it(`ends as that success when the later attempt is ${name}, and is never sent again`, async () => {
        const transferId = await twoAttempts(second);
        assert.equal(await stateOf(world, transferId), 'unknown');
        await proveAbsence(world);
        assert.equal(await stateOf(world, transferId), 'succeeded');
        const states = (await attemptsOf(world, transferId)).map((attempt) => attempt.state);
        assert.deepEqual(states, ['succeeded', name === 'proven absent' ? 'absent' : 'failed']);
        await endStops(world);
        assert.equal(world.bank.sent.length, 2);
      });
    }

    it('ends as that success when the later attempt was surely not sent', async () => {
      const transferId = await twoAttempts(isNotReached);
      assert.equal(await stateOf(world, transferId), 'succeeded');
      assert.deepEqual(await alarmsOf(world), ['transfer_executed_unexpectedly']);
    });
  });

  it('says of a worker that comes late with a proven absence behind it what is true', async () => {
    const transferId = await queueOne(world, 5000n);
    await sendAndGet(world, transferId, async (sent) => {
      await proveAbsence(world);
      assert.equal(await stateOf(world, transferId), 'planned');
      return executes(sent);
    });
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void', 'hold', 'post']);
  });
});
