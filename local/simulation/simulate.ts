import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AnyTrouble, PlanChanges } from './plan.ts';
import type { WorkerAnswer, WorldOrder } from './worker.ts';
import type { WorldResult } from './world.ts';

export interface SimulateOptions {
  /** The first seed; the others follow it. */
  readonly seed: number;
  /** How many worlds. */
  readonly runs: number;
  /** Worlds go on beyond `runs` until so many transfers were simulated. */
  readonly transfers?: number;
  /** Processes, each with a PostgreSQL of its own. */
  readonly jobs: number;
  readonly changes: PlanChanges;
  readonly onProgress: (totals: Totals) => void;
  /** Ends the run early: what was done by then counts. */
  readonly signal?: AbortSignal;
}

export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly detail: string;
}

/** What so many worlds have shown. */
export interface Totals {
  readonly seed: number;
  runs: number;
  transfers: number;
  succeeded: number;
  lost: number;
  paid_twice: number;
  invariant_failures: number;
  /** What befell the worlds, and how often. */
  readonly faults: Partial<Record<AnyTrouble, number>>;
  /** Transfers that waited for a person at the end, by what for. */
  readonly waiting: Record<string, number>;
  steps: number;
  statements: number;
  seconds: number;
  readonly failures: Failure[];
}

export async function simulate(options: SimulateOptions): Promise<Totals> {
  const began = performance.now();
  const totals: Totals = {
    seed: options.seed,
    runs: 0,
    transfers: 0,
    succeeded: 0,
    lost: 0,
    paid_twice: 0,
    invariant_failures: 0,
    faults: {},
    waiting: {},
    steps: 0,
    statements: 0,
    seconds: 0,
    failures: [],
  };
  let next = 0;
  const wantsMore = () =>
    options.signal?.aborted !== true &&
    (next < options.runs || (options.transfers !== undefined && totals.transfers < options.transfers));
  const work = async (): Promise<void> => {
    const worker = await startWorker();
    try {
      while (wantsMore()) {
        const seed = options.seed + next;
        next += 1;
        const answer = await ask(worker, { seed, changes: options.changes });
        if (answer === undefined) {
          // A process that died says nothing of its world; a world that ends its process is a failure.
          addFailure(totals, { seed, invariant: 'crash', detail: 'the process of this world ended' });
          return;
        }
        if ('error' in answer) addFailure(totals, { seed, invariant: 'crash', detail: answer.error });
        else addResult(totals, answer.result);
        totals.seconds = Math.round(performance.now() - began) / 1000;
        options.onProgress(totals);
      }
    } finally {
      await end(worker);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  totals.seconds = Math.round(performance.now() - began) / 1000;
  return totals;
}

async function startWorker(): Promise<ChildProcess> {
  const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), { serialization: 'advanced' });
  const exited = once(worker, 'exit').then(([code]) => {
    throw new Error(`a simulating process did not start (${String(code)})`);
  });
  await Promise.race([once(worker, 'message'), exited]);
  exited.catch(() => undefined);
  return worker;
}

async function ask(worker: ChildProcess, order: WorldOrder): Promise<WorkerAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<WorkerAnswer | undefined>();
  const told = (answer: unknown) => resolve(answer as WorkerAnswer);
  const ended = () => resolve(undefined);
  worker.once('message', told).once('exit', ended);
  worker.send(order);
  const answer = await promise;
  worker.off('message', told).off('exit', ended);
  return answer;
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const exited = once(worker, 'exit');
  worker.disconnect();
  await exited;
}

function addResult(totals: Totals, result: WorldResult): void {
  const { account, violations, faults } = result;
  totals.runs += 1;
  totals.transfers += account.transfers;
  totals.succeeded += account.succeeded;
  totals.lost += account.lost;
  totals.paid_twice += account.paidTwice;
  totals.steps += result.steps;
  totals.statements += result.statements;
  for (const [name, times] of Object.entries(faults)) {
    const trouble = name as AnyTrouble;
    totals.faults[trouble] = (totals.faults[trouble] ?? 0) + times;
  }
  for (const [what, times] of Object.entries(account.waiting))
    totals.waiting[what] = (totals.waiting[what] ?? 0) + times;
  const [first] = violations;
  if (first !== undefined) addFailure(totals, { seed: result.seed, ...first });
}

function addFailure(totals: Totals, failure: Failure): void {
  totals.invariant_failures += 1;
  totals.failures.push(failure);
}
