import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Webhook } from 'standardwebhooks';
import { readRequestedAccounts } from '../../functions/orders/payout-account.repository.ts';
import { approveAccount } from '../../functions/orders/payout-account.step.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { won } from '../../functions/shared/money.ts';
import type { ShopClient } from '../../local/demo/shop-client.ts';
import { COLLECTION_ACCOUNT } from '../../local/system.ts';
import { IN_FLIGHT_MAX } from '../../functions/webhooks/webhook.repository.ts';
import { actingAs } from '../support/acting.ts';
import {
  FEE_BP,
  startReceiver,
  startShopSystem,
  type Received,
  type Receiver,
  type ShopSystem,
} from './shop-system.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

const SLOW_MACHINE_MS = 120_000;
const NUMBER = '110200300401';
const AMOUNT = 32_000;
const FEE = (AMOUNT * FEE_BP) / 10_000;

const typeOf = ({ body }: Received) => (JSON.parse(body) as { type: string }).type;

describe("a shop's story over HTTP", function () {
  this.timeout(SLOW_MACHINE_MS);
  const folder = temporaryFolder();
  let world: ShopSystem;
  let shop: ShopClient;
  let receivers: Receiver[];
  beforeEach(async () => {
    receivers = [];
    world = await startShopSystem(folder(), { webhooks: true, apiRequestsPerMinute: 10_000_000 });
    shop = await world.addShop('flowers');
    await shop.ask('PUT', '/v1/sellers/haneul', { name: '하늘꽃집' });
  });
  afterEach(async () => {
    await Promise.all(receivers.map((receiver) => receiver.stop()));
    await world.system.stop();
  });

  async function addReceiver(of: ShopClient, how: 'answers' | 'hangs'): Promise<[Receiver, string]> {
    const receiver = await startReceiver(how);
    receivers.push(receiver);
    const added = (await of.ask('POST', '/v1/webhooks', { url: receiver.url })) as { signing_key: string };
    return [receiver, added.signing_key];
  }

  const place = (of: ShopClient, id: string) =>
    of.place({ shop_order_id: id, seller_id: 'haneul', recipient_name: '김민수', amount: AMOUNT });

  /** Runs cycles until it is so: the bank shows a second's rows once the second is over. */
  const cycleUntil = (what: string, isSo: () => Promise<boolean>) =>
    until(
      what,
      async () => {
        await world.cycle();
        return await isSo();
      },
      SLOW_MACHINE_MS / 4,
    );

  const read = async (path: string) => (await shop.ask('GET', path)) as Record<string, unknown>;

  it('goes from a key to the money at its seller, and is told of each step', async () => {
    const { system } = world;
    const [receiver, signingKey] = await addReceiver(shop, 'answers');
    const account = { bank_code: '088', account_number: NUMBER, account_holder: '하늘꽃집' };
    const asked = await shop.request('PUT', '/v1/sellers/haneul/payout-account', account);
    assert.equal(asked.status, 202);
    const [waiting] = await readRequestedAccounts(system.db);
    const lee = actingAs('lee', systemClock.now());
    const approved = await approveAccount(system.db, lee, waiting?.payout_account_id ?? 0n);
    assert.equal(approved.outcome, 'done');

    const order = await place(shop, 'A-1');
    system.bank.deposit({
      account: COLLECTION_ACCOUNT,
      text: order.depositorName,
      amount: won(BigInt(AMOUNT)),
    });
    await cycleUntil('the order is paid', async () => (await read('/v1/orders/A-1'))['state'] === 'paid');
    const cancelled = await shop.request('POST', '/v1/orders/A-1/cancel');
    assert.equal(cancelled.status, 409);
    assert.equal((cancelled.body as { code: string }).code, 'order_not_cancellable');

    await cycleUntil('the payout has succeeded', async () => {
      const { transfers } = await read('/v1/transfers?seller_id=haneul');
      return (transfers as { state: string }[]).every(({ state }) => state === 'succeeded');
    });
    const { transfers } = await read('/v1/transfers?seller_id=haneul');
    const [transfer] = transfers as { transfer_id: string; amount: number; fee: number }[];
    assert.deepEqual([transfer?.amount, transfer?.fee], [AMOUNT - FEE, FEE]);
    assert.deepEqual(
      system.bank.transfers().map((sent) => [sent.toAccountNumber, sent.amount]),
      [[NUMBER, won(BigInt(AMOUNT - FEE))]],
    );

    assert.deepEqual(await read('/v1/sellers/haneul/balance'), { seller_id: 'haneul', balance: 0 });
    const { lines } = await read('/v1/sellers/haneul/statement');
    assert.deepEqual(
      (lines as Record<string, unknown>[]).map((line) => [line['kind'], line['amount']]),
      [
        ['hold', FEE - AMOUNT],
        ['allocation', AMOUNT - FEE],
      ],
    );

    const wanted = ['order.placed', 'order.paid', 'transfer.planned', 'transfer.succeeded'];
    const { events } = await read('/v1/events');
    assert.deepEqual((events as { type: string }[]).map(({ type }) => type).reverse(), wanted);
    await until('every event was posted', () => receiver.received.length >= wanted.length, 30_000);
    assert.deepEqual(new Set(receiver.received.map(typeOf)), new Set(wanted));
    for (const { body, headers } of receiver.received) new Webhook(signingKey).verify(body, headers);

    const told = [...world.lines.map(({ text }) => text), ...receiver.received.map(({ body }) => body)];
    assert.deepEqual(
      told.filter((text) => text.includes(NUMBER)),
      [],
      'the account number is told to nobody but the bank',
    );
  });

  it("is told although another shop's receiver hangs, and by functions that know of no database", async () => {
    const other = await world.addShop('books');
    await other.ask('PUT', '/v1/sellers/haneul', { name: '하늘책방' });
    const [hanging] = await addReceiver(other, 'hangs');
    await place(other, 'first');
    await world.cycle();
    await until(
      'the hanging receiver is known as one',
      async () => {
        const { webhooks } = (await other.ask('GET', '/v1/webhooks')) as { webhooks: { state: string }[] };
        return webhooks[0]?.state === 'failing';
      },
      60_000,
    );

    const [receiver] = await addReceiver(shop, 'answers');
    await until(
      'a delivery arrives while the other receiver keeps its callers waiting',
      async () => {
        const arrived = receiver.received.length;
        for (let n = 0; n < IN_FLIGHT_MAX; n += 1) await place(other, `hangs-${arrived}-${n}`);
        await world.cycle();
        await until('every process that serves it waits for it', () => busyDeliveries() === 2, 30_000);
        const [longestOpen] = hanging.received.filter(({ isOpen }) => isOpen);
        await place(shop, `order-${arrived}`);
        await world.cycle();
        await until('the delivery arrives', () => receiver.received.length > arrived, 30_000);
        return longestOpen?.isOpen === true;
      },
      SLOW_MACHINE_MS / 2,
    );
    await assertNoDatabaseIn(/^webhook-delivery-fast$/);
    await assertNoDatabaseIn(/^webhook-delivery-slow$/);
  });

  const processesOf = (functionName: RegExp) =>
    world.system.host.sandboxes().filter((one) => functionName.test(one.functionName));

  const busyDeliveries = () =>
    processesOf(/^webhook-delivery/).filter(({ state }) => state === 'busy').length;

  /** Looks at the very processes, where the machine shows their variables. */
  async function assertNoDatabaseIn(functionName: RegExp): Promise<void> {
    const running = processesOf(functionName);
    assert.ok(running.length > 0, `no process of ${functionName.source} runs`);
    for (const { pid } of running) {
      if (!existsSync(`/proc/${pid}/environ`)) continue;
      const names = (await readFile(`/proc/${pid}/environ`, 'utf8'))
        .split('\0')
        .map((one) => one.split('=')[0]);
      assert.ok(names.includes('WEBHOOK_RESULTS_QUEUE_URL'), names.join());
      assert.deepEqual(
        names.filter((name) => /^(DATABASE|BANK|DATA_KEYS)_/.test(name ?? '')),
        [],
      );
    }
  }
});
