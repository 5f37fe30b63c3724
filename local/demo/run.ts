import { setTimeout as delay } from 'node:timers/promises';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import { placeOrders, type OrderToPlace } from '../../functions/orders/order.repository.ts';
import { addSellers } from '../../functions/orders/seller.repository.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { formatWon, won, type BasisPoints } from '../../functions/shared/money.ts';
import type { Faults } from '../bank-simulator/faults.ts';
import { checkBooks } from '../check-books.ts';
import { cycleLine, paidBetween } from '../cycle-line.ts';
import { lockFolder } from '../folder-lock.ts';
import { addDays, kstDate, kstMidnight } from '../../functions/bank/kst.ts';
import { createSchedule, type ScheduledRun } from '../function-host/scheduler.ts';
import {
  ACCOUNT_NUMBERS,
  COLLECTION_ACCOUNT,
  startSystem,
  type LocalSystem,
  type LogLine,
} from '../system.ts';
import { transferTotals, type TransferTotals } from '../totals.ts';
import { whileRestarting } from '../while-restarting.ts';
import { payBill } from './buyers.ts';

const SHOP = 'demo';
const ORDER_LIFE_MS = 30 * 60_000;

const SELLERS = [
  { sellerId: 'haneul-flowers', name: '하늘꽃집', accountNumber: '110200300401', feeRate: 250 },
  { sellerId: 'bada-fish', name: '바다수산', accountNumber: '110200300402', feeRate: 330 },
  { sellerId: 'namu-books', name: '나무책방', accountNumber: '110200300403', feeRate: 0 },
] as const;

const NAMES = [
  '김민수',
  '이서연',
  '박지훈',
  '최은주',
  '정하늘',
  '강도윤',
  '조수아',
  '남궁민수',
  'John Smith',
  '윤',
  '임지우',
  '한예린',
] as const;

export interface DemoOptions {
  readonly folder: string;
  /** Seconds between cycles: five minutes on AWS, less here so that there is something to see. */
  readonly cycleSeconds: number;
  readonly cycles?: number;
  readonly faults?: Faults;
  readonly say: (line: string) => void;
  readonly onLog: (line: LogLine) => void;
  readonly signal: AbortSignal;
  readonly onSystem?: (system: LocalSystem) => void;
}

export type DemoOutcome =
  | {
      readonly outcome: 'finished';
      readonly cycles: number;
      readonly transfers: TransferTotals;
      readonly orders: number;
      readonly paid: number;
    }
  | { readonly outcome: 'folder_taken'; readonly pid: number };

/** Runs the whole system with demo shops and buyers, until the signal or so many cycles. Its data stays in the folder. */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const locked = lockFolder(options.folder);
  if (locked.outcome === 'taken') return { outcome: 'folder_taken', pid: locked.pid };
  let system: LocalSystem | undefined;
  try {
    options.say('Starting the database, the queue, the bank and the functions …');
    system = await startSystem({
      folder: options.folder,
      clock: systemClock,
      payoutAccount: COLLECTION_ACCOUNT,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      cycleMinutes: 5,
      settlementConcurrency: 2,
      polling: 'long',
      durable: true,
      onLog: options.onLog,
    });
    options.onSystem?.(system);
    await openShops(system);
    return await trade(system, options);
  } finally {
    await system?.stop();
    locked.lock.release();
  }
}

async function openShops(system: LocalSystem): Promise<void> {
  system.bank.openAccount({
    fintechUseNum: COLLECTION_ACCOUNT,
    bankCode: '004',
    accountNumber: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT],
    holder: 'smart-transfer',
    openingBalance: won(1_000_000n),
  });
  await system.db.transaction().execute(async (trx) => {
    const sellers = SELLERS.map(({ sellerId, name, accountNumber, feeRate }) => ({
      sellerId,
      name,
      feeRate: feeRate as BasisPoints,
      account: { bankCode: '088', accountNumber, holder: name },
    }));
    await addSellers(
      trx,
      system.vault,
      sellers,
      { requestedBy: 'demo shop', approvedBy: 'demo operator' },
      systemClock.now(),
    );
  });
}

