import assert from 'node:assert/strict';
import type { Bank } from '../../../functions/bank/bank.ts';
import { randomQueryId } from '../../../functions/bank/bank-tran-id.ts';
import { createOpenBanking } from '../../../functions/bank/openbanking.client.ts';
import { runCycle, type CycleSummary } from '../../../functions/cycle/cycle.ts';
import { placeOrders } from '../../../functions/orders/order.repository.ts';
import { feeOf, won, type BasisPoints } from '../../../functions/shared/money.ts';
import { databaseIdentity } from '../../../functions/shared/database-identity.ts';
import { jsonOf } from '../../../functions/shared/json.ts';
import { adopt, explainAsLost, listUnexplained } from '../../../functions/transfers/adopt.step.ts';
import { resumeAfterRestore } from '../../../functions/transfers/resume-restore.step.ts';
import { settle, type SettleOutcome } from '../../../functions/transfers/settle.step.ts';
import { startBankSimulator, type BankSimulator } from '../../../local/bank-simulator/bank-simulator.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import { createTestDatabase, restoreIntoAnotherCluster, type TestDatabase } from '../../support/database.ts';
import { dumpDatabase, type LogicalDump } from '../../support/logical-dump.ts';
import { addSeller } from '../../support/payout-world.ts';
import { createRecordingQueue, type RecordingQueue } from '../../support/recording-queue.ts';
import { createSetClock, type SetClock } from '../../support/set-clock.ts';
import { ACCOUNT, cycleAt, minutes, vault } from '../../support/statement-scene.ts';

const ORGANISATION = 'F123456789';
const CONTRACT_NUMBER = '11012345678';
const FEE = 300 as BasisPoints;
/** The night of the story: payouts go on up to midnight, the restored database comes up after it. */
const EVENING = new Date('2026-03-10T23:15:00+09:00');
const SELLERS = { grouping: '110000000001', alone: '110000000002', unlucky: '110000000003' } as const;
type Seller = keyof typeof SELLERS;

/** One database, and what works on it. */
interface Life {
  readonly test: TestDatabase;
  readonly queue: RecordingQueue;
}

interface Order {
  readonly shopOrderId: string;
  readonly seller: Seller;
  readonly amount: bigint;
  readonly name: string;
}

/** The bank, the clock and the shops, which outlive any database. */
class Night {
  readonly clock: SetClock;
  readonly simulator: BankSimulator;
  /** What each seller's buyers have paid in, and so what the seller is to get. */
  readonly paidIn: Order[] = [];
  /** Taken right before the bank is called, so that the dump holds a transfer whose message was not sent yet. */
  beforeSending: (() => Promise<void>) | undefined;
  readonly bank: Bank;
  #orders = 0;

  constructor(clock: SetClock, simulator: BankSimulator) {
    this.clock = clock;
    this.simulator = simulator;
    const bank = createOpenBanking({
      baseUrl: simulator.url,
      credentials: () =>
        Promise.resolve({ clientId: 'client', clientSecret: 'secret', organisationCode: ORGANISATION }),
      passPhrase: () => Promise.resolve('pass'),
      contractAccountNumber: () => CONTRACT_NUMBER,
      queryId: randomQueryId,
      clock,
      callTimeoutMs: 20_000,
      maxConcurrentCalls: 4,
    });
    this.bank = {
      listTransactions: (request) => bank.listTransactions(request),
      listRemitters: (request) => bank.listRemitters(request),
      prepareTransfer: (order) => bank.prepareTransfer(order),
      inquire: (inquiries) => bank.inquire(inquiries),
      sendTransfer: async (prepared, mayStillWrite) => {
        const before = this.beforeSending;
        this.beforeSending = undefined;
        await before?.();
        return await bank.sendTransfer(prepared, mayStillWrite);
      },
    };
  }

