import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { InvalidArgumentError, type Command } from 'commander';
import { jsonOf } from '../functions/shared/json.ts';
import { columns } from './lines.ts';
import { openProbe, probeStack, type ProbedPath } from './probe/probe-stack.ts';
import { probeTargetsShape, type ProbeTargets } from './probe/targets.ts';

/** EventBridge and CloudWatch deliver within seconds; a database that has to wake takes half a minute. */
const SECONDS_MAX = 120;

interface ProbeOptions {
  readonly stack: string;
  readonly seconds: number;
  readonly json?: boolean;
}

/** Adds `probe`: after a deployment, one harmless message along each path. */
export function addProbe(program: Command): void {
  program
    .command('probe')
    .description('after a deployment: send one harmless message along each path, and tell which arrive')
    .requiredOption('--stack <stack>', 'the stack, as pulumi calls it')
    .option('--seconds <n>', 'how long each path may take', seconds, SECONDS_MAX)
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error')
    .action(async (options: ProbeOptions, command: Command) => {
      const targets = await readTargets(options.stack, command);
      const parts = openProbe(targets.region, {
        id: randomUUID(),
        now: () => new Date(),
        sleep: async (ms) => await sleep(ms),
        secondsMax: options.seconds,
      });
      const paths = await probeStack(parts, targets);
      const failed = paths.filter(({ ok }) => !ok).length;
      (options.json === true ? process.stderr : process.stdout).write(`${probeText(paths)}\n`);
      if (options.json === true) process.stdout.write(`${jsonOf({ ok: failed === 0, paths })}\n`);
      if (failed > 0) process.exitCode = 1;
    });
}

/** The table that a person reads. */
export function probeText(paths: readonly ProbedPath[]): string {
  const failed = paths.filter(({ ok }) => !ok).length;
  return [
    ...columns(
      paths.map(({ path, ok, saw, ms }) => [ok ? 'ok' : 'FAILED', path, `${(ms / 1000).toFixed(1)} s`, saw]),
    ),
    failed === 0
      ? 'Every path works.'
      : `${failed} of ${paths.length} paths FAILED; docs/runbook.md tells what each is.`,
  ].join('\n');
}

async function readTargets(stack: string, command: Command): Promise<ProbeTargets> {
  const args = ['stack', 'output', 'probe', '--json', '--stack', stack];
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)('pulumi', args));
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? String(error);
    return command.error(
      `error: pulumi ${args.join(' ')} did not answer: ${said.trim()}\nDeploy the stack first, and log in to Pulumi.`,
    );
  }
  const targets = probeTargetsShape.safeParse(JSON.parse(output));
  if (targets.success) return targets.data;
  return command.error(
    `error: the stack's output probe is of another release: ${targets.error.issues.map(({ path }) => path.join('.')).join(', ')}; deploy the stack with this one`,
  );
}

function seconds(text: string): number {
  const count = Number(text);
  if (!/^\d{1,3}$/.test(text) || count < 1)
    throw new InvalidArgumentError(`"${text}" is no number of seconds from 1 to 999.`);
  return count;
}
