import assert from 'node:assert/strict';
import { randomQueryId } from '../../../functions/bank/bank-tran-id.ts';
import { createOpenBanking } from '../../../functions/bank/openbanking.client.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { collect, rereadEarlier } from '../../../functions/deposits/collect.step.ts';
import { reconcile } from '../../../functions/ledger/reconcile.step.ts';
import { machineTiming } from '../../../functions/shared/clock.ts';
import { won } from '../../../functions/shared/money.ts';
import { startBankSimulator } from '../../../local/bank-simulator/bank-simulator.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ACCOUNT, at, cycleAt, later, minutes } from '../../support/statement-scene.ts';

/** An hour of cycles, and then three that meet no new row, so that whatever was late has shown. */
const CYCLES = 12;
const QUIET_CYCLES = 3;

describe('collecting from a bank that shows rows late, twice and out of order, and breaks off', () => {
  for (const seed of [1, 2, 3]) {
    it(`stores each row once, and the books agree with it (seed ${seed})`, async () => {
      const test = await createTestDatabase();
      let now = at('10:00:00');
      const clock = { ...machineTiming, now: () => now };
      const simulator = await startBankSimulator({
        clock,
        seed,
        organisationCode: 'F123456789',
        clientId: 'client',
        clientSecret: 'secret',
        passPhrase: 'pass',
        faults: {
          rows_late: 0.2,
          rows_twice: 0.3,
          rows_out_of_order: 0.3,
          http_5xx: 0.02,
          cut_mid_body: 0.02,
        },
      });
      try {
        simulator.openAccount({
          fintechUseNum: ACCOUNT,
          bankCode: '088',
          accountNumber: '11012345678',
          holder: '모으기',
          openingBalance: won(50_000n),
        });
        const bank = createOpenBanking({
          baseUrl: simulator.url,
          credentials: () =>
            Promise.resolve({ clientId: 'client', clientSecret: 'secret', organisationCode: 'F123456789' }),
          passPhrase: () => Promise.reject(new Error('nothing is paid here')),
          contractAccountNumber: () => '11012345678',
          queryId: randomQueryId,
          clock,
          callTimeoutMs: 2000,
          maxConcurrentCalls: 1,
        });
        for (let cycle = 0; cycle < CYCLES + QUIET_CYCLES; cycle += 1) {
          // Forty deposits a cycle, of three amounts, four in a second: equal ones stand side by side.
          for (let n = 0; cycle < CYCLES && n < 40; n += 1) {
            const occurredAt = later(now, Math.floor(n / 4) * 20_000 - minutes(5));
            const amount = won([1000n, 1000n, 2500n, 9900n][(n * seed + cycle) % 4]!);
            simulator.deposit({ account: ACCOUNT, amount, text: `구매자${n % 3}`, at: occurredAt });
          }
          const context = await cycleAt(test, now, { bank });
          const read = await collect(context, ACCOUNT);
          if (read.outcome === 'complete' && read.read) await rereadEarlier(context, ACCOUNT, read.read);
          await book(context, ACCOUNT);
          now = later(now, minutes(5));
        }
        // A bank that refuses the last reads, too, is asked until it answers.
        for (let tries = 0; tries < 20; tries += 1) {
          const context = await cycleAt(test, now, { bank });
          if ((await collect(context, ACCOUNT)).outcome === 'complete') break;
        }
        await book(await cycleAt(test, now), ACCOUNT);
        const said = (row: { occurredAt: Date; amount: bigint; balanceAfter: bigint; text: string }) =>
          `${row.occurredAt.toISOString()} ${row.amount} ${row.balanceAfter} ${row.text}`;
        const stored = await test.db.selectFrom('statement_row').selectAll().execute();
        assert.deepEqual(
          stored
            .map((row) => said({ ...row, occurredAt: row.occurred_at, balanceAfter: row.balance_after }))
            .sort(),
          simulator.rows(ACCOUNT).map(said).sort(),
        );
        const reconciled = await reconcile(await cycleAt(test, now), ACCOUNT, true);
        assert.equal(reconciled?.drift, 0n);
        const last = await test.db
          .selectFrom('statement_read')
          .select('chain')
          .orderBy('read_id', 'desc')
          .executeTakeFirstOrThrow();
        assert.notEqual(last.chain, 'broken');
        const fired = simulator.faultCounts();
        const broken = fired.http_5xx + fired.cut_mid_body;
        for (const times of [fired.rows_late, fired.rows_twice, fired.rows_out_of_order, broken]) {
          assert.ok(times > 0, JSON.stringify(fired));
        }
      } finally {
        await simulator.stop();
        await test.close();
      }
    });
  }
});
