import { randomUUID } from 'node:crypto';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { AT_REST } from './rollout/alias-note.ts';
import { openAws, type AwsSettings } from './rollout/open-aws.ts';
import { plan } from './rollout/plan.ts';
import { processSignals } from './rollout/process-signals.ts';
import { RolloutRun } from './rollout/run.ts';
import { shift, type MinimumInvocations, type Rollout } from './rollout/shift.ts';
import { machineClock } from './rollout/waiting.ts';
import { parseStrategy, type RolloutStrategy, type Shifting } from './rollout/strategy.ts';

export type { RolloutStrategy } from './rollout/strategy.ts';

export interface GradualRolloutArgs {
  readonly functionName: pulumi.Input<string>;
  /** The published version to serve. */
  readonly functionVersion: pulumi.Input<string>;
  /** `live` unless given. */
  readonly aliasName?: string;
  /** A SAM type's name, or a canary or linear strategy of your own. `ROLLOUT_STRATEGY` in the environment takes its place for one run. */
  readonly strategy: RolloutStrategy;
  /** Alarms of the rollout's own, on what the new version does. None unless given. */
  readonly gates?: RolloutGates;
  /** Names of further alarms that send traffic back; at most ten with the gates. What the new version cannot cause must not be among them: it would block its fix. */
  readonly alarms?: readonly pulumi.Input<string>[];
  /** Invokes the version itself, before any traffic and after all of it. */
  readonly check?: VersionCheck;
  /** How long everything is watched at 100 %, before the check after, minutes. 0 unless given. */
  readonly bakeMinutes?: number;
  /** Invocations that a step waits for. None unless given. */
  readonly minimumInvocations?: MinimumInvocationsArgs;
  /** Begins although alarms fire already; `ROLLOUT_IGNORE_ALARMS=true` in the environment does so for one run. */
  readonly ignoreAlarms?: boolean;
  /** Between two looks at alarms and alias, seconds: traffic is back so long after an alarm at the latest. 15 unless given. */
  readonly pollSeconds?: number;
  /** So many of the newest published versions are kept, 2 at least; those that an alias names always. All unless given. */
  readonly keepVersions?: number;
  /** What must be done before the alias names a version: permissions, a migration. */
  readonly after?: readonly pulumi.Resource[];
  /** Refuses to delete or replace the alias: a replacement would move all traffic at once. True unless given. */
  readonly protect?: boolean;
  /** How to reach AWS, where the program's provider is not the default one: its settings cannot be read back from it. The stack's `aws:` settings unless given. */
  readonly aws?: AwsSettings;
  /** The rollouts that stop when one of them fails. All of the program unless given. */
  readonly run?: RolloutRun;
}

export interface RolloutGates {
  /** So many errors of the new version in a minute send traffic back, 1 or more. */
  readonly errors: number;
  /** So long a 99th percentile of its durations in a minute does, ms. */
  readonly durationMsP99?: number;
}

export interface VersionCheck {
  /** What the version is invoked with, `stage: 'before' | 'after'` added. It answers `{"ok": true, "checked": […]}`, throws what is wrong, and changes nothing. */
  readonly event: object;
  /** 60 unless given. */
  readonly timeoutSeconds?: number;
}

export interface MinimumInvocationsArgs {
  /** Of the new version, at each step below 100 %. */
  readonly perStep?: number;
  /** Of the alias at 100 %: such as one real run of a scheduled function. */
  readonly atFull?: number;
  /** How much longer than its own time a step waits for them, minutes. */
  readonly waitMinutesMax: number;
  /** What follows when they have not come by then. */
  readonly otherwise: 'go_on' | 'send_back';
}

/** A line of `pulumi stack output`. */
export interface RolloutSummary {
  readonly function: string;
  readonly version: string;
  readonly strategy: string;
  /** The alias's ARN: what `smart-transfer rollout` works on. */
  readonly alias: string;
}

/** CodeDeploy's limit, and a call's worth of names. */
const ALARMS_MAX = 10;

/** All rollouts of this program, and this run of it. */
const wholeProgram = new RolloutRun(processSignals);
const runId = randomUUID().replaceAll('-', '').slice(0, 12);

