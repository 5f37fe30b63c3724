import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { statementsOf } from '../../../support/stack-rules.ts';
import type { AwsType, Making } from '../aws-type.ts';
import { arn, hex, REGION, type Cloud, type CloudResource } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { charactersMax, itemsMax, json, matches, oneOf, within } from '../rules.ts';
import { archiveFiles, isSame, type Properties } from '../values.ts';

const FUNCTION = 'aws:lambda/function:Function';
const ALIAS = 'aws:lambda/alias:Alias';
const QUEUE = 'aws:sqs/queue:Queue';

/** Lambda quotas: a new account's concurrency, and what of it nobody may reserve. */
const CONCURRENCY = 1000;
const UNRESERVED_MIN = 100;
const ENVIRONMENT_BYTES_MAX = 4096;
const UNZIPPED_BYTES_MAX = 250 * 1024 * 1024;
const POLICY_BYTES_MAX = 20 * 1024;

/** What a function is published anew for. */
const CONFIGURATION = [
  'code',
  'architectures',
  'description',
  'environment',
  'handler',
  'kmsKeyArn',
  'loggingConfig',
  'memorySize',
  'role',
  'runtime',
  'timeout',
  'tracingConfig',
  'vpcConfig',
];

/** Variables that Lambda sets itself (developer guide, "Reserved environment variables"). */
const RESERVED_VARIABLE =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_REGION|AWS_DEFAULT_REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*|AWS_ACCESS_KEY.*|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR)$/;

const functionArn = (name: string): string => arn('lambda', `function:${name}`);

const versionOf = ({ before }: Making): string =>
  String(Number((before?.['version'] as string | undefined) ?? 0) + 1);

