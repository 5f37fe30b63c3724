import { readStackFile } from '../../components/stack-file.ts';
import { allRegistered, mockPulumi, type MockedProgram, type PulumiMocks } from './pulumi-mocks.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'ap-northeast-2';

/** What a person adds to `Pulumi.prod.yaml` before the first deployment. */
const ONLY_YOU_KNOW: Readonly<Record<string, object>> = {
  'smart-transfer:alarms': { emails: ['payments@shop.example'] },
  'smart-transfer:bank': {
    collection: {
      account: '120220000000000000000001',
      bankCode: '004',
      number: '12345678901234',
      holder: 'Shop Ltd',
    },
    payoutAccount: '120220000000000000000002',
  },
};

export type StackConfig = Readonly<Record<string, unknown>>;

/** A stack's configuration as its file has it, complete with what only a person knows. */
export function stackConfig(stack: 'dev' | 'prod'): Record<string, unknown> {
  const config = readStackFile(stack);
  if (stack === 'dev') return config;
  for (const [key, added] of Object.entries(ONLY_YOU_KNOW))
    config[key] = { ...(config[key] as object), ...structuredClone(added) };
  return config;
}

/** As Pulumi hands a configuration to the program: a text a key. */
export function asTexts(config: StackConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

export interface DeployedStack extends MockedProgram {
  readonly outputs: Readonly<Record<string, unknown>>;
}

let runs = 0;

/** Runs `index.ts` as a stack, with mocks in the engine's place that answer nothing they were not asked for here. */
export async function deployStack(stack: string, config: StackConfig): Promise<DeployedStack> {
  const program = await mockPulumi({
    stack,
    config: asTexts(config),
    calls: {
      'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: ACCOUNT }),
      'aws:secretsmanager/getSecretVersions:getSecretVersions': () => ({ versions: [] }),
    },
    outputs: OUTPUTS,
  });
  runs += 1;
  const outputs = (await import(`../../index.ts?run=${runs}`)) as Record<string, unknown>;
  await allRegistered();
  return { ...program, outputs };
}

const arn = (service: string, rest: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;

/** What AWS would answer, where something else is made of it. */
const OUTPUTS: NonNullable<PulumiMocks['outputs']> = {
  'awsx:ec2:Vpc': () => ({
    vpcId: 'vpc-1',
    privateSubnetIds: ['subnet-private-a', 'subnet-private-c'],
    isolatedSubnetIds: ['subnet-isolated-a', 'subnet-isolated-c'],
    publicSubnetIds: ['subnet-public-a', 'subnet-public-c'],
    routeTables: [{ id: 'rtb-private-a' }, { id: 'rtb-private-c' }],
    routeTableAssociations: [
      { subnetId: 'subnet-private-a', routeTableId: 'rtb-private-a' },
      { subnetId: 'subnet-private-c', routeTableId: 'rtb-private-c' },
    ],
  }),
  'aws:lambda/function:Function': ({ name }) => ({
    name: `${name}-1a2b3c4`,
    version: '7',
    arn: arn('lambda', `function:${name}-1a2b3c4`),
  }),
  'aws:lambda/alias:Alias': ({ inputs }) => ({
    arn: arn('lambda', `function:${String(inputs['functionName'])}:${String(inputs['name'])}`),
  }),
  'aws:lambda/functionUrl:FunctionUrl': () => ({
    functionUrl: `https://abc.lambda-url.${REGION}.on.aws/`,
  }),
  'aws:iam/role:Role': ({ name }) => ({ arn: `arn:aws:iam::${ACCOUNT}:role/${name}-1a2b3c4`, name }),
  'aws:kms/key:Key': ({ name }) => ({ arn: arn('kms', `key/${name}`), keyId: `key-${name}` }),
  'aws:sqs/queue:Queue': ({ inputs }) => ({
    arn: arn('sqs', String(inputs['name'])),
    url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${String(inputs['name'])}`,
  }),
  'aws:secretsmanager/secret:Secret': ({ name }) => ({
    arn: arn('secretsmanager', `secret:${name}-1a2b3c4-AbCdEf`),
  }),
  'aws:rds/cluster:Cluster': ({ inputs }) => ({
    endpoint: `${String(inputs['clusterIdentifier'])}.cluster-x.${REGION}.rds.amazonaws.com`,
    clusterResourceId: 'cluster-ABC',
    masterUserSecrets: [{ secretArn: arn('secretsmanager', 'secret:rds!cluster-ABC-AbCdEf') }],
  }),
  'aws:cloudwatch/logGroup:LogGroup': ({ inputs }) => ({
    arn: arn('logs', `log-group:${String(inputs['name'])}`),
  }),
  'aws:cloudwatch/eventBus:EventBus': ({ inputs }) => ({
    arn: arn('events', `event-bus/${String(inputs['name'])}`),
  }),
  'aws:cloudwatch/eventRule:EventRule': ({ inputs }) => ({
    arn: arn('events', `rule/${String(inputs['eventBusName'])}/${String(inputs['name'])}`),
  }),
  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ inputs }) => ({
    arn: arn('cloudwatch', `alarm:${String(inputs['name'])}`),
  }),
  'aws:sns/topic:Topic': ({ inputs }) => ({ arn: arn('sns', String(inputs['name'])) }),
  'aws:s3/bucket:Bucket': ({ name }) => ({ bucket: `${name}-1a2b3c4`, arn: `arn:aws:s3:::${name}-1a2b3c4` }),
  'aws:scheduler/scheduleGroup:ScheduleGroup': ({ inputs }) => ({
    arn: arn('scheduler', `schedule-group/${String(inputs['name'])}`),
  }),
  'aws:apigatewayv2/api:Api': () => ({
    apiEndpoint: `https://abc.execute-api.${REGION}.amazonaws.com`,
    executionArn: arn('execute-api', 'abc'),
  }),
  'aws:ec2/eip:Eip': ({ name }) => ({ publicIp: '203.0.113.10', allocationId: `eipalloc-${name}` }),
  'aws:ec2/vpcEndpoint:VpcEndpoint': ({ name }) => ({ prefixListId: `pl-${name}` }),
};
