import { setTimeout as delay } from 'node:timers/promises';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import type { Acting, PersonId, Reason } from '../../functions/people/person.ts';
import type { ShopId } from '../../functions/shops/api-key.ts';
import { createApiKey, endApiKey } from '../../functions/shops/api-keys.step.ts';
import { listApiKeys } from '../../functions/shops/shop.repository.ts';
import { addSellers } from '../../functions/orders/seller.repository.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { formatWon, type BasisPoints } from '../../functions/shared/money.ts';
import type { Faults } from '../bank-simulator/faults.ts';
import { checkBooks } from '../check-books.ts';
import { cycleLine, paidBetween } from '../cycle-line.ts';
import { lockFolder } from '../folder-lock.ts';
import { addDays, kstDate, kstMidnight } from '../../functions/bank/kst.ts';
import { createSchedule, type ScheduledRun } from '../function-host/scheduler.ts';
import {
  COLLECTION_ACCOUNT,
  openCollectionAccount,
  startSystem,
  type LocalSystem,
  type LogLine,
} from '../system.ts';
import { transferTotals, type TransferTotals } from '../totals.ts';
import { whileRestarting } from '../while-restarting.ts';
import { payBill } from './buyers.ts';
import { createShopClient, type NewOrder, type PlacedOrder, type ShopClient } from './shop-client.ts';

const SHOP = 'demo' as ShopId;
const ORDER_LIFE_MINUTES = 30;

/** Marks the keys that a run made for itself. */
const KEY_LABEL = 'npm start';

/** How the demo's own orders begin. */
const DEMO_ORDER = 'demo-';

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
  /** Where the API listens; a free port unless given. */
  readonly apiPort?: number;
  readonly cycles?: number;
  /** A receiver of the demo shop's webhooks. */
  readonly webhook?: string;
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
      ...(options.apiPort === undefined ? {} : { apiPort: options.apiPort }),
      cycleMinutes: 5,
      settlementConcurrency: 2,
      polling: 'long',
      durable: true,
      webhooks: options.webhook !== undefined,
      onLog: options.onLog,
    });
    options.onSystem?.(system);
    const key = await openShops(system);
    const shop = createShopClient(system.gateway.url, key);
    if (options.webhook !== undefined) options.say(await addWebhook(shop, options.webhook));
    return await trade(system, shop, options);
  } finally {
    await system?.stop();
    locked.lock.release();
  }
}