export const LAMBDA_TYPES: Readonly<Record<string, AwsType>> = {
  [FUNCTION]: {
    required: ['role', 'code', 'runtime', 'handler'],
    autoName: { input: 'name', charactersMax: 64 },
    fixed: ['name', 'packageType'],
    unique: ['name'],
    rules: [
      matches('name', /^[a-zA-Z0-9-_]+$/),
      within('timeout', 1, 900),
      within('memorySize', 128, 10_240),
      charactersMax('description', 256),
      charactersMax('handler', 128),
      oneOf('runtime', 'nodejs24.x', 'nodejs22.x'),
      variables,
      itemsMax('vpcConfig.subnetIds', 16),
      itemsMax('vpcConfig.securityGroupIds', 5),
      itemsMax('architectures', 1),
    ],
    names: [
      { input: 'role', type: 'aws:iam/role:Role', by: 'arn' },
      { input: 'kmsKeyArn', type: 'aws:kms/key:Key', by: 'arn' },
      { input: 'loggingConfig.logGroup', type: 'aws:cloudwatch/logGroup:LogGroup', by: 'name' },
      { input: 'vpcConfig.subnetIds', type: 'aws:ec2/subnet:Subnet', by: 'id', holds: true },
      {
        input: 'vpcConfig.securityGroupIds',
        type: 'aws:ec2/securityGroup:SecurityGroup',
        by: 'id',
        holds: true,
      },
    ],
    demands: [assumable, joinsNetwork, leavesConcurrency, dualStackSubnets],
    id: ({ inputs }) => inputs.text('name'),
    outputs: {
      arn: ({ id }) => functionArn(id),
      version: versionOf,
      qualifiedArn: (making) => `${functionArn(making.id)}:${versionOf(making)}`,
      invokeArn: ({ id }) =>
        `arn:aws:apigateway:${REGION}:lambda:path/2015-03-31/functions/${functionArn(id)}/invocations`,
      lastModified: () => new Date().toISOString(),
    },
    renewed: (before, after) =>
      CONFIGURATION.some((input) => !isSame(before.properties[input], after.properties[input]))
        ? ['version', 'qualifiedArn', 'lastModified']
        : [],
    effects: {
      create(resource, cloud) {
        const { id } = resource;
        upload(resource, cloud);
        cloud.live.createFunction(id, (version, event) => cloud.answer(resource.name, version, event));
        publish(resource, cloud);
        return Promise.resolve(undefined);
      },
      update(resource, before, cloud) {
        if (resource.outputs['version'] !== before['version']) {
          upload(resource, cloud);
          publish(resource, cloud);
        }
        return Promise.resolve();
      },
      remove: ({ id }, cloud) => cloud.live.removeFunction(id),
    },
  },

  [ALIAS]: {
    required: ['functionName', 'functionVersion', 'name'],
    fixed: ['functionName', 'name'],
    rules: [matches('name', /^(?!\d+$)[a-zA-Z0-9-_]{1,128}$/), charactersMax('description', 256)],
    names: [{ input: 'functionName', type: FUNCTION, by: 'name' }],
    id: ({ inputs }) => `${functionArn(inputs.text('functionName'))}:${inputs.text('name')}`,
    outputs: {
      arn: ({ id }) => id,
      invokeArn: ({ id }) =>
        `arn:aws:apigateway:${REGION}:lambda:path/2015-03-31/functions/${id}/invocations`,
    },
    effects: {
      create({ inputs }, cloud) {
        const { functionName, name, functionVersion, description } = inputs as Record<string, string>;
        cloud.live.createAlias(functionName ?? '', name ?? '', functionVersion ?? '', description ?? '');
        return Promise.resolve(undefined);
      },
      async update({ inputs }, _before, cloud) {
        // As the provider does it: a list of weights that is absent takes away what is left of them.
        await cloud.live.handle('UpdateAlias', {
          FunctionName: inputs['functionName'],
          Name: inputs['name'],
          FunctionVersion: inputs['functionVersion'],
          Description: inputs['description'],
          RoutingConfig: { AdditionalVersionWeights: {} },
        });
      },
      remove: ({ inputs }, cloud) =>
        cloud.live.removeAlias(String(inputs['functionName']), String(inputs['name'])),
      read({ inputs }, cloud) {
        const { version, description, weights } = cloud.live.alias(
          String(inputs['functionName']),
          String(inputs['name']),
        );
        return {
          functionVersion: version,
          description,
          ...(Object.keys(weights).length === 0
            ? {}
            : { routingConfig: { additionalVersionWeights: weights } }),
        };
      },
    },
  },

  'aws:lambda/permission:Permission': {
    required: ['action', 'function', 'principal'],
    fixed: [
      'action',
      'function',
      'principal',
      'qualifier',
      'sourceArn',
      'sourceAccount',
      'functionUrlAuthType',
      'invokedViaFunctionUrl',
    ],
    rules: [
      oneOf('action', 'lambda:InvokeFunction', 'lambda:InvokeFunctionUrl'),
      matches('sourceArn', /^arn:aws:/),
      matches('sourceAccount', /^\d{12}$/),
    ],
    names: [{ input: 'function', type: FUNCTION, by: 'name' }],
    demands: [qualifierExists('function'), fitsItsPolicy],
    id: ({ name }) => `${name}-${hex(8)}`,
    outputs: { statementId: ({ id }) => id },
  },

  'aws:lambda/eventSourceMapping:EventSourceMapping': {
    required: ['functionName', 'eventSourceArn'],
    fixed: ['eventSourceArn'],
    rules: [
      within('batchSize', 1, 10_000),
      within('scalingConfig.maximumConcurrency', 2, 1000),
      within('maximumBatchingWindowInSeconds', 0, 300),
      (inputs) =>
        inputs.text('eventSourceArn').endsWith('.fifo') &&
        ((inputs.number('batchSize') ?? 10) > 10 || inputs.has('maximumBatchingWindowInSeconds'))
          ? 'a FIFO queue gives batches of 10 at the most, and knows no batching window'
          : undefined,
    ],
    names: [
      { input: 'eventSourceArn', type: QUEUE, by: 'arn' },
      { input: 'functionName', type: ALIAS, by: 'arn' },
    ],
    demands: [receives, hidesLongEnough],
    id: () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`,
    outputs: {
      uuid: ({ id }) => id,
      functionArn: ({ inputs }) => inputs.text('functionName'),
      state: ({ inputs }) => (inputs.value('enabled') === false ? 'Disabled' : 'Enabled'),
    },
  },

  'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig': {
    required: ['functionName'],
    fixed: ['functionName', 'qualifier'],
    rules: [within('maximumEventAgeInSeconds', 60, 21_600), within('maximumRetryAttempts', 0, 2)],
    names: [
      { input: 'functionName', type: FUNCTION, by: 'name' },
      { input: 'destinationConfig.onFailure.destination', type: QUEUE, by: 'arn' },
    ],
    demands: [qualifierExists('functionName'), reportsFailures],
    id: ({ inputs }) => `${inputs.text('functionName')}:${inputs.text('qualifier')}`,
  },

  'aws:lambda/functionUrl:FunctionUrl': {
    required: ['functionName', 'authorizationType'],
    fixed: ['functionName', 'qualifier'],
    rules: [oneOf('authorizationType', 'NONE', 'AWS_IAM'), matches('qualifier', /^(?!\$LATEST$)/)],
    names: [{ input: 'functionName', type: FUNCTION, by: 'name' }],
    demands: [qualifierExists('functionName')],
    id: ({ inputs }) => `${inputs.text('functionName')}/${inputs.text('qualifier')}`,
    outputs: {
      functionArn: ({ inputs }) => functionArn(inputs.text('functionName')),
      functionUrl: () => `https://${hex(32)}.lambda-url.${REGION}.on.aws/`,
      urlId: () => hex(32),
    },
  },

  'aws:lambda/invocation:Invocation': {
    required: ['functionName', 'input'],
    // Whatever of it changes, the function is called again: by a new resource.
    fixed: ['functionName', 'input', 'qualifier', 'triggers'],
    rules: [json('input')],
    names: [{ input: 'functionName', type: FUNCTION, by: 'name' }],
    id: ({ inputs }) => `${inputs.text('functionName')}_${inputs.text('qualifier')}_${hex(32)}`,
    outputs: { result: () => undefined },
    effects: { create: invoke },
  },
};