  async placeOrder({ test }: Life, seller: Seller, amount: bigint): Promise<Order> {
    this.#orders += 1;
    const shopOrderId = `order-${this.#orders}`;
    const now = this.clock.now();
    const order = {
      shopId: 'shop',
      shopOrderId,
      sellerId: seller,
      recipientName: '홍길동',
      amount: won(amount),
      opensAt: now,
      expiresAt: new Date(now.getTime() + minutes(600)),
    };
    const [placed] = await test.db
      .transaction()
      .execute(async (trx) => await placeOrders(trx, [order], now, Math.random));
    return { shopOrderId, seller, amount, name: placed!.depositorName };
  }

  pay(order: Order): void {
    this.simulator.deposit({ account: ACCOUNT, amount: won(order.amount), text: order.name });
    this.paidIn.push(order);
    this.clock.advance(1000);
  }

  /** One cycle, five minutes after the last. */
  async cycle({ test, queue }: Life): Promise<CycleSummary> {
    const context = await cycleAt(test, this.clock.now(), { bank: this.bank, queue });
    const summary = await runCycle({
      ...context,
      settings: { ...context.settings, organisationCode: ORGANISATION },
    });
    assert.deepEqual(summary.failures, []);
    return summary;
  }

  /** Goes on to an instant, runs a cycle there, and settles what it dispatches. */
  async settleCycle(life: Life, at: string): Promise<void> {
    this.clock.set(at);
    await this.cycle(life);
    await this.settleAll(life);
  }

  async settle({ test }: Life, transferId: bigint): Promise<SettleOutcome> {
    const { db } = test;
    const { bank, clock } = this;
    return await settle(
      { db, bank, clock, vault, payoutAccount: ACCOUNT, organisationCode: ORGANISATION },
      transferId,
    );
  }

  /** Settles every message of the queue, in its order. */
  async settleAll(life: Life): Promise<SettleOutcome[]> {
    const outcomes: SettleOutcome[] = [];
    for (const { transferId } of life.queue.taken.splice(0))
      outcomes.push(await this.settle(life, transferId));
    return outcomes;
  }

  /** What has left the bank, by the seller whose account it went to, won. */
  paidOut(): Record<Seller, bigint> {
    const paid = { grouping: 0n, alone: 0n, unlucky: 0n };
    for (const transfer of this.simulator.transfers().filter((one) => one.executed)) {
      const seller = (Object.keys(SELLERS) as Seller[]).find(
        (one) => SELLERS[one] === transfer.toAccountNumber,
      );
      assert.ok(seller, `a transfer to ${transfer.toAccountNumber}`);
      paid[seller] += transfer.amount;
    }
    return paid;
  }

  /** What the sellers are to get for all that was paid in, won. */
  owed(): Record<Seller, bigint> {
    const owed = { grouping: 0n, alone: 0n, unlucky: 0n };
    for (const { seller, amount } of this.paidIn) owed[seller] += amount - feeOf(won(amount), FEE);
    return owed;
  }
}

async function beginNight(): Promise<Night> {
  const clock = createSetClock(EVENING);
  const simulator = await startBankSimulator({
    clock,
    organisationCode: ORGANISATION,
    clientId: 'client',
    clientSecret: 'secret',
    passPhrase: 'pass',
  });
  simulator.openAccount({
    fintechUseNum: ACCOUNT,
    bankCode: '088',
    accountNumber: CONTRACT_NUMBER,
    holder: '모으기',
    openingBalance: won(1_000_000n),
  });
  return new Night(clock, simulator);
}

/** Where the first life has come when it ends. */
interface FirstLife extends Life {
  readonly dump: LogicalDump;
  /** Placed before the dump, and not paid by then. */
  readonly waiting: Order;
  /** Placed after the dump, paid and paid out: nobody but the bank knows of it. */
  readonly lost: Order;
  readonly queuedAtDump: bigint;
}

/**
 * Half an hour of payouts; a dump at 23:35 in the middle of one; and ten more minutes: what was queued is paid, orders that the dump knows are paid in and
 * paid out, in cycles of their own and together, and one that it does not know.
 */
