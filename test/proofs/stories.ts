import type { Market, MarketOptions } from './market.ts';
import type { System } from './prove.ts';

export const MINUTE_MS = 60_000;

/** With this seed the statement shows a late payout fourteen minutes after it left. */
export const SHOWN_LATE: MarketOptions = { seed: 41, postingLagMsMax: 14 * MINUTE_MS };

/** A story that is told in a market of its own. */
export const inMarket =
  <Outcome>(options: MarketOptions, story: (market: Market, system: System) => Promise<Outcome>) =>
  async (system: System, schema: readonly string[]): Promise<Outcome> => {
    const market = await system.openMarket({ ...options, schema });
    try {
      return await story(market, system);
    } finally {
      await market.close();
    }
  };

/** An order of 10,000 won, paid by its buyer, and read and booked. Its payout waits in the queue. */
export async function payoutWaits(market: Market): Promise<void> {
  await market.order('홍길동0420', 10_000n);
  market.pay('홍길동0420', 10_000n);
  market.clock.advance(5 * MINUTE_MS);
  await market.cycle();
}

export const inTheEnd = async (market: Market) => ({
  paidOut: market.paidOut(),
  transfers: await market.transferStates(),
});

export const PAID_ONCE = { paidOut: [10_000n], transfers: ['succeeded'] };
export const PAID_TWICE = { paidOut: [10_000n, 10_000n], transfers: ['succeeded'] };
