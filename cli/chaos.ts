import { InvalidArgumentError, type Command } from 'commander';
import { faultLines, heading } from '../local/chaos/report.ts';
import { FAULTS } from '../local/chaos/faults.ts';
import { isSound, notTried, runFault, type FaultReport } from '../local/chaos/run-fault.ts';
import { abortOnSignals } from './abort-on-signals.ts';

interface ChaosOptions {
  readonly only?: readonly string[];
  readonly atOnce: number;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export function addChaos(program: Command): void {
  program
    .command('chaos')
    .description(
      'break the local system on purpose, one fault after another, and count what is lost or paid twice',
    )
    .option('--only <names...>', 'these faults alone')
    .option(
      '--at-once <n>',
      'faults at a time, each on a system of its own; 1 for undisturbed times',
      upToEight,
      2,
    )
    .option('--verbose', 'show what the functions log, and what happens to the processes')
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error')
    .action(async (options: ChaosOptions, command: Command) => {
      const unknown = (options.only ?? []).filter((name) => !FAULTS.some((fault) => fault.name === name));
      if (unknown.length > 0) {
        const names = FAULTS.map((fault) => fault.name).join(', ');
        command.error(`error: there is no fault ${unknown.join(', ')}; there are ${names}`);
      }
      process.exitCode = await chaos(options);
    });
}

async function chaos(options: ChaosOptions): Promise<number> {
  const stream = options.json === true ? process.stderr : process.stdout;
  const say = (line: string): void => {
    stream.write(`${line}\n`);
  };
  const { only, verbose } = options;
  const aborted = abortOnSignals();
  const waiting = FAULTS.filter(({ name }) => only?.includes(name) ?? true);
  const reports: FaultReport[] = [];
  const work = async (): Promise<void> => {
    for (let fault = waiting.shift(); fault !== undefined && !aborted.aborted; fault = waiting.shift()) {
      const tried = fault;
      const report = await runFault(tried, {
        signal: aborted,
        ...(verbose === true
          ? { onLog: ({ from, text }) => process.stderr.write(`${from}: ${text}\n`) }
          : {}),
      }).catch((error: unknown) => notTried(tried, error));
      reports.push(report);
      say(faultLines(report));
    }
  };
  say(heading());
  await Promise.all(Array.from({ length: options.atOnce }, work));
  if (aborted.aborted) return 130;
  const unsound = reports.filter((report) => !isSound(report));
  say(
    unsound.length === 0
      ? `${reports.length} faults: nothing lost, nothing paid twice, every one recovered from.`
      : `${unsound.length} of ${reports.length} faults did harm: ${unsound.map(({ name }) => name).join(', ')}`,
  );
  if (options.json === true) process.stdout.write(`${JSON.stringify({ faults: reports })}\n`);
  return unsound.length === 0 ? 0 : 1;
}

function upToEight(text: string): number {
  if (!/^[1-8]$/.test(text)) throw new InvalidArgumentError(`"${text}" is no whole number from 1 to 8.`);
  return Number(text);
}
