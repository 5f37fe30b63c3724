import type { LocalFunction } from './function-host.ts';
import type { InvocationResult } from './invocation.ts';

/** An event that could not be handed in for so long is dropped, as the deployed schedule's maximum event age has it. */
const EVENT_AGE_MS_MAX = 300_000;

export interface ScheduleArgs {
  /** The time between two runs, in milliseconds. */
  readonly everyMs: number;
  /** The time to the first run, in milliseconds: `everyMs` unless given. */
  readonly firstAfterMs?: number;
  readonly target: LocalFunction;
  /** Makes the event of a run out of the time that it was due. */
  readonly event: (scheduledTime: Date) => unknown;
  readonly onResult?: (run: ScheduledRun) => void;
}

export interface ScheduledRun {
  readonly scheduledTime: Date;
  readonly result: InvocationResult;
}

export interface Schedule {
  /** Starts no more runs, and waits for those in flight. */
  stop(): Promise<void>;
}

/**
 * Invokes a function at a steady rate, as EventBridge Scheduler does: it waits for no earlier run, so that runs may overlap, and
 * repeats none that fails. A run that finds every sandbox busy waits for one, as an asynchronous invocation does on Lambda. Runs
 * that were missed because the machine slept are not made up for.
 */
export function createSchedule(args: ScheduleArgs): Schedule {
  const running = new Set<Promise<void>>();
  let timer: NodeJS.Timeout;

  const run = async (scheduledTime: Date): Promise<void> => {
    const result = await args.target.invoke(args.event(scheduledTime), { queueMsMax: EVENT_AGE_MS_MAX });
    args.onResult?.({ scheduledTime, result });
  };
  const plan = (dueMs: number): void => {
    timer = setTimeout(() => fire(dueMs), Math.max(0, dueMs - Date.now()));
  };
  const fire = (dueMs: number): void => {
    const current = run(new Date(dueMs))
      .catch(() => undefined)
      .finally(() => running.delete(current));
    running.add(current);
    plan(nextDueMs(dueMs, args.everyMs, Date.now()));
  };

  plan(Date.now() + (args.firstAfterMs ?? args.everyMs));
  return {
    async stop() {
      clearTimeout(timer);
      await Promise.all(running);
    },
  };
}

/** The first time after now on the schedule's grid: the rate does not drift by how late a timer fires. */
export function nextDueMs(lastDueMs: number, everyMs: number, nowMs: number): number {
  const steps = Math.max(1, Math.floor((nowMs - lastDueMs) / everyMs) + 1);
  return lastDueMs + steps * everyMs;
}