async function liveAndDump(night: Night): Promise<FirstLife> {
  const life: Life = { test: await createTestDatabase(), queue: createRecordingQueue() };
  const { clock } = night;
  for (const [seller, accountNumber] of Object.entries(SELLERS))
    await addSeller({ db: life.test.db, clock, vault }, seller, {
      feeBp: FEE,
      grouping: seller === 'alone' ? 'order' : 'page',
      accountNumber,
    });
  await night.cycle(life);
  const known = [];
  for (const [seller, amount] of [
    ['grouping', 10_100n],
    ['grouping', 20_200n],
    ['grouping', 40_300n],
    ['grouping', 80_500n],
    ['alone', 11_700n],
    ['unlucky', 13_900n],
    ['unlucky', 17_100n],
    ['alone', 19_300n],
  ] as const)
    known.push(await night.placeOrder(life, seller, amount));
  const [first, second, third, fourth, alone, sending, queued, waiting] = known as [
    Order,
    Order,
    Order,
    Order,
    Order,
    Order,
    Order,
    Order,
  ];

  clock.set('2026-03-10T23:20:00+09:00');
  night.pay(alone);
  await night.settleCycle(life, '2026-03-10T23:25:00+09:00');

  night.pay(sending);
  clock.set('2026-03-10T23:30:00+09:00');
  await night.cycle(life);
  const [claimed] = life.queue.taken.splice(0);
  night.pay(queued);
  clock.set('2026-03-10T23:35:00+09:00');
  await night.cycle(life);
  // The one that nobody has claimed for a cycle was dispatched again beside it.
  const queuedMessage = life.queue.taken.find(({ transferId }) => transferId !== claimed?.transferId);
  let dump: LogicalDump | undefined;
  night.beforeSending = async () => void (dump = await dumpDatabase(life.test.owner));
  await night.settle(life, claimed!.transferId);
  assert.ok(dump !== undefined, 'the dump was taken between the claim and the call');

  // From here on the dump knows nothing.
  clock.set('2026-03-10T23:36:00+09:00');
  await night.settleAll(life);
  night.pay(first);
  await night.settleCycle(life, '2026-03-10T23:40:00+09:00');
  night.pay(second);
  const lost = await night.placeOrder(life, 'unlucky', 23_100n);
  night.pay(lost);
  await night.settleCycle(life, '2026-03-10T23:45:00+09:00');
  night.pay(third);
  night.pay(fourth);
  await night.settleCycle(life, '2026-03-10T23:46:00+09:00');
  assert.deepEqual(night.paidOut(), night.owed(), 'the first life has paid what it owed');
  return { ...life, dump, waiting, lost, queuedAtDump: queuedMessage!.transferId };
}