/** Opens the bank account and the demo shop. Answers an API key of the shop; keys of earlier runs are revoked. */
async function openShops(system: LocalSystem): Promise<string> {
  openCollectionAccount(system.bank);
  await system.db.transaction().execute(async (trx) => {
    const sellers = SELLERS.map(({ sellerId, name, accountNumber, feeRate }) => ({
      sellerId,
      shopId: SHOP,
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
  const acting: Acting = {
    by: 'npm-start' as PersonId,
    reason: 'the demo shop uses the API as any shop does' as Reason,
    at: systemClock.now(),
  };
  for (const old of await listApiKeys(system.db, SHOP))
    if (old.label === KEY_LABEL && old.revoked_at === null) await endApiKey(system.db, acting, old.key_id);
  const created = await createApiKey(system.db, acting, {
    shopId: SHOP,
    label: KEY_LABEL,
    newShop: { name: '데모 상점', feeBp: 300, orderLifeMinutes: ORDER_LIFE_MINUTES },
  });
  if (created.outcome === 'refused') throw new Error(created.message);
  return created.result.key;
}

async function trade(system: LocalSystem, shop: ShopClient, options: DemoOptions): Promise<DemoOutcome> {
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
  say(howToPlaceAnOrder(shop));
  const checks = checkEachDay(system, say, ended.signal);
  await Promise.all([sell(shop, options, ended.signal), buy(system, shop, options, ended.signal)]);
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

/** Places an order every second or so, as a shop does: by the API. */
async function sell(shop: ShopClient, { say }: DemoOptions, ended: AbortSignal): Promise<void> {
  for (let n = 1; !ended.aborted; n += 1) {
    const order = newOrder(n);
    try {
      const placed = await shop.place(order);
      if (n === 1) explain(order, placed, say);
    } catch (error) {
      if (!isOver(ended)) say(`an order could not be placed: ${String(error)}; the shop goes on`);
    }
    await delay(700, undefined, { signal: ended }).catch(() => undefined);
  }
}

function explain(order: NewOrder, placed: PlacedOrder, say: (line: string) => void): void {
  say(
    `Demo shops place orders, demo buyers pay. The first: ${order.recipient_name} owes ${order.seller_id} ${formatWon(placed.amount)} won and is told to type 입금자명 ${placed.depositorName}.`,
  );
}

/** Asked anew, since it changes while one waits. */
function isOver(ended: AbortSignal): boolean {
  return ended.aborted;
}

/** Pays every order that was placed since the start, whoever placed it, once, one way or another. */
async function buy(
  system: LocalSystem,
  shop: ShopClient,
  { say }: DemoOptions,
  ended: AbortSignal,
): Promise<void> {
  const since = systemClock.now();
  const seen = new Set<string>();
  while (!ended.aborted) {
    const awaiting = await shop.listAwaiting().catch((error: unknown) => {
      if (!isOver(ended)) say(`buyers could not look at their orders: ${String(error)}; they look again`);
      return [];
    });
    for (const order of awaiting.filter((one) => one.opensAt >= since && !seen.has(one.shopOrderId))) {
      seen.add(order.shopOrderId);
      pay(system, order);
    }
    await delay(500, undefined, { signal: ended }).catch(() => undefined);
  }
}

/** A buyer of the demo pays in one of the ways of people; who placed an order by hand is paid as told, so as to see it settled. */
function pay(system: LocalSystem, order: PlacedOrder): void {
  const isDemo = order.shopOrderId.startsWith(DEMO_ORDER);
  const bill = {
    depositorName: order.depositorName,
    recipientName: order.recipientName,
    amount: order.amount,
  };
  const payments = isDemo ? payBill(bill, Math.random) : [{ text: bill.depositorName, amount: bill.amount }];
  const sender = {
    bankCode: '088',
    accountNumber: `110${Math.floor(Math.random() * 1e9)
      .toString()
      .padStart(9, '0')}`,
    name: order.recipientName,
  };
  for (const payment of payments) system.bank.deposit({ account: COLLECTION_ACCOUNT, ...payment, sender });
}

function newOrder(n: number): NewOrder {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
  return {
    shop_order_id: `${DEMO_ORDER}${Date.now().toString(36)}-${n}`,
    seller_id: pick(SELLERS).sellerId,
    recipient_name: pick(NAMES),
    amount: (5 + Math.floor(Math.random() * 195)) * 1000,
  };
}

/** Adds a webhook of the demo shop, anew where an earlier run added it, and tells how to verify what it sends. */
async function addWebhook(shop: ShopClient, receiver: string): Promise<string> {
  const known = (await shop.ask('GET', '/v1/webhooks')) as { webhooks: { webhook_id: string }[] };
  for (const { webhook_id } of known.webhooks) await shop.request('DELETE', `/v1/webhooks/${webhook_id}`);
  const { signing_key } = (await shop.ask('POST', '/v1/webhooks', { url: receiver })) as {
    signing_key: string;
  };
  return `Events are posted to ${receiver}. They verify by Standard Webhooks (npm standardwebhooks) with the key ${signing_key}`;
}

/** What to type to place an order by hand. */
function howToPlaceAnOrder({ url, key }: ShopClient): string {
  const order = {
    shop_order_id: 'mine-1',
    seller_id: SELLERS[0].sellerId,
    recipient_name: '김민수',
    amount: 32_000,
  };
  return [
    `The API for shops: ${url}/v1 (to read: ${url}/docs). Place an order of your own, and a buyer pays it:`,
    `  curl -s ${url}/v1/orders -H 'authorization: Bearer ${key}' -H 'content-type: application/json' -d '${JSON.stringify(order)}'`,
    `and look at it again after the next cycle:`,
    `  curl -s ${url}/v1/orders/mine-1 -H 'authorization: Bearer ${key}'`,
  ].join('\n');
}
