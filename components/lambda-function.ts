import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { FunctionKind, Variables } from '../functions/shared/environment.ts';
import type { InvokedFunction } from './event-bus.ts';
import { bundleFunction, type FunctionBundle } from './function-bundle.ts';
import { GradualRollout, type GradualRolloutArgs, type RolloutSummary } from './gradual-rollout.ts';

/** Where a function runs that reaches the database. */
export interface FunctionNetwork {
  readonly subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  readonly securityGroupIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Whether the way out is by IPv6 alone. AWS is then called at its dual-stack addresses. */
  readonly ipv6: boolean;
}

/** Where events go that were given to Lambda without waiting for the answer, and that failed. */
export interface FailureDestination {
  readonly queueArn: pulumi.Input<string>;
  /** The key that encrypts the queue. */
  readonly keyArn: pulumi.Input<string>;
  /** How often a failed event is tried again, 0 to 2. */
  readonly retries: number;
  /** An event that could not be started for so long goes to the queue, seconds (60 to 21,600). */
  readonly eventAgeSecondsMax: number;
}

/** How a new version takes over. */
export interface FunctionRollout extends Pick<
  GradualRolloutArgs,
  'strategy' | 'bakeMinutes' | 'ignoreAlarms' | 'minimumInvocations' | 'protect'
> {
  /** What must be done before the alias names a new version, its first one included: the migration. */
  readonly after: readonly pulumi.Resource[];
  /** Whether the new version is asked for a dry run, and its errors watched. Not before the secrets are filled: it could not answer. */
  readonly checked: boolean;
}

/** Asks a function whether it could work, and changes nothing. */
const DRY_RUN = { dry_run: true };

/** So many errors of a new version in a minute send traffic back. */
const ERRORS_MAX = 1;

/** So many published versions are kept, to go back to. */
const VERSIONS_KEPT = 10;

export interface LambdaFunctionArgs<Kind extends FunctionKind> {
  /** The file that exports `handler`, below the project's folder. */
  readonly entry: string;
  readonly description: string;
  /** Which variables the function reads: a key of `environments`. */
  readonly kind: Kind;
  /** The function's variables, each of its kind: those that are `undefined` keep their default. Names and numbers, never a secret. */
  readonly environment: Variables<Kind, pulumi.Input<string>>;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** What the function may do, beside writing its log and its traces. */
  readonly statements: readonly aws.iam.PolicyStatement[];
  /** Without it the function runs outside the VPC, and reaches no database. */
  readonly network?: FunctionNetwork;
  /** `caller` where whoever calls learns of a failure: a synchronous call, or a queue's mapping, whose queue has a DLQ. */
  readonly onFailure: FailureDestination | 'caller';
  /** Without it the function shares the account's concurrency. */
  readonly reservedConcurrency?: number;
  /** The stack's, such as `smart-transfer-dev`: the log group's name and the metrics' namespace begin with it, and the log's key is for such names alone. */
  readonly namePrefix: string;
  readonly logRetentionDays: number;
  /** The ARN of the key that encrypts the log. */
  readonly logKey: pulumi.Input<string>;
  /** The ARN of the key that encrypts the variables at rest. */
  readonly environmentKey: pulumi.Input<string>;
  /** `none` publishes versions and makes no alias: whoever calls names the version. */
  readonly rollout: FunctionRollout | 'none';
}

/** The name of the alias that everything calls. */
export const LIVE = 'live';

/** Lambda's runtime carries Amazon's certificate authorities, RDS's among them, and Node 20 and later do not load them by themselves (Lambda developer guide, "CA certificate loading"). */
export const RUNTIME_CA_FILE = '/var/runtime/ca-cert.pem';

/** Bundles are written here, and from here into the deployment's archives. */
const BUNDLE_FOLDER = '.bundles';

const NETWORK_INTERFACES = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/**
 * One function: its bundle, its role with nothing but its statements, its log, a published version, and the alias `live`, which everything calls.
 *
 * The alias is the only thing that moves traffic: a version that was published and that the alias does not name is called by nobody.
 */
export class LambdaFunction<Kind extends FunctionKind = FunctionKind> extends pulumi.ComponentResource {
  readonly function: aws.lambda.Function;
  /** The published version of this deployment. */
  readonly version: pulumi.Output<string>;
  /** Absent with `rollout: 'none'`. */
  readonly rollout: GradualRollout | undefined;
  readonly role: aws.iam.Role;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly #name: string;

