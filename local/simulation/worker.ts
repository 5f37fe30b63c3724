import type { PlanChanges } from './plan.ts';
import { startWorldRunner } from './world-runner.ts';
import type { WorldResult } from './world.ts';

/** A process that runs the worlds it is told to, one at a time, and tells what came of each. */

export interface WorldOrder {
  readonly seed: number;
  readonly changes: PlanChanges;
}

/** A result comes without its history, which only the failure of one world is worth. */
export type WorkerAnswer =
  { readonly seed: number; readonly result: WorldResult } | { readonly seed: number; readonly error: string };

const runner = await startWorldRunner();

async function answer({ seed, changes }: WorldOrder): Promise<WorkerAnswer> {
  try {
    return { seed, result: { ...(await runner.run(seed, changes)), history: [] } };
  } catch (error) {
    return { seed, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (order: WorldOrder) => {
  void answer(order).then((told) => process.send?.(told));
});
// A signal is for the parent to handle, which then lets go of this process.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => void runner.close().finally(() => process.exit()));
process.send?.('ready');
