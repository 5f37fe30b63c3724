import assert from 'node:assert/strict';
import { won } from '../../functions/shared/money.ts';
import { lockWaiters } from '../support/payout-world.ts';
import { until } from '../support/until.ts';
import type { Market } from './market.ts';
import { prove, type System } from './prove.ts';
import { inMarket, inTheEnd, MINUTE_MS, PAID_ONCE, PAID_TWICE, payoutWaits, SHOWN_LATE } from './stories.ts';
import type { Rule } from './without.ts';

/** The database's own guard: at most one attempt of a transfer is not proven failed or absent. */
const ONE_UNPROVEN_ATTEMPT: Rule = {
  file: 'functions/migrations/0004-transfers.ts',
  text: 'create unique index transfer_attempt_one_unproven on transfer_attempt (transfer_id)',
  sql: 'drop index transfer_attempt_one_unproven',
};

/** The database's own guard: the moves that a transfer's state may make. */
const ALLOWED_MOVES: Rule = {
  file: 'functions/migrations/0004-transfers.ts',
  text: 'create trigger transfer_moves_as_allowed before update of state',
  sql: 'drop trigger transfer_moves_as_allowed on transfer',
};

/** What is held for a transfer that the books call planned halts payouts. */
const BOOKS_ARE_COMPARED: Rule = {
  file: 'functions/ledger/compare.step.ts',
  text: "  await haltAndSayOnce(trx, 'books_differ', reason, { count, differences: named }, at);\n",
};

const CLAIMS_ONLY_WHAT_IS_QUEUED: Rule = {
  file: 'functions/transfers/claim.repository.ts',
  text: `    .where('state', '=', 'queued')
    .returningAll()`,
  leaves: '    .returningAll()',
};

/** A worker takes the next message and stands still right before its bytes go out. */
async function standsStillBeforeTheWrite(market: Market): Promise<{ goOn: () => Promise<void> }> {
  const reached = Promise.withResolvers<undefined>();
  const gate = Promise.withResolvers<undefined>();
  market.beforeSend = async () => {
    market.beforeSend = () => undefined;
    reached.resolve(undefined);
    await gate.promise;
  };
  const [message] = market.queue.dispatched.splice(0, 1);
  assert.ok(message, 'a payout waits in the queue');
  const settling = market.settle(message.transferId);
  await reached.promise;
  return {
    goOn: async () => {
      gate.resolve(undefined);
      await settling;
    },
  };
}

const ONCE = [10_000n];
const TWICE = [10_000n, 10_000n];