  constructor(name: string, args: LambdaFunctionArgs<Kind>, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:LambdaFunction', name, {}, opts);
    const parent = { parent: this };
    this.#name = name;
    this.logGroup = this.#createLogGroup(name, args);
    this.role = createRole(name, parent);
    const policy = this.#createPolicy(name, args);
    this.function = this.#createFunction(name, args, policy);
    this.version = this.function.version;
    this.rollout = this.#createRollout(name, args);
    if (args.onFailure !== 'caller') this.#createEventInvokeConfig(name, args.onFailure);
    this.registerOutputs({ functionName: this.function.name, version: this.version });
  }

  /** The function's name, for its metrics. Whoever calls it names the alias. */
  get name(): pulumi.Output<string> {
    return this.function.name;
  }

  /** The alias's ARN, which is what schedules, mappings and rules name. */
  get liveArn(): pulumi.Output<string> {
    return this.#live.alias.arn;
  }

  /** What a person on call asks about the rollout. */
  get rolloutSummary(): pulumi.Output<RolloutSummary> {
    return this.#live.summary;
  }

  get #live(): GradualRollout {
    if (this.rollout === undefined)
      throw new Error(`the function ${this.#name} has no alias: call its version`);
    return this.rollout;
  }

  /** The function as whoever calls it names it: by its alias. */
  get invoked(): InvokedFunction {
    const { name, arn } = this.#live.alias;
    return { functionName: this.function.name, aliasName: name, aliasArn: arn };
  }

  #createLogGroup(name: string, args: LambdaFunctionArgs<Kind>): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      name,
      {
        name: `/${args.namePrefix}/${name}`,
        retentionInDays: args.logRetentionDays,
        kmsKeyId: args.logKey,
      },
      { parent: this },
    );
  }

  #createPolicy(name: string, args: LambdaFunctionArgs<Kind>): aws.iam.RolePolicy {
    const statements = [
      ...ownStatements(this.logGroup.arn, args),
      ...(args.onFailure === 'caller' ? [] : failureStatements(args.onFailure)),
      ...args.statements,
    ];
    return new aws.iam.RolePolicy(
      name,
      {
        role: this.role.id,
        policy: pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements }),
      },
      { parent: this },
    );
  }

  #createFunction(
    name: string,
    args: LambdaFunctionArgs<Kind>,
    policy: aws.iam.RolePolicy,
  ): aws.lambda.Function {
    const { network, reservedConcurrency } = args;
    return new aws.lambda.Function(
      name,
      {
        description: args.description,
        runtime: 'nodejs24.x',
        architectures: ['arm64'],
        handler: 'index.handler',
        code: bundleArchive(name, args.entry),
        role: this.role.arn,
        timeout: args.timeoutSeconds,
        memorySize: args.memoryMb,
        environment: { variables: variablesOf(args) },
        kmsKeyArn: args.environmentKey,
        loggingConfig: { logFormat: 'JSON', logGroup: this.logGroup.name },
        tracingConfig: { mode: 'Active' },
        publish: true,
        ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
        ...(network === undefined
          ? {}
          : {
              vpcConfig: {
                subnetIds: network.subnetIds,
                securityGroupIds: network.securityGroupIds,
                ipv6AllowedForDualStack: network.ipv6,
              },
            }),
      },
      // Lambda looks whether the role may make network interfaces before it makes the function.
      { parent: this, dependsOn: [policy] },
    );
  }

  /** The one place where traffic is moved. */
  #createRollout(name: string, args: LambdaFunctionArgs<Kind>): GradualRollout | undefined {
    if (args.rollout === 'none') return undefined;
    const { checked, ...rollout } = args.rollout;
    return new GradualRollout(
      name,
      {
        ...rollout,
        functionName: this.function.name,
        functionVersion: this.version,
        aliasName: LIVE,
        keepVersions: VERSIONS_KEPT,
        ...(checked
          ? { check: { event: DRY_RUN, timeoutSeconds: args.timeoutSeconds }, gates: { errors: ERRORS_MAX } }
          : {}),
      },
      { parent: this },
    );
  }

  #createEventInvokeConfig(name: string, destination: FailureDestination): void {
    new aws.lambda.FunctionEventInvokeConfig(
      name,
      {
        functionName: this.function.name,
        qualifier: this.rollout?.alias.name ?? this.version,
        maximumRetryAttempts: destination.retries,
        maximumEventAgeInSeconds: destination.eventAgeSecondsMax,
        destinationConfig: { onFailure: { destination: destination.queueArn } },
      },
      { parent: this },
    );
  }
}

