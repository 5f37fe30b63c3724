import { sql } from 'kysely';
import { randomQueryId } from '../../functions/bank/bank-tran-id.ts';
import type { Bank } from '../../functions/bank/bank.ts';
import { createOpenBanking } from '../../functions/bank/openbanking.client.ts';
import { runCycle, type CycleSummary } from '../../functions/cycle/cycle.ts';
import { won } from '../../functions/shared/money.ts';
import { settle, type SettleContext, type SettleOutcome } from '../../functions/transfers/settle.step.ts';
import { startBankSimulator, type BankSimulator } from '../../local/bank-simulator/bank-simulator.ts';
import type { FaultName } from '../../local/bank-simulator/faults.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createSetClock, type SetClock } from '../support/set-clock.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  cycleAt,
  install,
  minutes,
  ScriptedQueue,
  vault,
} from '../support/statement-scene.ts';

const ACCOUNT_NUMBER = '1000000000001';
const SECRETS = { clientId: 'client', clientSecret: 'secret', organisationCode: 'F123456789' };
export const CYCLE_MS = minutes(5);

export interface MarketOptions {
  /** When the story begins, such as `2026-03-10T10:00:00+09:00`. */
  readonly at?: string;
  /** By which the bank's chance goes. */
  readonly seed?: number;
  /** For one call to the bank, ms of the real clock. */
  readonly callTimeoutMs?: number;
  /** How long a slow answer takes, ms of the real clock. */
  readonly slowMs?: number;
  /** The longest time by which a late row is late. */
  readonly postingLagMsMax?: number;
  /** Statements that take rules out of the database. */
  readonly schema?: readonly string[];
}

/**
 * The whole system, in this process: a database, the simulated bank behind its wire, cycles, and a settlement that takes what they dispatch. One
 * seller, who pays no fee. Nobody moves the clock but the test.
 */
export interface Market {
  readonly test: TestDatabase;
  readonly clock: SetClock;
  readonly simulator: BankSimulator;
  readonly bank: Bank;
  readonly queue: ScriptedQueue;
  /** How probable each fault is from now on, 0 to 1. */
  readonly faults: Partial<Record<FaultName, number>>;
  readonly settleContext: SettleContext;
  /** Asked when a message is about to be sent, before the connection is made: whatever holds it up, holds up the send. */
  beforeSend: () => void | Promise<void>;
  /** Places an order under this depositor name. */
  order(name: string, amount: bigint): Promise<bigint>;
  /** A buyer pays at the clock's time. */
  pay(text: string, amount: bigint): void;
  /** Runs one cycle at the clock's time; what it dispatches waits in the queue. */
  cycle(hasTime?: (leave?: number) => boolean): Promise<CycleSummary>;
  /** Settles one transfer, as a worker does who got its message. */
  settle(transferId: bigint): Promise<SettleOutcome>;
  /** Settles what waits in the queue, one after the other. */
  settleQueue(): Promise<SettleOutcome[]>;
  /** Five minutes later, unless told otherwise: a cycle, and the settlement of what it dispatched; so many times. */
  cycles(count: number, everyMs?: number): Promise<void>;
  /** What the bank has really paid out, row by row. */
  paidOut(): bigint[];
  /** The states of all transfers, by id. */
  transferStates(): Promise<string[]>;
  /** What became of each deposit, in the statement's order: `matched`, `in_review(possible_duplicate)`. */
  depositStates(): Promise<string[]>;
  close(): Promise<void>;
}

export async function openMarket(options: MarketOptions = {}): Promise<Market> {
  const clock = createSetClock(options.at ?? '2026-03-10T10:00:00+09:00');
  const faults: Partial<Record<FaultName, number>> = {};
  const test = await createTestDatabase();
  await install(test);
  for (const statement of options.schema ?? []) await sql.raw(statement).execute(test.owner);
  const sellerId = await addSeller(test.db, { feeBp: 0, grouping: 'order' });
  const { seed = 1, slowMs = 0, postingLagMsMax = CYCLE_MS } = options;
  const simulator = await startBankSimulator({
    clock,
    ...SECRETS,
    passPhrase: 'pass',
    faults,
    seed,
    slowMs,
    postingLagMsMax,
  });
  // The bank's own refusal of an id that it has seen is no rule of ours: nothing may lean on it.
  faults.repeat_duplicate = 1;
  simulator.openAccount({
    fintechUseNum: ACCOUNT,
    bankCode: '097',
    accountNumber: ACCOUNT_NUMBER,
    holder: '모으기',
    openingBalance: won(1_000_000n),
  });
  const bank = createOpenBanking({
    baseUrl: simulator.url,
    credentials: () => Promise.resolve(SECRETS),
    passPhrase: async () => {
      await market.beforeSend();
      return 'pass';
    },
    contractAccountNumber: () => ACCOUNT_NUMBER,
    queryId: randomQueryId,
    clock,
    callTimeoutMs: options.callTimeoutMs ?? 10_000,
    maxConcurrentCalls: 4,
  });
  const queue = new ScriptedQueue();
  const settleContext: SettleContext = {
    db: test.db,
    bank,
    clock,
    vault,
    payoutAccount: ACCOUNT,
    organisationCode: SECRETS.organisationCode,
  };

  const market: Market = {
    test,
    clock,
    simulator,
    bank,
    queue,
    faults,
    settleContext,
    beforeSend: () => undefined,
    order: async (name, amount) =>
      await addOrder(test.db, { sellerId, name, amount, opensAt: clock.now(), expiresAt: null }),
    pay: (text, amount) => void simulator.deposit({ account: ACCOUNT, amount: won(amount), text }),
    async cycle(hasTime = () => true) {
      return await runCycle(await cycleAt(test, clock.now(), { bank, queue, hasTime }));
    },
    settle: async (transferId) => await settle(settleContext, transferId),
    async settleQueue() {
      const outcomes: SettleOutcome[] = [];
      for (const { transferId } of queue.dispatched.splice(0)) outcomes.push(await market.settle(transferId));
      return outcomes;
    },
    async cycles(count, everyMs = CYCLE_MS) {
      for (let n = 0; n < count; n += 1) {
        clock.advance(everyMs);
        await market.cycle();
        await market.settleQueue();
      }
    },
    paidOut: () =>
      simulator
        .rows(ACCOUNT)
        .filter((row) => row.direction === 'out')
        .map((row) => row.amount),
    async transferStates() {
      const rows = await test.db.selectFrom('transfer').select('state').orderBy('transfer_id').execute();
      return rows.map((row) => row.state);
    },
    async depositStates() {
      const rows = await test.db
        .selectFrom('deposit')
        .select(['state', 'reason'])
        .orderBy('row_id')
        .execute();
      return rows.map(({ state, reason }) => (reason === null ? state : `${state}(${reason})`));
    },
    async close() {
      await simulator.stop();
      await test.close();
    },
  };
  return market;
}