/** The numbers are those of the argument for "never paid twice": see docs/proofs.md. */
describe('never paid twice, because', () => {
  prove({
    name: '1: no byte of a send is written long after its claim',
    rules: [
      {
        file: 'functions/bank/http-call.ts',
        text: 'if (request.mayStillWrite?.() === false) {',
        leaves: 'if (false as boolean) {',
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      const frozen = await standsStillBeforeTheWrite(market);
      // Nobody hears of it; it is proven absent, and sent again.
      await market.cycles(6);
      await frozen.goOn();
      await market.cycles(1);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '1: the time since the claim is what the write asks for',
    rules: [
      {
        file: 'functions/transfers/settle.step.ts',
        text: 'context.clock.now().getTime() - own.claimedAt.getTime() < WRITE_WITHIN_MS;',
        leaves: 'context.clock.now() >= own.claimedAt;',
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      const frozen = await standsStillBeforeTheWrite(market);
      await market.cycles(6);
      await frozen.goOn();
      await market.cycles(1);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '2: a claim outlives the way of its message to the bank',
    rules: [
      {
        file: 'functions/transfers/claim.step.ts',
        text: 'export const LEASE_MS = 90_000;',
        leaves: 'export const LEASE_MS = 1_000;',
      },
    ],
    story: inMarket({ seed: 41, postingLagMsMax: 15 * MINUTE_MS, callTimeoutMs: 2000 }, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
      const claimedAt = market.clock.now().getTime();
      // Nineteen seconds on the way, and then nearly all of the fifteen minutes that the bank may take to show it.
      market.beforeSend = () => market.clock.advance(19_000);
      await market.settleQueue();
      market.beforeSend = () => undefined;
      Object.assign(market.faults, { execute_then_timeout: 0 });
      await market.cycles(2);
      market.clock.set(new Date(claimedAt + 905_000));
      await market.cycle();
      await market.cycles(1, 1000);
      await market.cycles(2);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '3: absence waits for as long as the bank may take to execute and to show it',
    rules: [
      {
        file: 'functions/transfers/resolve.repository.ts',
        text: 'make_interval(secs => ${waitMs / 1000}::double precision)',
        leaves: "(${waitMs}::text || ' microseconds')::interval",
      },
    ],
    // So early in the day that each reading, with its overlap, covers all of the day.
    story: inMarket(
      { ...SHOWN_LATE, at: '2026-03-10T00:10:00+09:00', callTimeoutMs: 2000 },
      async (market) => {
        await payoutWaits(market);
        Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
        await market.settleQueue();
        market.faults.execute_then_timeout = 0;
        await market.cycles(5, 2 * MINUTE_MS);
        await market.cycles(2);
        return await inTheEnd(market);
      },
    ),
    holds: PAID_ONCE,
    otherwise: PAID_TWICE,
  });

  prove({
    name: '4: a statement that proves absence covers every bank date since the send, also across midnight',
    rules: [
      {
        file: 'functions/transfers/resolve.repository.ts',
        text: '          and r.covers_from <= ${firstDay}\n',
      },
    ],
    story: inMarket(
      { ...SHOWN_LATE, at: '2026-03-10T23:54:50+09:00', callTimeoutMs: 2000 },
      async (market) => {
        await payoutWaits(market);
        Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
        // Sent at 23:59:50; its row, of that day, shows fourteen minutes later.
        await market.settleQueue();
        market.faults.execute_then_timeout = 0;
        // A reading that breaks off at midnight, and goes on there when the day before has long been shown.
        market.clock.set('2026-03-11T00:04:00+09:00');
        let pages = 0;
        await market.cycle((leave = 0) => leave === 0 || (pages += 1) <= 1);
        market.clock.set('2026-03-11T00:20:00+09:00');
        await market.cycle((leave) => leave !== 1 / 4);
        // Before anything is read again, what is planned goes out.
        market.clock.advance(MINUTE_MS);
        await market.cycle((leave = 0) => leave === 0);
        await market.settleQueue();
        await market.cycles(3);
        return market.paidOut();
      },
    ),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '4: a statement whose balances leave a gap proves no absence',
    rules: [
      { file: 'functions/transfers/resolve.repository.ts', text: "          and r.chain <> 'broken'\n" },
    ],
    // The bank breaks its word here: the row is later than its posting lag. The balances after it tell that something is missing.
    story: inMarket({ seed: 41, postingLagMsMax: 60 * MINUTE_MS, callTimeoutMs: 2000 }, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
      await market.settleQueue();
      Object.assign(market.faults, { execute_then_timeout: 0, rows_late: 0 });
      market.clock.advance(1000);
      market.pay('모르는사람', 1n);
      await market.cycles(6);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '5: one claim wins a row',
    rules: [CLAIMS_ONLY_WHAT_IS_QUEUED, ONE_UNPROVEN_ATTEMPT],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      const [message] = market.queue.dispatched;
      assert.ok(message);
      // The queue brings the message to a second worker while the first is at it.
      const first = await standsStillBeforeTheWrite(market);
      await market.settle(message.transferId).catch(() => 'refused by the database');
      await first.goOn();
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '5: a hand-back is of its own claim only',
    rules: [
      {
        file: 'functions/transfers/outcome.repository.ts',
        text: `    .where('token', '=', token)
    .executeTakeFirst();
  if (handedBack.numUpdatedRows`,
        leaves: `    .executeTakeFirst();
  if (handedBack.numUpdatedRows`,
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      const first = await standsStillBeforeTheWrite(market);
      for (let n = 0; n < 5; n += 1) {
        market.clock.advance(5 * MINUTE_MS);
        await market.cycle();
      }
      // It is proven absent, and another worker is about to send it, when the first wakes up: too late to write, as it finds.
      const second = await standsStillBeforeTheWrite(market);
      await first.goOn();
      market.clock.advance(1000);
      await market.cycle();
      await market.settleQueue();
      await second.goOn();
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '5: what was gathered for one claim ends no later one',
    rules: [
      {
        file: 'functions/transfers/outcome.repository.ts',
        text: `    .where('state', '=', 'unknown')
    .where('token', '=', token)
`,
        leaves: "    .where('state', '=', 'unknown')\n",
      },
    ],
    story: inMarket({ ...SHOWN_LATE, callTimeoutMs: 2000 }, async (market, { recordProvenEnd }) => {
      await payoutWaits(market);
      const frozen = await standsStillBeforeTheWrite(market);
      for (let n = 0; n < 5; n += 1) {
        market.clock.advance(5 * MINUTE_MS);
        await market.cycle();
      }
      await frozen.goOn();
      // Sent again, executed, and not answered: unknown once more, under another token.
      Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.execute_then_timeout = 0;
      // A resolver that was slow to write comes with its proof, which is about the first claim.
      const attempt = await market.test.db
        .selectFrom('transfer_attempt')
        .selectAll()
        .executeTakeFirstOrThrow();
      const { kind, seller_id, amount } = await market.test.db
        .selectFrom('transfer')
        .selectAll()
        .executeTakeFirstOrThrow();
      const posted = {
        transferId: attempt.transfer_id,
        attemptId: attempt.attempt_id,
        kind,
        sellerId: seller_id,
        amount: won(amount),
        account: attempt.account,
      };
      await market.test.db
        .transaction()
        .execute((trx) =>
          recordProvenEnd(trx, posted, 1n, { end: 'absent', thenHold: false }, market.clock.now()),
        );
      await market.cycles(2, MINUTE_MS);
      await market.cycles(4);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: '5: no claim begins after a halt has committed',
    rules: [
      {
        file: 'functions/transfers/stops.repository.ts',
        text: "    .forShare('payout_stop')\n",
      },
    ],
    story: inMarket({}, async (market, system) => {
      await payoutWaits(market);
      return await claimsAfterTheHalt(market, system);
    }),
    holds: { haltCommittedDuringTheClaim: false, claim: 'claimed' },
    otherwise: { haltCommittedDuringTheClaim: true, claim: 'claimed' },
  });

  prove({
    name: '6: a return must have the amount that left, or the seller would be paid again',
    rules: [
      {
        file: 'functions/deposits/classify.ts',
        text: '  const ours = attempt?.amount === row.amount ? attempt : undefined;',
        leaves: '  const ours = attempt;',
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      await market.settleQueue();
      await market.cycles(1);
      const { reference } = await market.test.db
        .selectFrom('transfer_attempt')
        .select('reference')
        .executeTakeFirstOrThrow();
      market.pay(reference, 1n);
      await market.cycles(1);
      return { transfers: await market.transferStates(), deposits: await market.depositStates() };
    }),
    holds: { transfers: ['succeeded'], deposits: ['matched', 'in_review(name_unknown)'] },
    otherwise: { transfers: ['returned'], deposits: ['matched', 'return_of'] },
  });

  prove({
    name: 'a transfer whose worker died between the send and its record is unknown, and not sent again',
    rules: [
      {
        file: 'functions/transfers/resolve.repository.ts',
        text: ".set({ state: 'unknown', lease_ends_at: null })",
        leaves: ".set({ state: 'planned', lease_ends_at: null })",
      },
      ONE_UNPROVEN_ATTEMPT,
      BOOKS_ARE_COMPARED,
    ],
    story: inMarket(SHOWN_LATE, async (market, { claim }) => {
      await payoutWaits(market);
      const [message] = market.queue.dispatched.splice(0, 1);
      assert.ok(message);
      const claimed = await claim(market.settleContext, message.transferId, market.clock.now());
      assert.equal(claimed.outcome, 'claimed');
      Object.assign(market.faults, { forget_id: 1, rows_late: 1 });
      await market.bank.sendTransfer(claimed.claim.prepared, () => true);
      for (let n = 0; n < 5; n += 1) {
        market.clock.advance(2 * MINUTE_MS);
        await market.cycle();
        await market.settleQueue().catch(() => 'refused by the database');
      }
      await market.cycles(2);
      return market.paidOut();
    }),
    holds: ONCE,
    otherwise: TWICE,
  });

  prove({
    name: 'a transfer that was cancelled is not sent, although its message comes',
    rules: [CLAIMS_ONLY_WHAT_IS_QUEUED, ALLOWED_MOVES],
    story: inMarket({}, async (market, { cancelUnsent }) => {
      await payoutWaits(market);
      const [message] = market.queue.dispatched;
      assert.ok(message);
      await market.test.db
        .transaction()
        .execute((trx) => cancelUnsent(trx, message.transferId, market.clock.now()));
      await market.settleQueue().catch(() => 'refused by the database');
      return market.paidOut();
    }),
    holds: [],
    otherwise: [10_000n],
  });
});

/** A person halts payouts while a claim stands in the middle, after it has looked at the stops. */
async function claimsAfterTheHalt(market: Market, { claim, raiseStop }: System) {
  const [message] = market.queue.dispatched;
  assert.ok(message);
  const { test, clock } = market;
  const locked = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const holder = test.owner.transaction().execute(async (trx) => {
    await trx.selectFrom('transfer').select('transfer_id').forUpdate().execute();
    locked.resolve(undefined);
    await released.promise;
  });
  await locked.promise;
  const claiming = claim(market.settleContext, message.transferId, clock.now());
  let halted = false;
  let halting: Promise<unknown> | undefined;
  let haltCommittedDuringTheClaim: boolean;
  try {
    await until('the claim waits for the row', async () => (await lockWaiters(market)) === 1n);
    halting = test.db
      .transaction()
      .execute((trx) => raiseStop(trx, { name: 'halt_person', reason: 'stop', by: 'kim', at: clock.now() }))
      .then(() => (halted = true));
    await until('the halt has committed or waits', async () => halted || (await lockWaiters(market)) === 2n);
    haltCommittedDuringTheClaim = halted;
  } finally {
    released.resolve(undefined);
  }
  await Promise.all([holder, halting]);
  return { haltCommittedDuringTheClaim, claim: (await claiming).outcome };
}
