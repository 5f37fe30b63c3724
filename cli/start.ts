import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { formatWon } from '../functions/shared/money.ts';
import { parseFaults, type Faults } from '../local/bank-simulator/faults.ts';
import { runDemo } from '../local/demo/run.ts';
import { finalTable } from '../local/final-table.ts';
import { runOwnFiles } from '../local/own-files/run.ts';
import type { LogLine } from '../local/system.ts';
import { abortOnSignals } from './abort-on-signals.ts';

interface StartOptions {
  readonly orders?: string;
  readonly statement?: string;
  readonly sellers?: string;
  readonly report?: string;
  readonly cycles?: number;
  readonly webhook?: string;
  readonly cycleSeconds: number;
  readonly port?: number;
  readonly folder: string;
  readonly faults?: Faults;
  readonly faultSeed?: number;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export function addStart(program: Command): void {
  program
    .command('start')
    .description('run the whole system on this machine: with demo shops, or on your own files')
    .option('--orders <file>', 'your orders (CSV); needs --statement')
    .option('--statement <file>', "your bank's rows (CSV); needs --orders")
    .option('--sellers <file>', 'your sellers and their payout accounts (CSV); demo accounts without it')
    .option('--report <file>', 'where to write what was found (JSON)')
    .option('--cycles <n>', 'end after so many cycles', positive)
    .option('--cycle-seconds <n>', 'seconds between the cycles of the demo', positive, 10)
    .option('--port <n>', 'where the API listens; a free port unless given', port)
    .option('--webhook <url>', "post the demo shop's events there: https, or http to 127.0.0.1")
    .option('--folder <folder>', "where the demo's data is kept", '.smart-transfer')
    .option(
      '--faults <list>',
      'make the simulated bank lie: execute_then_timeout=0.05,rows_twice=0.1',
      faults,
    )
    .option('--fault-seed <n>', 'the same seed meets the same faults', positive)
    .option('--verbose', 'show what the functions log')
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error')
    .action(async (options: StartOptions, command: Command) => {
      refuseHalfGiven(options, command);
      const aborted = abortOnSignals();
      // The exit status is set, and the process ends by itself, so that nothing that is being written is cut off.
      process.exitCode =
        options.orders === undefined ? await demo(options, aborted) : await ownFiles(options, aborted);
    });
}

function refuseHalfGiven(options: StartOptions, command: Command): void {
  if ((options.orders === undefined) !== (options.statement === undefined)) {
    const missing = options.orders === undefined ? '--orders' : '--statement';
    command.error(`error: ${missing} FILE is missing: orders and a statement are only of use together`);
  }
  const needsFiles = (['sellers', 'report'] as const).find((name) => options[name] !== undefined);
  if (options.orders === undefined && needsFiles !== undefined) {
    command.error(
      `error: --${needsFiles} belongs to a run on your own files: give --orders FILE and --statement FILE, too`,
    );
  }
}

function output(options: StartOptions) {
  const stream = options.json === true ? process.stderr : process.stdout;
  const say = (line: string): void => {
    stream.write(`${line}\n`);
  };
  const onLog = (line: LogLine): void => {
    if (line.notable) say(`! ${line.from}: ${line.text}`);
    else if (options.verbose === true) process.stderr.write(`${line.from}: ${line.text}\n`);
  };
  return { say, onLog };
}

async function demo(options: StartOptions, signal: AbortSignal): Promise<number> {
  const { say, onLog } = output(options);
  const folder = resolve(options.folder);
  const { cycleSeconds, cycles, faults: flags, port: apiPort } = options;
  const result = await runDemo({
    folder,
    cycleSeconds,
    ...(cycles === undefined ? {} : { cycles }),
    ...(options.webhook === undefined ? {} : { webhook: options.webhook }),
    ...(apiPort === undefined ? {} : { apiPort }),
    ...(flags === undefined ? {} : { faults: flags }),
    say,
    onLog,
    signal,
  });
  if (result.outcome === 'folder_taken') {
    process.stderr.write(
      `smart-transfer runs already in ${folder} (process ${result.pid}). Stop it with Ctrl-C, or give this one a folder of its own: npm start -- --folder OTHER\n`,
    );
    return 1;
  }
  const { transfers } = result;
  say(
    `Ended after ${result.cycles} cycles: ${result.orders} orders, ${result.paid} paid; ${transfers.succeeded.count} payouts of ${formatWon(transfers.succeeded.won)} won, ${transfers.unknown.count} unknown. npm start goes on from here.`,
  );
  if (options.json === true) {
    const states = Object.fromEntries(
      Object.entries(transfers).map(([state, total]) => [
        state,
        { count: total.count, won: total.won.toString() },
      ]),
    );
    process.stdout.write(
      `${JSON.stringify({ cycles: result.cycles, orders: { total: result.orders, paid: result.paid }, transfers: states })}\n`,
    );
  }
  return 0;
}

async function ownFiles(options: StartOptions, signal: AbortSignal): Promise<number> {
  const { say, onLog } = output(options);
  const { orders, statement, sellers, report, cycles, faults: flags, faultSeed } = options;
  if (orders === undefined || statement === undefined)
    throw new Error('orders and statement were checked before');
  const result = await runOwnFiles({
    orders,
    statement,
    ...(sellers === undefined ? {} : { sellers }),
    ...(report === undefined ? {} : { report }),
    ...(cycles === undefined ? {} : { cycles }),
    ...(flags === undefined ? {} : { faults: flags }),
    ...(faultSeed === undefined ? {} : { faultSeed }),
    say,
    onLog,
    signal,
  });
  switch (result.outcome) {
    case 'bad_file':
      process.stderr.write(`${result.message}\nNothing was stored.\n`);
      return 1;
    case 'interrupted':
      process.stderr.write('Interrupted: nothing is kept, and no report was written.\n');
      return 130;
    case 'finished': {
      say(`\n${finalTable(result.report)}`);
      const fired = Object.entries(result.faults).filter(([, count]) => count > 0);
      if (fired.length > 0)
        say(`  faults           ${fired.map(([name, count]) => `${name} ${count}`).join(', ')}`);
      if (report !== undefined) say(`\nThe report is in ${report}.`);
      if (options.json === true) process.stdout.write(`${JSON.stringify(result.report)}\n`);
      // A run that was cut by --cycles may leave transfers open; that is no error. Books that do not add up are.
      return result.report.ledger.balanced ? 0 : 2;
    }
    default:
      result satisfies never;
      return 1;
  }
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError(`"${text}" is no whole number above 0.`);
  return Number(text);
}

function port(text: string): number {
  const number = positive(text);
  if (number > 65_535) throw new InvalidArgumentError(`"${text}" is no port; ports end at 65535.`);
  return number;
}

function faults(text: string): Faults {
  try {
    return parseFaults(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