async function trade(system: LocalSystem, options: DemoOptions): Promise<DemoOutcome> {
  const { say, signal, cycleSeconds } = options;
  say(
    `A cycle every ${cycleSeconds} s here (every five minutes on AWS). Data in ${options.folder}. Ctrl-C ends.`,
  );
  const ended = new AbortController();
  signal.addEventListener('abort', () => ended.abort(), { once: true });
  if (signal.aborted) ended.abort();
  let before = await whileRestarting(() => transferTotals(system.db));
  let cycles = 0;
  const onResult = async ({ result }: ScheduledRun): Promise<void> => {
    const summary = result.outcome === 'returned' ? (result.payload as MatchResult) : undefined;
    const after = await whileRestarting(() => transferTotals(system.db));
    if (summary === undefined)
      say(`a cycle did not end: ${JSON.stringify(result)}; the next one goes on where it stopped`);
    else if ('began_at' in summary) say(cycleLine(summary, paidBetween(before, after), after.unknown.count));
    else say(`this cycle ended at once: ${summary.ended}`);
    before = after;
    cycles += 1;
    if (options.cycles !== undefined && cycles >= options.cycles) ended.abort();
  };
  const schedule = createSchedule({
    everyMs: cycleSeconds * 1000,
    firstAfterMs: Math.min(cycleSeconds * 1000, 3000),
    target: system.matcher,
    event: () => ({}),
    onResult: (run) =>
      void onResult(run).catch((error: unknown) =>
        say(`this cycle's figures could not be read: ${String(error)}`),
      ),
  });
  const checks = checkEachDay(system, say, ended.signal);
  await shopsAndBuyers(system, options, ended.signal);
  await Promise.all([schedule.stop(), checks]);
  await system.mapping.idle();
  const orders = await system.db
    .selectFrom('shop_order')
    .select((eb) => [
      eb.fn.countAll<bigint>().as('all'),
      eb.fn.countAll<bigint>().filterWhere('state', '=', 'paid').as('paid'),
    ])
    .executeTakeFirstOrThrow();
  const transfers = await whileRestarting(() => transferTotals(system.db));
  return { outcome: 'finished', cycles, transfers, orders: Number(orders.all), paid: Number(orders.paid) };
}

/** The daily check runs a quarter of an hour into each day in Korea, when the last day's cycles are over, ms. */
const CHECK_AFTER_MIDNIGHT_MS = 15 * 60_000;

/** Checks the books once at the start, which also closes the days since the last run, and then once a day. */
async function checkEachDay(
  system: LocalSystem,
  say: (line: string) => void,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    say((await checkBooks(system)).text);
    const now = systemClock.now();
    const next = kstMidnight(addDays(kstDate(now), 1)).getTime() + CHECK_AFTER_MIDNIGHT_MS;
    await delay(next - now.getTime(), undefined, { signal: ended }).catch(() => undefined);
  }
}

/** Places an order every second or so; its buyer pays a moment later, one way or another. */
async function shopsAndBuyers(system: LocalSystem, options: DemoOptions, ended: AbortSignal): Promise<void> {
  for (let n = 1; !ended.aborted; n += 1) {
    try {
      const order = newOrder(n);
      const [placed] = await system.db
        .transaction()
        .execute(async (trx) => await placeOrders(trx, [order], systemClock.now(), Math.random));
      if (placed !== undefined) {
        if (n === 1) explain(order, placed.depositorName, options.say);
        const bill = {
          depositorName: placed.depositorName,
          recipientName: order.recipientName,
          amount: order.amount,
        };
        for (const payment of payBill(bill, Math.random))
          system.bank.deposit({ account: COLLECTION_ACCOUNT, ...payment });
      }
    } catch (error) {
      options.say(
        `an order could not be placed: ${error instanceof Error ? error.message : String(error)}; the shop goes on`,
      );
    }
    await delay(700, undefined, { signal: ended }).catch(() => undefined);
  }
}

function newOrder(n: number): OrderToPlace {
  const now = systemClock.now();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
  return {
    shopId: SHOP,
    shopOrderId: `${now.getTime().toString(36)}-${n}`,
    sellerId: pick(SELLERS).sellerId,
    recipientName: pick(NAMES),
    amount: won(BigInt(5 + Math.floor(Math.random() * 195)) * 1000n),
    opensAt: now,
    expiresAt: new Date(now.getTime() + ORDER_LIFE_MS),
  };
}

function explain(order: OrderToPlace, depositorName: string, say: (line: string) => void): void {
  say(
    `Demo shops place orders, demo buyers pay. The first: ${order.recipientName} owes ${order.sellerId} ${formatWon(order.amount)} won and is told to type 입금자명 ${depositorName}.`,
  );
}
