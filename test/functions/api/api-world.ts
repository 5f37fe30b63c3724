import { randomBytes } from 'node:crypto';
import { createShopApi, type ShopApi, type ShopApiParts } from '../../../functions/api/shop-api.ts';
import {
  API_KEY_BYTES,
  makeApiKey,
  parseShopId,
  writeApiKey,
  type ShopId,
} from '../../../functions/shops/api-key.ts';
import { addShop, insertApiKey } from '../../../functions/shops/shop.repository.ts';
import { insertTransfers, readSellers } from '../../../functions/transfers/plan.repository.ts';
import { planTransfers } from '../../../functions/transfers/plan.ts';
import { insertPostings } from '../../../functions/ledger/ledger.repository.ts';
import { allocationPostings, depositPosting } from '../../../functions/ledger/postings.ts';
import { createVault } from '../../../functions/shared/encryption.ts';
import { won, type BasisPoints } from '../../../functions/shared/money.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createSetClock, type SetClock } from '../../support/set-clock.ts';

export const MORNING = new Date('2026-03-02T10:00:00+09:00');

/** Of which the test's signing keys are derived. */
export const WEBHOOK_KEYS = { current: 'w1', keys: { w1: randomBytes(32).toString('base64') } };

/** With which the test's account numbers are encrypted. */
export const VAULT = createVault({
  current: 'k1',
  keys: { k1: randomBytes(32).toString('base64') },
  fingerprint: randomBytes(32).toString('base64'),
});

/** The API on a database of a test's own. */
export interface ApiWorld {
  readonly test: TestDatabase;
  readonly clock: SetClock;
  readonly api: ShopApi;
  readonly errors: string[];
  /** Adds a shop and answers a key of it. */
  addShop(shopId: string): Promise<string>;
  addSeller(shopId: string, ownSellerId: string): Promise<void>;
  /** One request with a key; a body that is not text is sent as JSON. */
  request(
    key: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export async function openApiWorld(overrides: Partial<ShopApiParts> = {}): Promise<ApiWorld> {
  const test = await createTestDatabase();
  const clock = createSetClock(MORNING);
  const errors: string[] = [];
  const api = createShopApi({
    db: test.db,
    clock,
    chance: Math.random,
    collection: { bankCode: '004', accountNumber: '100000000001', holder: '스마트이체' },
    requestsPerMinute: 10_000,
    readVault: () => Promise.resolve(VAULT),
    webhooks: { readKeys: () => Promise.resolve(WEBHOOK_KEYS), reach: 'public' },
    log: { error: (message, detail) => void errors.push(`${message}: ${JSON.stringify(detail)}`) },
    ...overrides,
  });
  return {
    test,
    clock,
    api,
    errors,
    async addShop(shopId) {
      const id = shopIdOf(shopId);
      const key = makeApiKey(randomBytes(API_KEY_BYTES));
      await test.db.transaction().execute(async (trx) => {
        await addShop(trx, { shopId: id, name: shopId, feeBp: 300, orderLifeMinutes: 60 }, clock.now());
        await insertApiKey(trx, key, { shopId: id, label: 'test', by: 'kim', at: clock.now() });
      });
      return writeApiKey(key);
    },
    async addSeller(shopId, ownSellerId) {
      await test.db
        .insertInto('seller')
        .values({
          seller_id: `${shopId}.${ownSellerId}`,
          shop_id: shopId,
          name: ownSellerId,
          fee_bp: 300,
          transfer_limit_won: null,
          daily_limit_won: null,
          created_at: clock.now(),
        })
        .execute();
    },
    async request(key, method, path, body, headers = {}) {
      const response = await api.request(path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      };
    },
    close: () => test.close(),
  };
}

export function shopIdOf(text: string): ShopId {
  const shopId = parseShopId(text);
  if (shopId === undefined) throw new Error(`${text} is no shop's id`);
  return shopId;
}

let orders = 0;

/** A request that places an order, unlike any other. */
export function orderBody(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  orders += 1;
  return {
    shop_order_id: `order-${orders}`,
    seller_id: 'kim',
    recipient_name: '김민수',
    amount: 32_000,
    ...overrides,
  };
}

let rows = 1000n;

/** An order of the shop that is paid by a deposit, booked and planned, as a cycle does it. */
export async function payOrderOf(
  world: ApiWorld,
  key: string,
  paid: {
    readonly shopId: string;
    readonly sellerId: string;
    readonly shopOrderId: string;
    readonly amount: number;
  },
): Promise<void> {
  const { shopOrderId, amount } = paid;
  const body = orderBody({ shop_order_id: shopOrderId, seller_id: paid.sellerId, amount });
  await world.request(key, 'POST', '/v1/orders', body);
  const { test, clock } = world;
  const now = clock.now();
  rows += 1n;
  const rowId = rows;
  const sellerId = `${paid.shopId}.${paid.sellerId}`;
  await test.db.transaction().execute(async (trx) => {
    const { order_id } = await trx
      .updateTable('shop_order')
      .set({ state: 'paid', outstanding: 0n, paid_at: now, closed_at: now })
      .where('shop_id', '=', paid.shopId)
      .where('shop_order_id', '=', shopOrderId)
      .returning('order_id')
      .executeTakeFirstOrThrow();
    const part = { rowId, amount: won(BigInt(amount)) };
    const allocation = { orderId: order_id, sellerId, parts: [part] };
    await insertPostings(
      trx,
      [
        depositPosting('collection', rowId, part.amount),
        ...allocationPostings(allocation, 300 as BasisPoints),
      ],
      now,
    );
    const sellers = await readSellers(trx, [sellerId], now);
    const order = { orderId: order_id, sellerId, amount: part.amount, depositedAt: now };
    await insertTransfers(trx, planTransfers([order], sellers), now);
  });
}

/** A deposit in review that may be for these orders. */
export async function reviewFor({ test, clock }: ApiWorld, shopOrderIds: readonly string[]): Promise<void> {
  rows += 1n;
  const orders = await test.db
    .selectFrom('shop_order')
    .select('order_id')
    .where('shop_order_id', 'in', ['', ...shopOrderIds])
    .execute();
  await test.db
    .insertInto('deposit')
    .values({
      row_id: rows,
      account: 'collection',
      occurred_at: clock.now(),
      amount: 9000n,
      remaining: 9000n,
      text: '김민수',
      names: ['김민수'],
      state: 'in_review',
      reason: 'number_missing',
      candidates: orders.map((order) => order.order_id),
      return_of_transfer_id: null,
      decided_at: clock.now(),
    })
    .execute();
}
