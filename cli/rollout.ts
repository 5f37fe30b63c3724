import type { Command } from 'commander';
import { z } from 'zod';
import type { OnCallOutcome, RolloutStatus } from '../components/rollout/on-call.ts';
import type { LambdaPort } from '../components/rollout/ports.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { NoAnswer } from './carrier.ts';
import { columns, wallClock } from './lines.ts';
import { outputsCommand, readStackOutputs } from './stack-outputs.ts';

interface RolloutOptions {
  readonly stack?: string;
  readonly alias?: readonly string[];
  readonly function?: string;
  readonly json?: boolean;
}

interface AbortOptions extends RolloutOptions {
  readonly reason: string;
}

/** A function's alias, by the name that the program calls the function by. */
interface Named {
  readonly name: string;
  readonly arn: string;
}

interface Told {
  readonly text: string;
  readonly json: object;
  readonly failed: boolean;
}

/** The program's output, of which the aliases are read (`RolloutSummary`). */
const outputs = z.object({ rollouts: z.record(z.string(), z.object({ alias: z.string().min(1) })) });

const ALIAS_ARN = /^arn:[\w-]+:lambda:([\w-]+):(\d{12}):function:([\w-]+):([\w-]+)$/;

/** Adds `rollout`, for the person on call: what is being shifted, and stopping it. */
export function addRollout(program: Command): void {
  const rollout = program
    .command('rollout')
    .description(
      'traffic that moves to new versions (배포): what happens, stopping it, and letting it go on',
    );
  common(rollout.command('status'))
    .description("each function's versions, what share each has, and what happened last")
    .action(async (options: RolloutOptions) => await tell(options, status));
  common(rollout.command('abort'))
    .description('send all traffic back to the old versions at once; nothing shifts until resume')
    .requiredOption('--reason <text>', 'why, for whoever reads the status')
    .action(async (options: AbortOptions) => await tell(options, (named) => abort(named, options.reason)));
  common(rollout.command('resume'))
    .description('take the mark of an abort away; the next pulumi up shifts')
    .action(async (options: RolloutOptions) => await tell(options, resume));
}

function common(command: Command): Command {
  return command
    .option('--stack <stack>', 'the deployed stack, whose functions Pulumi is asked for')
    .option('--alias <arn...>', "without Pulumi: the aliases' ARNs")
    .option('--function <name>', 'one function alone, by its name in the program')
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error');
}

async function tell(
  options: RolloutOptions,
  work: (named: readonly Named[]) => Promise<Told>,
): Promise<void> {
  let told: Told;
  try {
    told = await work(await aliasesOf(options));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    told = { text: error.message, json: { error: error.message }, failed: true };
  }
  if (options.json === true) {
    process.stderr.write(`${told.text}\n`);
    process.stdout.write(`${JSON.stringify(told.json)}\n`);
  } else {
    (told.failed ? process.stderr : process.stdout).write(`${told.text}\n`);
  }
  if (told.failed) process.exitCode = 1;
}

async function aliasesOf(options: RolloutOptions): Promise<readonly Named[]> {
  const all = options.alias === undefined ? await ofStack(options.stack) : options.alias.map(named);
  if (options.function === undefined) return all;
  const found = all.filter(({ name }) => name === options.function);
  if (found.length === 0)
    throw new NoAnswer(
      `there is no function "${options.function}": ${all.map(({ name }) => name).join(', ')}`,
    );
  return found;
}

async function ofStack(stack: string | undefined): Promise<readonly Named[]> {
  if (stack === undefined)
    throw new NoAnswer('which functions? Name the stack with --stack, or their aliases with --alias <arn>');
  const otherwise = 'or name the aliases with --alias <arn>';
  const read = outputs.safeParse(await readStackOutputs(stack, otherwise));
  if (!read.success)
    throw new NoAnswer(
      `${outputsCommand(stack)} names no rollouts: deploy the stack (pulumi up), ${otherwise}`,
    );
  return Object.entries(read.data.rollouts).map(([name, { alias }]) => ({ name, arn: alias }));
}

function named(arn: string): Named {
  const [, , , name] = ALIAS_ARN.exec(arn) ?? [];
  if (name === undefined)
    throw new NoAnswer(
      `"${arn}" is no alias: write arn:aws:lambda:<region>:<account>:function:<name>:<alias>`,
    );
  return { name, arn };
}

