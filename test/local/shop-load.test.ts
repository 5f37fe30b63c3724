import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { NewOrder, ShopAnswer, ShopClient } from '../../local/demo/shop-client.ts';
import { Random } from '../data/random.ts';
import { anyRecipient } from '../data/shop-names.ts';
import { startShopSystem, type ShopSystem } from './shop-system.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** How many orders are placed. `npm run acceptance` sets ten thousand. */
const ORDERS = Number(process.env['TRUTH_ORDERS'] ?? '600');
const CALLERS = 64;

/** So many answers between two kills: each process is killed again and again, however fast the machine is. */
const ANSWERS_A_KILL = Math.max(Math.ceil(ORDERS / 40), 15);

/** Every third order is placed by two callers at the same time: a shop that repeats itself before it has its answer. */
const TWICE_EVERY = 3;

const TRIES_MAX = 50;

describe('orders placed by 64 callers while functions are killed', function () {
  this.timeout(60_000 + ORDERS * 200);
  const folder = temporaryFolder();
  let world: ShopSystem;
  let shop: ShopClient;
  beforeEach(async () => {
    world = await startShopSystem(folder(), { apiRequestsPerMinute: 10_000_000 });
    shop = await world.addShop('flowers');
    await shop.ask('PUT', '/v1/sellers/haneul', { name: '하늘꽃집' });
  });
  afterEach(() => world.system.stop());

  it('are each placed once, share no name, and are answered the same however often they are asked for', async () => {
    const began = performance.now();
    const orders = ordersToPlace();
    const requests = orders.flatMap((order, n) => (n % TWICE_EVERY === 0 ? [order, order] : [order]));
    const answers = new Map<string, unknown[]>(orders.map((order) => [order.shop_order_id, []]));
    const statuses: Record<number, number> = {};
    let [answered, killed, retried] = [0, 0, 0];

    const placeOne = async (order: NewOrder): Promise<void> => {
      for (let tries = 1; ; tries += 1) {
        const answer = await shop.request('POST', '/v1/orders', order).catch(() => undefined);
        if (answer !== undefined && answer.status < 500) {
          statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
          answers.get(order.shop_order_id)?.push(answer.body);
          return;
        }
        assert.ok(tries < TRIES_MAX, `${order.shop_order_id} was not answered: ${JSON.stringify(answer)}`);
        retried += 1;
      }
    };
    const call = async (): Promise<void> => {
      for (let order = requests.shift(); order !== undefined; order = requests.shift()) {
        await placeOne(order);
        answered += 1;
        if (answered % ANSWERS_A_KILL === 0 && killOne()) killed += 1;
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, call));

    const seconds = (performance.now() - began) / 1000;
    const figures = `${ORDERS} orders, ${answered} answers in ${seconds.toFixed(1)} s, ${killed} kills, ${retried} requests sent again`;
    if (process.env['TRUTH_ORDERS'] !== undefined) console.log(`      ${figures}`);
    assert.ok(killed >= 20, figures);
    assert.ok(retried > 0, `no request met a kill: ${figures}`);
    assert.deepEqual(
      Object.keys(statuses).filter((status) => status !== '200' && status !== '201'),
      [],
    );
    for (const [id, given] of answers) for (const one of given) assert.deepEqual(one, given[0], id);

    const { rows } = await sql<{ placed: bigint; ids: bigint; requests: bigint }>`
      select count(*) as placed, count(distinct shop_order_id) as ids, (select count(*) from order_request) as requests
      from shop_order where state = 'awaiting_deposit'`.execute(world.system.db);
    const all = BigInt(ORDERS);
    assert.deepEqual(rows, [{ placed: all, ids: all, requests: all }]);
    const { rows: sharing } = await sql`
      select a.depositor_name from shop_order a join shop_order b on b.depositor_name = a.depositor_name and b.order_id > a.order_id
      where tstzrange(a.opens_at, a.expires_at) && tstzrange(b.opens_at, b.expires_at)`.execute(
      world.system.db,
    );
    assert.deepEqual(sharing, []);
    await assertAnsweredAsStored(answers);
  });

  function ordersToPlace(): NewOrder[] {
    const random = new Random(7);
    return Array.from({ length: ORDERS }, (_, n) => ({
      shop_order_id: `order-${n}`,
      seller_id: 'haneul',
      recipient_name: anyRecipient(random).name,
      amount: random.integer(1, 900) * 100,
    }));
  }

  /** Kills a process of the API that is at work, if one is. */
  function killOne(): boolean {
    const [busy] = world.system.api.sandboxes().filter(({ state }) => state === 'busy');
    if (busy === undefined) return false;
    try {
      process.kill(busy.pid, 'SIGKILL');
      return true;
    } catch {
      return false;
    }
  }

  /** What was answered is what is there: a sample, since each is asked for over HTTP. */
  async function assertAnsweredAsStored(answers: ReadonlyMap<string, readonly unknown[]>): Promise<void> {
    for (const [id, [first]] of [...answers].filter((_, n) => n % Math.ceil(ORDERS / 50) === 0)) {
      const read: ShopAnswer = await shop.request('GET', `/v1/orders/${id}`);
      assert.deepEqual(read.body, first);
    }
  }
});