function variables(inputs: Reading): string | undefined {
  const set = Object.entries((inputs.value('environment.variables') ?? {}) as Record<string, string>);
  const bad = set.find(([name]) => !/^[a-zA-Z][a-zA-Z0-9_]+$/.test(name) || RESERVED_VARIABLE.test(name));
  if (bad !== undefined) return `the variable ${bad[0]} is none that a function may have`;
  const bytes = set.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  return bytes <= ENVIRONMENT_BYTES_MAX
    ? undefined
    : `its variables have ${bytes} bytes; Lambda takes ${ENVIRONMENT_BYTES_MAX}`;
}

/** What a role may do, by its inline policies as they are now. */
function actionsOf(roleArn: string, cloud: Cloud): readonly string[] {
  const role = cloud.find('aws:iam/role:Role', 'arn', roleArn);
  return cloud
    .all('aws:iam/rolePolicy:RolePolicy')
    .filter(({ inputs }) => inputs['role'] === role?.id)
    .flatMap(({ inputs }) => statementsOf(inputs['policy']))
    .filter(({ effect }) => effect === 'Allow')
    .flatMap(({ actions }) => actions);
}

function assumable(inputs: Reading, cloud: Cloud): string | undefined {
  const role = cloud.find('aws:iam/role:Role', 'arn', inputs.text('role'));
  return String(role?.inputs['assumeRolePolicy']).includes('lambda.amazonaws.com')
    ? undefined
    : 'The role defined for the function cannot be assumed by Lambda.';
}

function joinsNetwork(inputs: Reading, cloud: Cloud): string | undefined {
  if (
    !inputs.has('vpcConfig') ||
    actionsOf(inputs.text('role'), cloud).includes('ec2:CreateNetworkInterface')
  )
    return undefined;
  return 'The provided execution role does not have permissions to call CreateNetworkInterface on EC2';
}

function dualStackSubnets(inputs: Reading, cloud: Cloud): string | undefined {
  if (inputs.value('vpcConfig.ipv6AllowedForDualStack') !== true) return undefined;
  const [plain] = inputs
    .texts('vpcConfig.subnetIds')
    .filter((id) => cloud.find('aws:ec2/subnet:Subnet', 'id', id)?.inputs['ipv6CidrBlock'] === undefined);
  return plain === undefined
    ? undefined
    : `the subnet ${plain} has no IPv6 block, and ipv6AllowedForDualStack is set`;
}

function leavesConcurrency(inputs: Reading, cloud: Cloud): string | undefined {
  const name = inputs.text('name');
  const others = cloud
    .all(FUNCTION)
    .filter(({ id }) => id !== name)
    .reduce((sum, one) => sum + Number(one.inputs['reservedConcurrentExecutions'] ?? 0), 0);
  const wanted = inputs.number('reservedConcurrentExecutions') ?? 0;
  return CONCURRENCY - others - wanted >= UNRESERVED_MIN
    ? undefined
    : `reservedConcurrentExecutions ${wanted} leaves the account less than ${UNRESERVED_MIN} unreserved`;
}

/** An alias exists, or it is a published version. */
function qualifierExists(input: string) {
  return (inputs: Reading, cloud: Cloud): string | undefined => {
    const [name, qualifier] = [inputs.text(input), inputs.text('qualifier')];
    const of = cloud.live.functions.get(name);
    const exists =
      qualifier === '' || of?.aliases.has(qualifier) === true || of?.versions.has(qualifier) === true;
    return exists ? undefined : `Cannot find alias arn: ${functionArn(name)}:${qualifier}`;
  };
}