/**
 * An alias whose traffic moves to a new version step by step, in the program itself: a hook on the alias runs before the engine updates it, and a rollout that
 * fails leaves the engine's state at the old version, so that the next `pulumi up` tries again. docs/rollout.md tells what happens when.
 *
 * The first version is served at once: there is nothing to shift from.
 */
export class GradualRollout extends pulumi.ComponentResource {
  readonly alias: aws.lambda.Alias;
  readonly summary: pulumi.Output<RolloutSummary>;

  constructor(name: string, args: GradualRolloutArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:GradualRollout', name, {}, opts);
    const settings = settingsOf(name, args);
    const gates = this.#createGates(name, args, settings.aliasName);
    const alarms = [...gates.map((gate) => gate.name), ...(args.alarms ?? [])];
    if (alarms.length > ALARMS_MAX)
      throw new Error(
        `the rollout of ${name} watches ${alarms.length} alarms, gates included, and ${ALARMS_MAX} at the most are possible: combine some in a composite alarm`,
      );
    this.alias = this.#createAlias(name, args, settings, gates, pulumi.all(alarms));
    this.summary = pulumi
      .all([args.functionName, this.alias.functionVersion, this.alias.arn])
      .apply(([functionName, version, alias]) => ({
        function: functionName,
        version,
        strategy: settings.strategyText,
        alias,
      }));
    this.registerOutputs({ summary: this.summary });
  }

  /** An alarm has its version in its name: so it is a new one with each version, and none still fires from the version before. */
  #createGates(name: string, args: GradualRolloutArgs, aliasName: string): aws.cloudwatch.MetricAlarm[] {
    const { gates } = args;
    if (gates === undefined) return [];
    const of = (what: string, metric: Partial<aws.cloudwatch.MetricAlarmArgs>): aws.cloudwatch.MetricAlarm =>
      new aws.cloudwatch.MetricAlarm(
        `${name}-rollout-${what}`,
        {
          name: pulumi.interpolate`${args.functionName}-rollout-${what}-v${args.functionVersion}`,
          alarmDescription: `While this fires, the rollout of this version goes back. Nobody is called: afterwards it says nothing (${name}).`,
          namespace: 'AWS/Lambda',
          dimensions: {
            FunctionName: args.functionName,
            Resource: pulumi.interpolate`${args.functionName}:${aliasName}`,
            ExecutedVersion: args.functionVersion,
          },
          period: 60,
          evaluationPeriods: 1,
          comparisonOperator: 'GreaterThanOrEqualToThreshold',
          treatMissingData: 'notBreaching',
          ...metric,
        },
        { parent: this },
      );
    return [
      of('errors', { metricName: 'Errors', statistic: 'Sum', threshold: gates.errors }),
      ...(gates.durationMsP99 === undefined
        ? []
        : [
            of('duration', {
              metricName: 'Duration',
              extendedStatistic: 'p99',
              threshold: gates.durationMsP99,
            }),
          ]),
    ];
  }

  #createAlias(
    name: string,
    args: GradualRolloutArgs,
    settings: Settings,
    gates: readonly aws.cloudwatch.MetricAlarm[],
    alarms: pulumi.Output<string[]>,
  ): aws.lambda.Alias {
    const hook = new pulumi.ResourceHook(`rollout-${name}`, async (update) => {
      await shiftTraffic({ name, settings, update, alarms: await valueOf(alarms) });
    });
    return new aws.lambda.Alias(
      name,
      {
        name: settings.aliasName,
        functionName: args.functionName,
        functionVersion: args.functionVersion,
        description: AT_REST,
      },
      {
        parent: this,
        protect: args.protect ?? true,
        dependsOn: [...gates, ...(args.after ?? [])],
        hooks: { beforeUpdate: [hook] },
      },
    );
  }
}

/** What the program says of a rollout, read and checked. */
interface Settings extends Pick<
  Rollout,
  'check' | 'bakeMs' | 'bakeErrorsMin' | 'minimum' | 'ignoreFiring' | 'pollMs' | 'keepVersions'
> {
  readonly aliasName: string;
  readonly shifting: Shifting;
  readonly strategyText: string;
  readonly aws: AwsSettings;
  readonly run: RolloutRun;
}