function createRole(name: string, opts: pulumi.CustomResourceOptions): aws.iam.Role {
  return new aws.iam.Role(
    name,
    {
      description: `What the function ${name} may do`,
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: ['sts:AssumeRole'], Principal: { Service: ['lambda.amazonaws.com'] } },
        ],
      }),
    },
    opts,
  );
}

/** What every function may do. */
function ownStatements(
  logGroupArn: pulumi.Output<string>,
  args: Pick<LambdaFunctionArgs<FunctionKind>, 'network' | 'environmentKey'>,
): aws.iam.PolicyStatement[] {
  const region = aws.config.requireRegion();
  return [
    {
      Sid: 'WriteLog',
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: [pulumi.interpolate`${logGroupArn}:log-stream:*`],
    },
    {
      Sid: 'WriteTraces',
      Effect: 'Allow',
      Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
      Resource: ['*'],
    },
    {
      Sid: 'ReadVariables',
      Effect: 'Allow',
      Action: ['kms:Decrypt'],
      Resource: [args.environmentKey],
      Condition: { StringEquals: { 'kms:ViaService': `lambda.${region}.amazonaws.com` } },
    },
    ...(args.network === undefined ? [] : networkStatements),
  ];
}

/** Lambda itself makes the network interfaces, with the function's role; the code of the function must not (Lambda developer guide, "Configuring VPC access"). */
const networkStatements: aws.iam.PolicyStatement[] = [
  { Sid: 'JoinNetwork', Effect: 'Allow', Action: NETWORK_INTERFACES, Resource: ['*'] },
  {
    Sid: 'NotFromCode',
    Effect: 'Deny',
    Action: NETWORK_INTERFACES,
    Resource: ['*'],
    Condition: { Null: { 'lambda:SourceFunctionArn': 'false' } },
  },
];

function failureStatements({ queueArn, keyArn }: FailureDestination): aws.iam.PolicyStatement[] {
  return [
    { Sid: 'ReportFailure', Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [queueArn] },
    {
      Sid: 'EncryptFailure',
      Effect: 'Allow',
      Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
      Resource: [keyArn],
    },
  ];
}

/** The variables that are set: the function's own, and what the runtime and the libraries read. */
function variablesOf<Kind extends FunctionKind>(
  args: LambdaFunctionArgs<Kind>,
): Record<string, pulumi.Input<string>> {
  const own = Object.entries(args.environment as Record<string, pulumi.Input<string> | undefined>).filter(
    (entry): entry is [string, pulumi.Input<string>] => entry[1] !== undefined,
  );
  const ipv6 = args.network?.ipv6 === true;
  return {
    ...Object.fromEntries(own),
    ...(ipv6 ? dualStackVariables() : {}),
    NODE_OPTIONS: ['--enable-source-maps', ...(ipv6 ? ['--dns-result-order=ipv6first'] : [])].join(' '),
    POWERTOOLS_LOG_LEVEL: 'INFO',
    POWERTOOLS_METRICS_NAMESPACE: args.namePrefix,
  };
}

/** For the SDK's clients. PutEvents is reported to be refused at the address that they work out for themselves, so EventBridge's is given to them. */
function dualStackVariables(): Record<string, string> {
  return {
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_ENDPOINT_URL_EVENTBRIDGE: `https://events.${aws.config.requireRegion()}.api.aws`,
  };
}

/**
 * The bundle as Lambda takes it. It goes by way of a file, since the text of an archive that is held in memory would be kept in the stack's state; the same
 * sources give the same bytes, and so no difference.
 */
async function bundleArchive(name: string, entry: string): Promise<pulumi.asset.Archive> {
  const { code, sourceMap } = await bundleOnce(name, entry);
  const folder = join(BUNDLE_FOLDER, name);
  mkdirSync(folder, { recursive: true });
  const asset = (file: string, bytes: Uint8Array): pulumi.asset.FileAsset => {
    const path = join(folder, file);
    writeFileSync(path, bytes);
    return new pulumi.asset.FileAsset(path);
  };
  return new pulumi.asset.AssetArchive({
    'index.mjs': asset('index.mjs', code),
    'index.mjs.map': asset('index.mjs.map', sourceMap),
  });
}

/** Two functions of one entry, such as the two lanes of webhooks, are one bundle. */
const bundles = new Map<string, Promise<FunctionBundle>>();

function bundleOnce(name: string, entry: string): Promise<FunctionBundle> {
  const made = bundles.get(entry) ?? bundleFunction({ name, entry: join(import.meta.dirname, '..', entry) });
  bundles.set(entry, made);
  return made;
}