/** All permissions for an alias are one policy, as Lambda writes it down. */
function fitsItsPolicy(inputs: Reading, cloud: Cloud): string | undefined {
  const [name, qualifier] = [inputs.text('function'), inputs.text('qualifier')];
  const others = cloud
    .all('aws:lambda/permission:Permission')
    .filter((one) => one.inputs['function'] === name && one.inputs['qualifier'] === qualifier)
    .map((one) => statement(one.inputs, one.id));
  const policy = {
    Version: '2012-10-17',
    Id: 'default',
    Statement: [...others, statement(inputs.properties, `new-${hex(26)}`)],
  };
  const { length } = JSON.stringify(policy);
  return length <= POLICY_BYTES_MAX
    ? undefined
    : `The final policy size (${length}) is bigger than the limit (${POLICY_BYTES_MAX}).`;
}

function statement(inputs: Properties, id: string): object {
  const { principal, action, sourceArn, sourceAccount } = inputs as Record<string, string | undefined>;
  return {
    Sid: id,
    Effect: 'Allow',
    Principal: principal === '*' ? '*' : { Service: principal },
    Action: action,
    Resource: `${functionArn(String(inputs['function']))}:${String(inputs['qualifier'])}`,
    Condition: {
      ...(sourceAccount === undefined ? {} : { StringEquals: { 'AWS:SourceAccount': sourceAccount } }),
      ...(sourceArn === undefined ? {} : { ArnLike: { 'AWS:SourceArn': sourceArn } }),
    },
  };
}

/** The function behind an alias's ARN. */
function targetOf(aliasArn: string, cloud: Cloud): CloudResource | undefined {
  const alias = cloud.find(ALIAS, 'arn', aliasArn);
  return cloud.find(FUNCTION, 'name', alias?.inputs['functionName']);
}

function receives(inputs: Reading, cloud: Cloud): string | undefined {
  const target = targetOf(inputs.text('functionName'), cloud);
  return actionsOf(String(target?.inputs['role']), cloud).includes('sqs:ReceiveMessage')
    ? undefined
    : 'The provided execution role does not have permissions to call ReceiveMessage on SQS';
}

function hidesLongEnough(inputs: Reading, cloud: Cloud): string | undefined {
  const target = targetOf(inputs.text('functionName'), cloud);
  const queue = cloud.find(QUEUE, 'arn', inputs.text('eventSourceArn'));
  const [visible, timeout] = [
    Number(queue?.inputs['visibilityTimeoutSeconds'] ?? 30),
    Number(target?.inputs['timeout']),
  ];
  return visible >= timeout
    ? undefined
    : `Queue visibility timeout: ${visible} seconds is less than Function timeout: ${timeout} seconds`;
}

function reportsFailures(inputs: Reading, cloud: Cloud): string | undefined {
  const target = cloud.find(FUNCTION, 'name', inputs.text('functionName'));
  return actionsOf(String(target?.inputs['role']), cloud).includes('sqs:SendMessage')
    ? undefined
    : "The function's execution role does not have permissions to call SendMessage on arn:aws:sqs";
}

/** Keeps what the engine handed over: the files that run in the account from now on. */
function upload({ id, inputs }: CloudResource, cloud: Cloud): void {
  const files = Object.entries(archiveFiles(inputs['code'])).map(
    ([name, path]) => [name, readFileSync(join(cloud.programFolder, path))] as const,
  );
  const bytes = files.reduce((sum, [, content]) => sum + content.length, 0);
  if (bytes > UNZIPPED_BYTES_MAX)
    throw new Error(`Unzipped size must be smaller than ${UNZIPPED_BYTES_MAX} bytes`);
  cloud.uploads.set(id, Object.fromEntries(files));
}

function publish({ id, outputs, inputs }: CloudResource, cloud: Cloud): void {
  cloud.live.publish(id, String(outputs['version']), { role: String(inputs['role']) });
}

/** As the provider does: an error of the function is the resource's. */
async function invoke({ inputs }: CloudResource, cloud: Cloud): Promise<Properties> {
  const answer = (await cloud.live.handle('Invoke', {
    FunctionName: inputs['functionName'],
    Qualifier: inputs['qualifier'],
    Payload: Buffer.from(String(inputs['input'])),
  })) as { Payload: Uint8Array; FunctionError?: string };
  const result = Buffer.from(answer.Payload).toString('utf8');
  if (answer.FunctionError !== undefined)
    throw new Error(
      `invoking Lambda Function (${String(inputs['functionName'])}): Lambda function returned error: (${result})`,
    );
  return { result };
}