function settingsOf(name: string, args: GradualRolloutArgs): Settings {
  const strategy: unknown = process.env['ROLLOUT_STRATEGY'] ?? args.strategy;
  const parsed = parseStrategy(strategy);
  if (parsed.outcome === 'refused') throw new Error(`the rollout of ${name}: ${parsed.message}`);
  const positive = (what: string, value: number, min: number): number => {
    if (Number.isFinite(value) && value >= min) return value;
    throw new Error(`the rollout of ${name}: ${what} is ${value}; write a number of ${min} or more`);
  };
  const { keepVersions, check, gates } = args;
  return {
    aliasName: args.aliasName ?? 'live',
    shifting: parsed.shifting,
    strategyText: typeof strategy === 'string' ? strategy : JSON.stringify(strategy),
    bakeMs: positive('bakeMinutes', args.bakeMinutes ?? 0, 0) * 60_000,
    bakeErrorsMin: gates && positive('gates.errors', gates.errors, 1),
    pollMs: positive('pollSeconds', args.pollSeconds ?? 15, 1) * 1000,
    keepVersions: keepVersions === undefined ? undefined : positive('keepVersions', keepVersions, 2),
    ignoreFiring: (args.ignoreAlarms ?? false) || process.env['ROLLOUT_IGNORE_ALARMS'] === 'true',
    check: check && {
      event: check.event,
      timeoutMs: positive('check.timeoutSeconds', check.timeoutSeconds ?? 60, 1) * 1000,
    },
    minimum: args.minimumInvocations && minimumOf(args.minimumInvocations),
    aws: args.aws ?? providerSettings(),
    run: args.run ?? wholeProgram,
  };
}

function minimumOf(args: MinimumInvocationsArgs): MinimumInvocations {
  return {
    perStep: args.perStep ?? 0,
    atFull: args.atFull ?? 0,
    waitMsMax: args.waitMinutesMax * 60_000,
    otherwise: args.otherwise,
  };
}

/** The stack's `aws:` settings, which the default provider takes as well. */
function providerSettings(): AwsSettings {
  const { config } = aws;
  return {
    profile: config.profile,
    accessKey: config.accessKey,
    secretKey: config.secretKey,
    token: config.token,
    sharedConfigFiles: config.sharedConfigFiles,
    sharedCredentialsFiles: config.sharedCredentialsFiles,
    stsRegion: config.stsRegion,
    useDualstackEndpoint: config.useDualstackEndpoint,
    useFipsEndpoint: config.useFipsEndpoint,
    endpoints: config.endpoints,
    assumeRoleWithWebIdentity: config.assumeRoleWithWebIdentity,
    assumeRoles: config.assumeRoles,
  };
}

interface Update {
  readonly name: string;
  readonly settings: Settings;
  readonly update: pulumi.ResourceHookArgs;
  readonly alarms: readonly string[];
}

/** @throws a sentence for people, which fails the update of the alias: the engine's state stays at the old version. */
async function shiftTraffic({ name, settings, update, alarms }: Update): Promise<void> {
  const { newInputs, oldOutputs } = update as {
    newInputs?: { functionVersion?: string };
    oldOutputs?: { arn?: string };
  };
  const to = newInputs?.functionVersion;
  const arn = oldOutputs?.arn;
  if (to === undefined || arn === undefined)
    throw new Error(`the rollout of ${name} was not told which version to serve, or at which alias`);
  const { region, account, functionName } = partsOf(arn);
  const services = openAws(settings.aws, region, { functionName, aliasName: settings.aliasName });
  // By its URN: the alias itself has none before its update is over, and every line of the program would wait for that.
  const alias = new pulumi.DependencyResource(update.urn);
  const say = (line: string): void => {
    // Whoever reads may be gone, and traffic must move all the same.
    pulumi.log.info(line, alias).catch(() => undefined);
  };
  const shifted = await settings.run.carry(name, to, (stop) =>
    shift(
      { ...settings, name, account, to, plan: plan(settings.shifting), alarms, run: runId },
      { ...services, clock: machineClock, say },
      stop,
    ),
  );
  if ('message' in shifted) throw new Error(shifted.message);
}

/** Reads `arn:aws:lambda:<region>:<account>:function:<name>:<alias>`. */
function partsOf(arn: string): { region: string; account: string; functionName: string } {
  const [, , , region = '', account = '', , functionName = ''] = arn.split(':');
  return { region, account, functionName };
}

function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => void output.apply((value) => resolve(value)));
}
