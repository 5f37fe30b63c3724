#!/usr/bin/env node
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { ALL_TROUBLES, type AnyTrouble, type PlanChanges } from '../local/simulation/plan.ts';
import { commandOf, shrink } from '../local/simulation/shrink.ts';
import { simulate, type Failure, type Totals } from '../local/simulation/simulate.ts';
import { startWorldRunner, type WorldRunner } from '../local/simulation/world-runner.ts';

/** So many failures are made smaller and told at length; the rest are named. */
const SHRUNK_MAX = 3;
/** The last lines of a failing world's history that are printed. */
const LINES_MAX = 150;
const PROGRESS_MS = 10_000;

interface Options {
  readonly seed?: number;
  readonly runs: number;
  readonly transfers?: number;
  readonly jobs: number;
  readonly json?: boolean;
  readonly history?: boolean;
  readonly shrink: boolean;
  readonly orders?: number;
  readonly minutes?: number;
  readonly sellers?: number;
  readonly workers?: number;
  readonly lookEvery?: number;
  readonly without?: readonly AnyTrouble[];
}

const program = new Command('simulate')
  .description(
    'Runs the functions and their SQL in simulated worlds, each of which follows from its seed, and looks whether money is lost or paid twice.',
  )
  .option('--seed <S>', 'the first seed; fresh ones unless given', whole)
  .option('--runs <N>', 'how many worlds', whole, 20)
  .option('--transfers <N>', 'go on until so many transfers were simulated', whole)
  .option('--jobs <N>', 'processes, each with a PostgreSQL of its own', whole, availableParallelism())
  .option('--json', 'print the totals as one JSON object, the last line of standard output')
  .option('--history', 'print every step of one world (--runs 1)')
  .option('--no-shrink', 'do not look for the smallest world in which a failure still happens')
  .option('--orders <N>', 'orders a world', whole)
  .option('--minutes <N>', 'minutes over which the orders are placed', whole)
  .option('--sellers <N>', 'sellers a world', whole)
  .option('--workers <N>', 'settlement functions at the same time', whole)
  .option('--look-every <N>', 'hold the invariants against the database after every so many commits', whole)
  .option('--without <names>', `troubles that do not happen: ${ALL_TROUBLES.join(', ')}`, troubles)
  .showHelpAfterError('(--help tells what there is)');

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 2 ** 31)
    throw new InvalidArgumentError(`"${text}" is no whole number from 1; write it in digits.`);
  return value;
}

function troubles(text: string): AnyTrouble[] {
  return text.split(',').map((part) => {
    const known = ALL_TROUBLES.find((name) => name === part.trim());
    if (known === undefined)
      throw new InvalidArgumentError(`"${part}" is no trouble; there are ${ALL_TROUBLES.join(', ')}.`);
    return known;
  });
}

program.parse();
const options = program.opts<Options>();
const { orders, minutes, sellers, workers, lookEvery, without } = options;
const changes: PlanChanges = Object.fromEntries(
  Object.entries({ orders, minutes, sellers, workers, lookEvery, without }).filter(
    ([, value]) => value !== undefined,
  ),
);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
// A seed that nobody named is a fresh one, so that each run sees worlds that none has seen.
const seed = options.seed ?? Math.floor(Date.now() / 1000) % 1_000_000_000;
process.exitCode = options.history === true ? await tellOne() : await runAll();

async function tellOne(): Promise<number> {
  const runner = await startWorldRunner();
  try {
    const result = await runner.run(seed, changes, { keepAll: true });
    for (const line of result.history) process.stdout.write(`${line}\n`);
    for (const { invariant, detail } of result.violations) say(`${invariant}: ${detail}`);
    say(`history ${result.hash}, ${result.steps} steps`);
    return result.violations.length === 0 ? 0 : 1;
  } finally {
    await runner.close();
  }
}

async function runAll(): Promise<number> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  let toldAtMs = performance.now();
  let told = 0;
  const totals = await simulate({
    seed,
    runs: options.runs,
    ...(options.transfers === undefined ? {} : { transfers: options.transfers }),
    jobs: Math.min(options.jobs, options.transfers === undefined ? options.runs : options.jobs),
    changes,
    signal: interrupted.signal,
    onProgress(now) {
      for (const failure of now.failures.slice(told)) say(failureText(failure));
      told = now.failures.length;
      if (performance.now() - toldAtMs < PROGRESS_MS) return;
      toldAtMs = performance.now();
      say(inShort(now));
    },
  });
  say(inShort(totals));
  for (const failure of totals.failures.slice(told)) say(failureText(failure));
  if (options.shrink && totals.failures.length > 0 && !interrupted.signal.aborted)
    await tellFailures(totals.failures.slice(0, SHRUNK_MAX));
  if (options.json === true) process.stdout.write(`${JSON.stringify(report(totals))}\n`);
  return totals.failures.length === 0 && totals.lost === 0 && totals.paid_twice === 0 ? 0 : 1;
}

async function tellFailures(failures: readonly Failure[]): Promise<void> {
  const runner = await startWorldRunner();
  try {
    for (const failure of failures) {
      say(`\nLooking for the smallest world of seed ${failure.seed} in which ${failure.invariant} fails …`);
      try {
        await tellSmallest(runner, failure.seed);
      } catch (error) {
        // A world that ends by an error, and not by a broken invariant, is a mistake of the simulator; what the run has counted is told all the same.
        const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
        say(`A world of seed ${failure.seed} ended by an error: ${told}`);
        say(`Repeat it: ${commandOf(failure.seed, changes)}`);
      }
    }
  } finally {
    await runner.close();
  }
}

async function tellSmallest(runner: WorldRunner, seed: number): Promise<void> {
  const shrunk = await shrink(runner, seed, changes);
  if (shrunk === undefined) {
    say(`It did not fail again: the run of seed ${seed} hangs on something that no seed decides.`);
    return;
  }
  for (const line of shrunk.result.history.slice(-LINES_MAX)) say(line);
  for (const { invariant, detail } of shrunk.result.violations) say(`${invariant}: ${detail}`);
  say(`Repeat it: ${commandOf(seed, shrunk.changes)}`);
}

function failureText({ seed: failed, invariant, detail }: Failure): string {
  return `seed ${failed}: ${invariant}: ${detail}`;
}

function inShort({ runs, transfers, lost, paid_twice, failures, seconds }: Totals): string {
  const rate = Math.round(transfers / Math.max(seconds, 0.001));
  return `${runs} worlds, ${transfers.toLocaleString('en')} transfers (${rate}/s), lost ${lost}, paid twice ${paid_twice}, failures ${failures.length}`;
}

function report(totals: Totals): object {
  return {
    ...totals,
    failures: totals.failures.map((failure) => ({ ...failure, command: commandOf(failure.seed, changes) })),
  };
}
