import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { createApiKey } from '../../functions/shops/api-keys.step.ts';
import { parseShopId } from '../../functions/shops/api-key.ts';
import { createShopClient, type ShopClient } from '../../local/demo/shop-client.ts';
import {
  COLLECTION_ACCOUNT,
  openCollectionAccount,
  startSystem,
  type LocalSystem,
  type LogLine,
  type SystemOptions,
} from '../../local/system.ts';
import { actingAs } from '../support/acting.ts';

/** The fee of a shop's sellers, basis points. */
export const FEE_BP = 300;

/** The whole system by the machine's clock, and shops that know nothing of it but its address and their keys. */
export interface ShopSystem {
  readonly system: LocalSystem;
  readonly lines: readonly LogLine[];
  /** Adds a shop, as an operator does, and answers its side of the API. */
  addShop(shopId: string): Promise<ShopClient>;
  /** Runs a cycle, and waits for the payouts that it dispatched. */
  cycle(): Promise<void>;
}

export async function startShopSystem(
  folder: string,
  options: Partial<SystemOptions> = {},
): Promise<ShopSystem> {
  const lines: LogLine[] = [];
  const system = await startSystem({
    folder,
    clock: systemClock,
    payoutAccount: COLLECTION_ACCOUNT,
    cycleMinutes: 5,
    settlementConcurrency: 2,
    polling: 'short',
    durable: false,
    onLog: (line) => lines.push(line),
    ...options,
  });
  openCollectionAccount(system.bank);
  return {
    system,
    lines,
    async addShop(name) {
      const shopId = parseShopId(name);
      assert.ok(shopId !== undefined, `${name} is no shop's id`);
      const created = await createApiKey(system.db, actingAs('kim', systemClock.now()), {
        shopId,
        label: 'test',
        newShop: { name, feeBp: FEE_BP, orderLifeMinutes: 60 },
      });
      if (created.outcome === 'refused') assert.fail(created.message);
      return createShopClient(system.gateway.url, created.result.key);
    },
    async cycle() {
      const result = await system.matcher.invoke({}, { queueMsMax: 60_000 });
      if (result.outcome !== 'returned') assert.fail(JSON.stringify(result));
      assert.ok('began_at' in (result.payload as MatchResult), JSON.stringify(result.payload));
      await system.mapping.idle();
    },
  };
}

/** A request that a receiver of webhooks got. */
export interface Received {
  readonly body: string;
  readonly headers: Record<string, string>;
  /** Whether whoever sent it still waits for the answer. */
  readonly isOpen: boolean;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  stop(): Promise<void>;
}

/** Listens for webhooks on 127.0.0.1. One that `hangs` reads each request whole and never answers it. */
export async function startReceiver(how: 'answers' | 'hangs'): Promise<Receiver> {
  const received: Received[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let isOpen = true;
    response.on('close', () => (isOpen = false));
    const body = (await request.setEncoding('utf8').toArray()).join('');
    received.push({
      body,
      headers: request.headers as Record<string, string>,
      get isOpen() {
        return isOpen;
      },
    });
    if (how === 'answers') response.writeHead(204).end();
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
