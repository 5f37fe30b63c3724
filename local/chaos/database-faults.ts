import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { DATABASE } from '../system.ts';
import type { Fault } from './fault.ts';
import { allUnderWay } from './moments.ts';
import type { World } from './world.ts';

/** So many connections the server of `exhausted_pool` has, all in all. */
const CONNECTIONS = 40;

/** How long the stranger keeps what it took, ms. */
const EXHAUSTED_MS = 4_000;

const terminateBackends: Fault = {
  name: 'terminate_backends',
  what: 'pg_terminate_backend of every function, with payouts in flight and a cycle in its middle',
  recoversWithinS: 30,
  async strike(world, struck) {
    const { held, cycle } = await allUnderWay(world);
    await struck();
    await terminate(world);
    held.letGo('whole');
    await cycle.lock.letGo();
    await cycle.ended;
  },
};

const restartPostgres: Fault = {
  name: 'restart_postgres',
  what: 'SIGKILL of the postmaster, with payouts in flight and a cycle in its middle; it is started again',
  recoversWithinS: 30,
  async strike(world, struck) {
    const { held, cycle } = await allUnderWay(world);
    const postmaster = world.system.postgres.pid();
    if (postmaster === undefined) throw new Error('the database is down before it was killed');
    await struck();
    process.kill(postmaster, 'SIGKILL');
    held.letGo('whole');
    await cycle.lock.letGo();
    await cycle.ended;
  },
};

const halfOpen: Fault = {
  name: 'half_open_database',
  what: 'the functions’ lines to the database go dead and nobody closes them, with payouts in flight and a cycle in its middle',
  recoversWithinS: 60,
  async strike(world, struck) {
    const { held, cycle } = await allUnderWay(world);
    await struck();
    world.lines.database.abandon();
    held.letGo('whole');
    await cycle.lock.letGo();
    await cycle.ended;
  },
};

const exhaustedPool: Fault = {
  name: 'exhausted_pool',
  what: `somebody else takes every connection of the database for ${EXHAUSTED_MS / 1000} s, with payouts in flight and a cycle in its middle`,
  world: { databaseSettings: { max_connections: CONNECTIONS } },
  recoversWithinS: 40,
  async strike(world, struck) {
    const { held, cycle } = await allUnderWay(world);
    await struck();
    const taken = await takeAllConnections(world);
    held.letGo('whole');
    await cycle.lock.letGo();
    await cycle.ended;
    await world.cycle();
    await delay(EXHAUSTED_MS);
    await Promise.all(taken.map((one) => one.end()));
  },
};

async function terminate({ admin }: World): Promise<void> {
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name in ('matcher', 'settlement')`,
  );
}

/** Takes every connection that is free, ends those of the functions, and takes theirs. */
async function takeAllConnections(world: World): Promise<pg.Client[]> {
  const { admin, system } = world;
  await admin.query(`create role stranger login password 'stranger'`);
  const taken: pg.Client[] = [];
  const takeFree = async (): Promise<void> => {
    for (;;) {
      const client = new pg.Client({
        host: system.postgres.host,
        port: system.postgres.port,
        database: DATABASE,
        user: 'stranger',
        password: 'stranger',
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
      } catch {
        return;
      }
      taken.push(client);
    }
  };
  await takeFree();
  await terminate(world);
  await takeFree();
  return taken;
}

export const databaseFaults: readonly Fault[] = [terminateBackends, restartPostgres, halfOpen, exhaustedPool];
