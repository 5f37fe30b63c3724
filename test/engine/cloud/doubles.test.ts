import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import { awsProvider } from './aws-provider.ts';
import { arn, Cloud, hex } from './cloud.ts';
import { AWS_TYPES } from './types/aws-types.ts';
import { decode, encode, UNKNOWN, type Properties } from './values.ts';

const QUEUE = 'aws:sqs/queue:Queue';
const ROLE = 'aws:iam/role:Role';
const POLICY = 'aws:iam/rolePolicy:RolePolicy';
const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const SCHEDULE = 'aws:scheduler/schedule:Schedule';
const INGRESS = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';

const statement = (more: object = {}) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: ['*'], ...more }],
  });
const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['sts:AssumeRole'], Principal: { Service: 'lambda.amazonaws.com' } },
  ],
});
const alarm = {
  comparisonOperator: 'GreaterThanThreshold',
  evaluationPeriods: 1,
  statistic: 'Sum',
  period: 60,
};
const schedule = {
  flexibleTimeWindow: { mode: 'OFF' },
  scheduleExpression: 'rate(5 minutes)',
  target: { arn: 'arn', roleArn: 'arn' },
};

describe("the engine's double of AWS", () => {
  let cloud: Cloud;
  beforeEach(() => {
    cloud = new Cloud('/nowhere');
  });

  /** Asks the provider as the engine does: check, then create. Answers the refusal, or the outputs. */
  const make = async (type: string, name: string, inputs: Properties): Promise<Properties> => {
    const checked = await check(type, name, inputs);
    if (checked.refusals.length > 0) throw new Error(checked.refusals.join('; '));
    const request = new provider.CreateRequest()
      .setType(type)
      .setName(name)
      .setProperties(encode(checked.inputs));
    const made = (await call('create', request)) as InstanceType<typeof provider.CreateResponse>;
    return decode(made.getProperties());
  };
  const check = async (type: string, name: string, inputs: Properties) => {
    const request = new provider.CheckRequest()
      .setType(type)
      .setName(name)
      .setNews(encode(inputs))
      .setRandomseed(Buffer.from(hex(32)));
    const answer = (await call('check', request)) as InstanceType<typeof provider.CheckResponse>;
    return {
      inputs: decode(answer.getInputs()),
      refusals: answer.getFailuresList().map((failure) => failure.getReason()),
    };
  };
  const remove = (type: string, id: unknown) =>
    call('delete', new provider.DeleteRequest().setType(type).setName('one').setId(String(id)));
  const call = async (name: string, request: object): Promise<unknown> =>
    await awsProvider(cloud)[name]?.(request as never);

  it('knows every type of the inventories, and refuses another', async () => {
    for (const stack of ['dev', 'prod']) {
      const file = join(import.meta.dirname, '..', '..', 'program', `names.${stack}.txt`);
      const types = readFileSync(file, 'utf8').match(/aws:[a-zA-Z0-9]+\/\w+:\w+/g) ?? [];
      for (const type of types) assert.ok(type in AWS_TYPES, type);
    }
    await assert.rejects(make('aws:dynamodb/table:Table', 'one', {}), /is no type that the stacks have/);
  });

  const refused: readonly (readonly [what: string, type: string, inputs: Properties, why: RegExp])[] = [
    [
      'a function without a role',
      'aws:lambda/function:Function',
      { runtime: 'nodejs24.x', handler: 'a', code: {} },
      /role is missing/,
    ],
    ['a FIFO queue of a plain name', QUEUE, { name: 'transfers', fifoQueue: true }, /ends in \.fifo/],
    ['a queue that hides for a day', QUEUE, { name: 'one', visibilityTimeoutSeconds: 86_400 }, /0 to 43200/],
    [
      'a key that no policy lets be changed',
      'aws:kms/key:Key',
      { policy: statement({ Principal: '*' }) },
      /not allow you to update/,
    ],
    ['a policy that does not parse', POLICY, { role: 'one', policy: '{' }, /MalformedPolicyDocument/],
    [
      'a role policy with a principal',
      POLICY,
      { role: 'one', policy: statement({ Principal: '*' }) },
      /names a principal/,
    ],
    [
      'an action of no service',
      POLICY,
      { role: 'one', policy: statement({ Action: ['SendMessage'] }) },
      /has SendMessage/,
    ],
    [
      'a policy of a role that does not exist',
      POLICY,
      { role: 'nobody', policy: statement() },
      /there is no such aws:iam\/role/,
    ],
    ['an alarm of 45 s', ALARM, { ...alarm, name: 'one', period: 45 }, /period is 45/],
    [
      'an alarm to a topic that does not exist',
      ALARM,
      { ...alarm, name: 'one', alarmActions: [arn('sns', 'x')] },
      /no such aws:sns/,
    ],
    [
      'a schedule of five fields',
      SCHEDULE,
      { ...schedule, scheduleExpression: 'cron(0 9 * * MON-FRI)' },
      /AWS takes/,
    ],
    [
      'a schedule by day and weekday',
      SCHEDULE,
      { ...schedule, scheduleExpression: 'cron(0 9 1 * MON *)' },
      /exactly one is "\?"/,
    ],
    [
      'a rule with an apostrophe',
      INGRESS,
      { securityGroupId: 'sg', ipProtocol: 'tcp', cidrIpv4: '0.0.0.0/0', description: "the ledger's" },
      /description is/,
    ],
    ['a bucket in capitals', 'aws:s3/bucket:Bucket', { bucket: 'Heads' }, /AWS takes/],
    [
      'a secret that can be brought back for three days',
      'aws:secretsmanager/secret:Secret',
      { recoveryWindowInDays: 3 },
      /0 or 7 to 30/,
    ],
    [
      'a log kept for 31 days',
      'aws:cloudwatch/logGroup:LogGroup',
      { name: 'one', retentionInDays: 31 },
      /retentionInDays is 31/,
    ],
  ];
  for (const [what, type, inputs, why] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(make(type, 'one', inputs), why);
      assert.deepEqual(cloud.resources, []);
    });
  }

  it('asks in a preview for no more than is known in it', async () => {
    const { refusals } = await check(POLICY, 'one', { role: UNKNOWN, policy: UNKNOWN });
    assert.deepEqual(refusals, []);
  });

  it('makes what it is given no name for under a name of its own, and refuses a name twice', async () => {
    const { name } = await make(ROLE, 'settlement', { assumeRolePolicy: trust });
    assert.match(String(name), /^settlement-[0-9a-f]{7}$/);
    await make(QUEUE, 'one', { name: 'failures' });
    await assert.rejects(make(QUEUE, 'two', { name: 'failures' }), /name "failures" is taken/);
  });

  it('refuses a dead letter queue of another kind than its queue', async () => {
    const source = await make(QUEUE, 'one', { name: 'one.fifo', fifoQueue: true });
    const target = await make(QUEUE, 'two', { name: 'two' });
    const redrivePolicy = JSON.stringify({ deadLetterTargetArn: target['arn'], maxReceiveCount: 5 });
    await assert.rejects(
      make('aws:sqs/redrivePolicy:RedrivePolicy', 'one', { queueUrl: source['url'], redrivePolicy }),
      /a FIFO queue's dead letter queue is a FIFO queue/,
    );
  });

  it("refuses a mapping whose queue hides a message for less than the function's time", async () => {
    const role = await make(ROLE, 'one', { assumeRolePolicy: trust });
    await make(POLICY, 'one', { role: role['name'], policy: statement({ Action: ['sqs:ReceiveMessage'] }) });
    const queue = await make(QUEUE, 'one', {
      name: 'one.fifo',
      fifoQueue: true,
      visibilityTimeoutSeconds: 30,
    });
    // What uploading would make: this test has no files.
    cloud.resources.push(
      given('aws:lambda/function:Function', { name: 'one', role: role['arn'], timeout: 45 }),
      given('aws:lambda/alias:Alias', { functionName: 'one', arn: arn('lambda', 'function:one:live') }),
    );
    const mapping = { eventSourceArn: queue['arn'], functionName: arn('lambda', 'function:one:live') };
    const MAPPING = 'aws:lambda/eventSourceMapping:EventSourceMapping';
    await assert.rejects(
      make(MAPPING, 'one', mapping),
      /30 seconds is less than Function timeout: 45 seconds/,
    );
    await assert.rejects(make(MAPPING, 'one', { ...mapping, batchSize: 100 }), /batches of 10 at the most/);
  });

  const given = (type: string, properties: Properties) => ({
    type,
    id: 'one',
    name: 'one',
    inputs: properties,
    outputs: properties,
  });

  it('deletes nothing that something else uses, and nothing that is protected', async () => {
    const role = await make(ROLE, 'one', { assumeRolePolicy: trust });
    await make(POLICY, 'one', { role: role['name'], policy: statement() });
    await assert.rejects(remove(ROLE, role['name']), /RolePolicy one still uses it/);
    await make('aws:rds/cluster:Cluster', 'one', {
      clusterIdentifier: 'one',
      engine: 'aurora-postgresql',
      engineVersion: '17.5',
      manageMasterUserPassword: true,
      skipFinalSnapshot: true,
      deletionProtection: true,
    });
    await assert.rejects(remove('aws:rds/cluster:Cluster', 'one'), /disable deletion protection/);
  });

  it("refuses a secret's name until the deleted one is gone for good", async () => {
    const made = await make('aws:secretsmanager/secret:Secret', 'one', {
      name: 'dataKeys',
      recoveryWindowInDays: 7,
    });
    await remove('aws:secretsmanager/secret:Secret', made['arn']);
    await assert.rejects(
      make('aws:secretsmanager/secret:Secret', 'one', { name: 'dataKeys', recoveryWindowInDays: 7 }),
      /already scheduled for deletion/,
    );
  });

  it("refuses a log group that its key's policy does not know", async () => {
    const administer = {
      Effect: 'Allow',
      Action: ['kms:PutKeyPolicy'],
      Principal: { AWS: 'arn:aws:iam::000000000000:root' },
      Resource: '*',
    };
    const logs = {
      Effect: 'Allow',
      Action: ['kms:Encrypt'],
      Principal: { Service: ['logs.ap-northeast-2.amazonaws.com'] },
      Resource: '*',
      Condition: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': [arn('logs', 'log-group:/ours/*')] } },
    };
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: [administer, logs] });
    const key = await make('aws:kms/key:Key', 'logs', { policy });
    const group = (name: string) =>
      make('aws:cloudwatch/logGroup:LogGroup', 'one', { name, kmsKeyId: key['arn'] });
    await assert.rejects(group('/theirs/one'), /not allowed to be used with Arn/);
    await group('/ours/one');
  });
});
