import assert from 'node:assert/strict';
import { FAULT_NAMES } from '../../local/bank-simulator/faults.ts';
import type { MarketOptions } from './market.ts';
import { prove } from './prove.ts';
import { inMarket, inTheEnd, MINUTE_MS, PAID_ONCE, PAID_TWICE, payoutWaits, SHOWN_LATE } from './stories.ts';
import type { Rule } from './without.ts';

const BROKEN_IS_AMBIGUOUS: Rule = {
  file: 'functions/bank/openbanking.client.ts',
  text: "      return { outcome: 'ambiguous', code: result.error };",
  leaves: "      return { outcome: 'not_sent', cause: 'connection', code: result.error };",
};

const STATEMENT_IS_THE_PROOF: Rule = {
  file: 'functions/transfers/resolution.ts',
  text: "  if (!evidence.absentOnStatement) return { end: 'none' };\n",
};

/** With this seed a transfer is executed late, and an inquiry denies it meanwhile. */
const LATE_AND_DENIED: MarketOptions = { seed: 107 };

/** In the order of the faults' names. */
describe('a bank that lies or breaks', () => {
  prove({
    name: 'execute_then_timeout: a transfer that was executed and never answered is not sent again',
    rules: [BROKEN_IS_AMBIGUOUS],
    story: inMarket({ ...SHOWN_LATE, callTimeoutMs: 2000 }, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_then_timeout: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.execute_then_timeout = 0;
      await market.cycles(5);
      return await inTheEnd(market);
    }),
    holds: PAID_ONCE,
    otherwise: PAID_TWICE,
  });

  prove({
    name: 'execute_late: a transfer in progress is not called failed or absent before its time, whatever an inquiry says',
    rules: [STATEMENT_IS_THE_PROOF],
    story: inMarket(LATE_AND_DENIED, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_late: 1, lying_inquiry: 1 });
      await market.settleQueue();
      await market.cycles(2, 2 * MINUTE_MS);
      const meanwhile = await market.transferStates();
      Object.assign(market.faults, { execute_late: 0, lying_inquiry: 0 });
      await market.cycles(5);
      return { meanwhile, paidOut: market.paidOut() };
    }),
    holds: { meanwhile: ['unknown'], paidOut: [10_000n] },
    otherwise: { meanwhile: ['planned'], paidOut: [10_000n, 10_000n] },
  });

  prove({
    name: 'repeat_duplicate: a transfer is sent once, since a bank may execute an id that it has seen',
    rules: [BROKEN_IS_AMBIGUOUS],
    story: inMarket(SHOWN_LATE, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { repeat_duplicate: 1, cut_mid_body: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.cut_mid_body = 0;
      await market.cycles(5);
      return { sent: market.simulator.transfers().length, paidOut: market.paidOut() };
    }),
    holds: { sent: 1, paidOut: [10_000n] },
    otherwise: { sent: 2, paidOut: [10_000n, 10_000n] },
  });

  prove({
    name: 'say_failed_after_executing: a transfer that the bank calls failed has not failed until the statement says so',
    rules: [STATEMENT_IS_THE_PROOF],
    story: inMarket(SHOWN_LATE, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { say_failed_after_executing: 1, forget_id: 1, rows_late: 1 });
      await market.settleQueue();
      await market.cycles(2);
      const meanwhile = await market.transferStates();
      await market.cycles(3);
      return { meanwhile, ...(await inTheEnd(market)) };
    }),
    holds: { meanwhile: ['unknown'], ...PAID_ONCE },
    otherwise: { meanwhile: ['failed'], ...PAID_ONCE },
  });

  prove({
    name: 'paid_then_returned: a payout that came back is returned, and the seller is owed it again',
    rules: [
      {
        file: 'functions/deposits/classify.ts',
        text: "    if (ours && !ours.returned && !row.possibleDuplicate) return { class: 'return', attempt: ours };\n",
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      market.faults.paid_then_returned = 1;
      await market.settleQueue();
      await market.cycles(4);
      return { transfers: await market.transferStates(), deposits: await market.depositStates() };
    }),
    holds: { transfers: ['returned'], deposits: ['matched', 'return_of'] },
    otherwise: { transfers: ['succeeded'], deposits: ['matched', 'in_review(name_unknown)'] },
  });

  prove({
    name: 'forget_id: "no such transfer", however often, sends nothing again',
    rules: [STATEMENT_IS_THE_PROOF],
    story: inMarket({ ...SHOWN_LATE, callTimeoutMs: 2000 }, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_then_timeout: 1, forget_id: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.execute_then_timeout = 0;
      await market.cycles(5, 2 * MINUTE_MS);
      await market.cycles(2);
      return await inTheEnd(market);
    }),
    holds: PAID_ONCE,
    otherwise: PAID_TWICE,
  });

  prove({
    name: 'lying_inquiry: a failure that an inquiry tells ends nothing',
    rules: [STATEMENT_IS_THE_PROOF],
    story: inMarket({ ...SHOWN_LATE, seed: 268, callTimeoutMs: 2000 }, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { execute_then_timeout: 1, lying_inquiry: 1, rows_late: 1 });
      await market.settleQueue();
      await market.cycles(1);
      const meanwhile = await market.transferStates();
      market.faults.lying_inquiry = 0;
      await market.cycles(4);
      return { meanwhile, ...(await inTheEnd(market)) };
    }),
    holds: { meanwhile: ['unknown'], ...PAID_ONCE },
    otherwise: { meanwhile: ['failed'], ...PAID_ONCE },
  });

  prove({
    name: 'rows_late: a deposit that shows up behind what was read is found all the same',
    rules: [
      {
        file: 'functions/deposits/read-plan.ts',
        text: 'wholeSecond(cursor.readThrough).getTime() - OVERLAP_MS',
        leaves: 'wholeSecond(cursor.readThrough).getTime() + 1000',
      },
    ],
    story: inMarket({ postingLagMsMax: 60 * MINUTE_MS }, async (market) => {
      await market.cycles(1);
      await market.order('홍길동0420', 10_000n);
      market.faults.rows_late = 1;
      market.pay('홍길동0420', 10_000n);
      market.faults.rows_late = 0;
      await market.cycles(9);
      return await inTheEnd(market);
    }),
    holds: PAID_ONCE,
    otherwise: { paidOut: [], transfers: [] },
  });

  prove({
    name: 'rows_twice: a row that a page repeats is one row',
    rules: [
      {
        file: 'functions/deposits/row-identity.ts',
        text: '      : steps.map((_, index) => Math.max(...trails.map((trail) => trail.counts[index] ?? 0)));',
        leaves: '      : steps.map((step) => step.most);',
      },
    ],
    story: inMarket({}, async (market) => {
      for (let n = 0; n < 30; n += 1) {
        market.pay(`구매자${n}`, 1000n);
        market.clock.advance(1000);
      }
      market.faults.rows_twice = 1;
      market.clock.advance(5 * MINUTE_MS);
      const { deposits, drift_won } = await market.cycle();
      return { deposits, drift_won };
    }),
    holds: { deposits: 30, drift_won: '0' },
    otherwise: { deposits: 31, drift_won: '1000' },
  });

  prove({
    name: 'rows_out_of_order: a reading that breaks off goes on where it stopped',
    rules: [
      {
        file: 'functions/bank/openbanking.messages.ts',
        text: '  rows.sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());\n',
      },
    ],
    story: inMarket({}, async (market) => {
      for (let n = 0; n < 100; n += 1) {
        market.pay(`구매자${n}`, 1000n);
        market.clock.advance(1000);
      }
      market.faults.rows_out_of_order = 1;
      let deposits = 0;
      for (let cycle = 0; cycle < 6; cycle += 1) {
        market.clock.advance(5 * MINUTE_MS);
        // What is read may take part of the time only, and that is over after one page.
        let pages = 0;
        deposits += (await market.cycle((leave = 0) => leave === 0 || (pages += 1) <= 1)).deposits;
      }
      return deposits;
    }),
    holds: 100,
    otherwise: 0,
  });

  const MANGLED = [
    {
      how: 'turned full-width',
      seed: 5,
      name: '홍길동0420',
      rule: {
        file: 'functions/deposits/depositor-text.ts',
        text: `    .replace(NOISE, '')
    .normalize('NFKC')
    .replace(NOISE_AND_SYMBOLS, '')
    .toUpperCase()
    .normalize('NFKC');`,
        leaves: `    .replace(NOISE, '')
    .replace(NOISE_AND_SYMBOLS, '')
    .toUpperCase();`,
      },
      otherwise: 'in_review(name_unknown)',
    },
    {
      how: "put behind the sending bank's name",
      seed: 1,
      name: '홍길동042',
      rule: {
        file: 'functions/deposits/depositor-text.ts',
        text: "return ['', ...bankPrefixesOf(text)]",
        leaves: "return ['']",
      },
      otherwise: 'in_review(name_unknown)',
    },
  ];
  for (const { how, seed, name, rule, otherwise } of MANGLED) {
    prove({
      name: `mangled_names: a depositor name is recognised that is ${how}`,
      rules: [rule],
      story: inMarket({ seed }, async (market) => {
        market.faults.mangled_names = 1;
        await market.order(name, 10_000n);
        market.pay(name, 10_000n);
        await market.cycles(1);
        return await market.depositStates();
      }),
      holds: ['matched'],
      otherwise: [otherwise],
    });
  }

  prove({
    name: 'mangled_names: an issued name survives a bank that cuts texts at eight characters',
    rules: [
      {
        file: 'functions/orders/depositor-name.ts',
        text: 'const NAME_LENGTH = 7;',
        leaves: 'const NAME_LENGTH = 9;',
      },
    ],
    story: async (system, schema) => {
      const issued = system.issueName('홍길동', new Set(), () => 0.42);
      if (issued.outcome !== 'issued') throw new Error('no name is free, though none is taken');
      return await inMarket({ seed: 3 }, async (market) => {
        market.faults.mangled_names = 1;
        await market.order(issued.name, 10_000n);
        market.pay(issued.name, 10_000n);
        await market.cycles(1);
        return await market.depositStates();
      })(system, schema);
    },
    holds: ['matched'],
    otherwise: ['in_review(number_mistyped)'],
  });

  prove({
    name: 'http_5xx: a transfer that was executed behind an HTTP 502 is not sent again',
    rules: [
      {
        file: 'functions/bank/openbanking.client.ts',
        text: ": { outcome: 'ambiguous', code: `HTTP ${result.status}` };",
        leaves: ": { outcome: 'not_sent', cause: 'connection', code: `HTTP ${result.status}` };",
      },
    ],
    story: inMarket(SHOWN_LATE, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { http_5xx: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.http_5xx = 0;
      await market.cycles(5);
      return await inTheEnd(market);
    }),
    holds: PAID_ONCE,
    otherwise: PAID_TWICE,
  });

  prove({
    name: 'slow: a call ends after its time, however long the answer takes',
    rules: [
      {
        file: 'functions/bank/http-call.ts',
        text: "    const timer = setTimeout(() => fail('timeout'), request.timeoutMs);",
        leaves: '    const timer = undefined;',
      },
    ],
    story: inMarket({ callTimeoutMs: 2000, slowMs: 4000 }, async (market) => {
      await payoutWaits(market);
      market.faults.slow = 1;
      const [outcome] = await market.settleQueue();
      market.faults.slow = 0;
      await market.cycles(2);
      return { outcome: outcome?.outcome, ...(await inTheEnd(market)) };
    }),
    holds: { outcome: 'unknown', ...PAID_ONCE },
    otherwise: { outcome: 'succeeded', ...PAID_ONCE },
  });

  prove({
    name: 'cut_mid_body: a transfer whose answer broke off is not sent again',
    rules: [BROKEN_IS_AMBIGUOUS],
    story: inMarket(SHOWN_LATE, async (market) => {
      await payoutWaits(market);
      Object.assign(market.faults, { cut_mid_body: 1, rows_late: 1 });
      await market.settleQueue();
      market.faults.cut_mid_body = 0;
      await market.cycles(5);
      return await inTheEnd(market);
    }),
    holds: PAID_ONCE,
    otherwise: PAID_TWICE,
  });

  prove({
    name: 'maintenance_window: nothing is sent to a bank that is closed, to be in doubt for a quarter of an hour',
    rules: [
      {
        file: 'functions/cycle/cycle.ts',
        text: "    await attempt('pause', async () => await pauseForMaintenance(context), undefined);\n",
      },
    ],
    story: inMarket({}, async (market) => {
      await payoutWaits(market);
      market.faults.maintenance_window = 1;
      market.clock.advance(MINUTE_MS);
      await market.cycle();
      const [outcome] = await market.settleQueue();
      market.faults.maintenance_window = 0;
      await market.cycles(3);
      return { outcome: outcome?.outcome, ...(await inTheEnd(market)) };
    }),
    holds: { outcome: 'stopped', ...PAID_ONCE },
    otherwise: { outcome: 'unknown', paidOut: [], transfers: ['unknown'] },
  });

  it('is answered fault by fault: each that the simulator knows has its proof here', function () {
    const proven = this.test?.parent?.suites.map((suite) => suite.title.split(':')[0]) ?? [];
    assert.deepEqual(new Set(proven), new Set(FAULT_NAMES));
  });
});
