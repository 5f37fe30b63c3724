import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { allUnderWay, payoutsInFlight } from './moments.ts';

/** Deployed it is 300 s; with less, an outage beyond it takes no five minutes. */
const TTL_S = 2;

const withinTtl: Fault = {
  name: 'secrets_down_within_ttl',
  what: 'Secrets Manager is away for two cycles, for less than secrets are kept',
  recoversWithinS: 30,
  async strike(world, struck) {
    const { held, cycle } = await allUnderWay(world);
    await struck();
    await world.lines.secrets.refuse();
    held.letGo('whole');
    await cycle.lock.letGo();
    const ends = [await cycle.ended, await world.cycle(), await world.cycle()];
    await world.lines.secrets.accept();
    const ended = ends.map((end) => end?.ended ?? 'not at all');
    if (ended.some((end) => end !== 'complete'))
      throw new Error(
        `cycles without Secrets Manager ended as ${ended.join(', ')}, within the secrets’ time to live`,
      );
  },
};

const beyondTtl: Fault = {
  name: 'secrets_down_beyond_ttl',
  what: 'Secrets Manager is away for longer than secrets are kept, for two cycles',
  world: { secretTtlS: TTL_S },
  recoversWithinS: 40,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    await world.lines.secrets.refuse();
    await delay((TTL_S + 1) * 1000);
    held.letGo('whole');
    for (let n = 0; n < 2; n += 1) await world.cycle();
    await world.lines.secrets.accept();
  },
};

export const secretsFaults: readonly Fault[] = [withinTtl, beyondTtl];