describe('after a restore', function () {
  let night: Night;
  let first: FirstLife;
  let second: Life;
  beforeEach(async () => {
    night = await beginNight();
    first = await liveAndDump(night);
    second = { test: await restoreIntoAnotherCluster(first.dump), queue: createRecordingQueue() };
    night.clock.set('2026-03-11T00:05:00+09:00');
  });
  afterEach(async () => {
    await night.simulator.stop();
    await Promise.all([first.test.close(), second.test.close()]);
  });

  it('pays nobody twice: it halts, names what it has forgotten, and goes on once all of that is explained', async () => {
    const { db } = second.test;
    const { clock } = night;

    // Messages that the queue still holds reach functions that use the restored database, many at once and before any cycle.
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => night.settle(second, first.queuedAtDump)),
    );
    for (const outcome of outcomes)
      assert.deepEqual(outcome, { outcome: 'stopped', stops: ['halt_restore'] });
    await night.cycle(second);
    const restores = await db.selectFrom('database_restore').selectAll().execute();
    assert.equal(restores.length, 1, 'however many notice, it is noticed once');
    assert.equal(restores[0]?.id_epoch, 1);
    assert.deepEqual(restores[0].known_until, new Date('2026-03-10T23:35:00+09:00'));
    const alarms = await db.selectFrom('alarm').select('name').execute();
    assert.equal(alarms.filter((alarm) => alarm.name === 'database_restored').length, 1);
    assert.equal(alarms.filter((alarm) => alarm.name === 'unknown_reference').length, 5);
    assert.deepEqual(second.queue.taken, [], 'nothing is dispatched');

    // An order goes on as ever, but is not paid out yet. Its name is none that the lost minutes can have given out.
    const names = new Set([first.lost.name]);
    const next = await night.placeOrder(second, 'alone', 29_900n);
    assert.ok(!names.has(next.name));
    night.pay(next);
    clock.set('2026-03-11T00:10:00+09:00');
    await night.cycle(second);

    // Rows and what they may have paid. The transfer that was being sent is found by its reference alone.
    const unexplained = await listUnexplained(db);
    assert.deepEqual(
      unexplained.map((row) => [row.amount, row.proposals.length]),
      [
        [17_100n - 513n, 1],
        [10_100n - 303n, 1],
        [20_200n - 606n, 1],
        [23_100n - 693n, 0],
        [40_300n - 1209n + 80_500n - 2415n, 1],
      ],
    );
    assert.equal(unexplained[4]?.proposals[0]?.length, 2, 'two orders went out together');
    const refused = await resumeAfterRestore(db, actingAs('kim', clock.now()));
    assert.equal(refused.outcome, 'refused');
    assert.match(refused.message, /5 rows went out and nothing explains them/);
    assert.match(refused.message, /is not read completely from 2026-03-09/);

    for (const { rowId, proposals } of unexplained) {
      const [proposal] = proposals;
      for (const name of ['kim', 'lee']) {
        const acting = actingAs(name, clock.now());
        const said =
          proposal === undefined
            ? await explainAsLost(db, acting, { rowId, notPaid: [] })
            : await adopt(db, acting, { rowId, transferIds: proposal });
        assert.equal(said.outcome, 'done', jsonOf(said));
      }
    }
    await assertBooks(db);
    assert.deepEqual(await listUnexplained(db), []);

    // The bank may still show something for a quarter of an hour.
    const early = await resumeAfterRestore(db, actingAs('kim', clock.now()));
    assert.equal(early.outcome, 'refused');
    assert.doesNotMatch(early.message, /explains them/);
    for (const time of ['00:15', '00:20', '00:25']) {
      clock.set(`2026-03-11T${time}:00+09:00`);
      assert.equal((await night.cycle(second)).dispatched, 0);
    }
    for (const [name, outcome] of [
      ['kim', 'requested'],
      ['lee', 'resumed'],
    ] as const) {
      const resumed = await resumeAfterRestore(db, actingAs(name, clock.now()));
      assert.equal(resumed.outcome, 'done', jsonOf(resumed));
      assert.equal(resumed.result.outcome, outcome);
    }

    night.pay(first.waiting);
    await night.settleCycle(second, '2026-03-11T00:30:00+09:00');
    clock.set('2026-03-11T00:50:00+09:00');
    const last = await night.cycle(second);
    await night.settleAll(second);
    assert.deepEqual(last.stops, []);
    assert.equal(last.drift_won, '0');
    assert.equal(last.unknown, 0);
    assert.deepEqual(night.paidOut(), night.owed(), 'every seller has got exactly what was paid in');
    const sent = night.simulator.transfers().map((transfer) => transfer.reference);
    assert.equal(new Set(sent).size, sent.length, 'no id was used twice');
    assert.ok(sent.at(-1)?.startsWith('ST01'), 'ids are of the next epoch');
    await assertBooks(db);
  });

  it('pays twice where the database is taken for the one that it was', async () => {
    // What a migration, or a person, would do who makes the identity fit.
    await second.test.owner
      .updateTable('installation')
      .set({ database_identity: databaseIdentity(undefined) })
      .execute();
    const outcome = await night.settle(second, first.queuedAtDump);
    assert.equal(outcome.outcome, 'succeeded', jsonOf(outcome));
    const twice = 17_100n - 513n;
    assert.equal(night.paidOut().unlucky, night.owed().unlucky + twice);
    // The statement is a second witness: from the first cycle on nothing more is paid.
    const { stops } = await night.cycle(second);
    assert.ok(stops.includes('halt_restore'), stops.join());
    assert.deepEqual(second.queue.taken, []);
  });
});
