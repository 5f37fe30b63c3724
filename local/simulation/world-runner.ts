import { startCluster } from './cluster.ts';
import { createLockMonitor } from './lock-monitor.ts';
import { planWorld, type PlanChanges } from './plan.ts';
import { runWorld, type WorldOptions, type WorldResult } from './world.ts';

/** Runs worlds one after the other, on a PostgreSQL of its own. */
export interface WorldRunner {
  run(seed: number, changes?: PlanChanges, options?: WorldOptions): Promise<WorldResult>;
  close(): Promise<void>;
}

export async function startWorldRunner(): Promise<WorldRunner> {
  const cluster = await startCluster();
  const monitor = await createLockMonitor(cluster.addressOf('postgres'), cluster.superuser);
  return {
    run: (seed, changes = {}, options = {}) => runWorld(cluster, monitor, planWorld(seed, changes), options),
    async close() {
      await monitor.close();
      await cluster.stop();
    },
  };
}