/** The AWS clients are loaded only where somebody asks AWS. */
async function reach(arn: string): Promise<{ lambda: LambdaPort; who: () => Promise<string> }> {
  const [, region = '', , functionName = '', aliasName = ''] = ALIAS_ARN.exec(arn) ?? [];
  const { openClients } = await import('../components/rollout/open-aws.ts');
  const { createLambdaPort } = await import('../components/rollout/lambda.client.ts');
  const { GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const { lambda, sts } = openClients({}, region);
  return {
    lambda: createLambdaPort(lambda, sts, { functionName, aliasName }),
    async who() {
      const { Arn: caller = 'somebody' } = await sts.send(new GetCallerIdentityCommand({}));
      return (caller.split(/[/:]/).at(-1) ?? caller).replaceAll(/\s+/g, '_');
    },
  };
}

async function status(aliases: readonly Named[]): Promise<Told> {
  const { statusOf } = await import('../components/rollout/on-call.ts');
  const all = await Promise.all(
    aliases.map(async ({ name, arn }) => {
      const { lambda } = await reach(arn);
      return { name, ...statusOf(await lambda.readAlias()) };
    }),
  );
  return {
    text: columns(all.map((one) => [one.name, trafficText(one), stateText(one)])).join('\n'),
    json: { functions: Object.fromEntries(all.map(({ name, ...one }) => [name, one])) },
    failed: false,
  };
}

function trafficText({ traffic }: RolloutStatus): string {
  return Object.entries(traffic)
    .map(([version, percent]) => `version ${version}: ${percent} %`)
    .join(', ');
}

function stateText({ state, note }: RolloutStatus): string {
  if (note === undefined)
    return state === 'split' ? 'split by nobody that is known: abort takes it away' : 'at rest';
  switch (note.kind) {
    case 'shifting':
      return `SHIFTING from version ${note.from} to ${note.to}, at ${note.percent} % since ${wallClock(note.at)}`;
    case 'aborted':
      return `ABORTED by ${note.by} at ${wallClock(note.at)}: ${note.reason}; resume lets the next pulumi up shift`;
    case 'sent_back':
      return `version ${note.to} was sent back at ${wallClock(note.at)}: ${note.reason}`;
  }
}

async function abort(aliases: readonly Named[], reason: string): Promise<Told> {
  const { abortRollout } = await import('../components/rollout/on-call.ts');
  return await change(aliases, async ({ lambda, who }) =>
    abortRollout(lambda, await who(), reason, systemClock.now()),
  );
}

async function resume(aliases: readonly Named[]): Promise<Told> {
  const { resumeRollout } = await import('../components/rollout/on-call.ts');
  return await change(aliases, async ({ lambda }) => await resumeRollout(lambda));
}

type Outcome = OnCallOutcome | { readonly outcome: 'failed'; readonly error: string };

/** All at once: on call every second counts. It has failed when none was changed, or one could not be. */
async function change(
  aliases: readonly Named[],
  work: (at: Awaited<ReturnType<typeof reach>>) => Promise<OnCallOutcome>,
): Promise<Told> {
  const outcomes: (readonly [string, Outcome])[] = await Promise.all(
    aliases.map(async ({ name, arn }): Promise<readonly [string, Outcome]> => {
      try {
        return [name, await work(await reach(arn))];
      } catch (error) {
        return [name, { outcome: 'failed', error: String(error) }];
      }
    }),
  );
  const done = outcomes.filter(([, { outcome }]) => outcome === 'aborted' || outcome === 'resumed');
  const broken = outcomes.filter(([, { outcome }]) => outcome === 'failed' || outcome === 'contended');
  return {
    text: columns(outcomes.map(([name, outcome]) => [name, outcomeText(outcome)])).join('\n'),
    json: { functions: Object.fromEntries<Outcome>(outcomes) },
    failed: done.length === 0 || broken.length > 0,
  };
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.outcome) {
    case 'aborted':
      return `all traffic is on version ${outcome.version}; nothing shifts until resume`;
    case 'resumed':
      return 'the mark is away; the next pulumi up shifts';
    case 'nothing_to_do':
      return `nothing to do: ${stateText(outcome.status)}`;
    case 'contended':
      return 'NOT DONE: somebody changes the alias at the same time; try again';
    case 'failed':
      return `NOT DONE: ${outcome.error}`;
  }
}
