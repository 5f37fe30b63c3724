import assert from 'node:assert/strict';
import { RUNBOOK_SECTIONS, alarmsOf } from '../../components/alarms.ts';
import { Observability } from '../../components/observability.ts';
import { Probe } from '../../components/probe.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';
import { brokenRules, statementsOf } from '../support/stack-rules.ts';
import { watchedStack } from './watched-stack.ts';

const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const TOPIC_ARN = 'arn:mock:aws:sns/topic:Topic:alarms';
const PLACE = {
  namePrefix: 'smart-transfer-test',
  metricsNamespace: 'smart-transfer-test',
  keyArn: 'arn:mock:key',
  accountId: '123456789012',
  region: 'ap-northeast-2',
};

describe('observability', () => {
  let program: MockedProgram;

  before(async () => {
    program = await mockPulumi();
    const { topic } = new Observability('alarms', {
      ...watchedStack(),
      ...PLACE,
      subscriptions: [{ protocol: 'email', endpoint: 'payments@example.kr' }],
      thresholds: { reviewHours: 8 },
    });
    new Probe('probe', { ...PLACE, busName: 'smart-transfer-test-events', topicArn: topic.arn });
    await allRegistered();
  });

  const alarms = () => program.resources.filter(({ type, name }) => type === ALARM && name !== 'probe');

  it('makes each alarm of the list, under the prefix that the topic lets in', () => {
    assert.deepEqual(
      alarms()
        .map(({ inputs }) => inputs['name'])
        .sort(),
      alarmsOf(watchedStack())
        .map(({ id }) => `smart-transfer-test-${id}`)
        .sort(),
    );
    const { inputs } = program.resource('aws:sns/topicPolicy:TopicPolicy');
    const [plainHttp, cloudWatch] = statementsOf(inputs['policy']);
    assert.deepEqual(plainHttp?.condition, { Bool: { 'aws:SecureTransport': 'false' } });
    assert.deepEqual(cloudWatch, {
      effect: 'Allow',
      principal: { Service: 'cloudwatch.amazonaws.com' },
      actions: ['sns:Publish'],
      resources: [TOPIC_ARN],
      condition: {
        StringEquals: { 'aws:SourceAccount': '123456789012' },
        ArnLike: {
          'aws:SourceArn': 'arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:smart-transfer-test-*',
        },
      },
    });
  });

  it('tells the topic when an alarm goes off and when it is over, in Korean first, and where to read on', () => {
    for (const { inputs } of alarms()) {
      assert.deepEqual([inputs['alarmActions'], inputs['okActions']], [[TOPIC_ARN], [TOPIC_ARN]]);
      const description = String(inputs['alarmDescription']);
      const section = /docs\/runbook\.md#([a-z-]+)$/.exec(description)?.[1];
      assert.ok(section !== undefined && section in RUNBOOK_SECTIONS, description);
      assert.ok(description.startsWith(RUNBOOK_SECTIONS[section as keyof typeof RUNBOOK_SECTIONS]));
      assert.ok(description.length <= 1024);
    }
  });

  it("looks at the functions' own metrics as they write them, and at AWS's by name", () => {
    const of = (id: string) => program.resource(ALARM, id).inputs;
    const drift = of('drift');
    assert.deepEqual(
      [drift['namespace'], drift['metricName'], drift['dimensions']],
      ['smart-transfer-test', 'DriftWon', { service: 'matcher' }],
    );
    const letters = of('dead-letters-transfers');
    assert.deepEqual(
      [letters['namespace'], letters['dimensions']],
      ['AWS/SQS', { QueueName: 'transfers-dlq.fifo' }],
    );
    assert.deepEqual(of('errors-matcher')['dimensions'], { FunctionName: 'matcher-1' });
    assert.deepEqual(
      [of('database-at-max-capacity')['threshold'], of('database-at-max-capacity')['comparisonOperator']],
      [4, 'GreaterThanOrEqualToThreshold'],
    );
    assert.equal(of('review-queue-age')['threshold'], 8 * 3600);
  });

  it('shows every alarm and its metric on one dashboard', () => {
    const { inputs } = program.resource('aws:cloudwatch/dashboard:Dashboard');
    const { widgets } = JSON.parse(String(inputs['dashboardBody'])) as {
      widgets: { type: string; properties: { alarms?: string[]; metrics?: unknown[][] } }[];
    };
    const arns = widgets.find(({ type }) => type === 'alarm')?.properties.alarms;
    assert.deepEqual(
      arns,
      alarms().map(({ type, name }) => `arn:mock:${type}:${name}`),
    );
    const labels = widgets
      .flatMap(({ properties }) => properties.metrics ?? [])
      .map((metric) => {
        const { label } = metric.at(-1) as { label: string };
        return label;
      });
    assert.deepEqual(
      [...labels].sort(),
      alarmsOf(watchedStack())
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('encrypts the topic, and subscribes who is named in the configuration', () => {
    assert.equal(program.resource('aws:sns/topic:Topic').inputs['kmsMasterKeyId'], 'arn:mock:key');
    const { inputs } = program.resource('aws:sns/topicSubscription:TopicSubscription', 'alarms-1');
    assert.deepEqual([inputs['protocol'], inputs['endpoint']], ['email', 'payments@example.kr']);
    assert.deepEqual(
      brokenRules(program.resources, (name) => name === 'probe'),
      [],
    );
  });

  it("sends the probe's own alarm and events back to the probe's queue, and no others", () => {
    const { inputs: subscription } = program.resource('aws:sns/topicSubscription:TopicSubscription', 'probe');
    assert.deepEqual(
      [subscription['filterPolicyScope'], JSON.parse(String(subscription['filterPolicy']))],
      ['MessageBody', { AlarmName: ['smart-transfer-test-probe'] }],
    );
    const { inputs: rule } = program.resource('aws:cloudwatch/eventRule:EventRule', 'probe');
    assert.deepEqual(JSON.parse(String(rule['eventPattern'])), {
      source: ['smart-transfer'],
      'detail-type': ['probe'],
    });
    const { inputs: policy } = program.resource('aws:sqs/queuePolicy:QueuePolicy', 'probe');
    assert.deepEqual(
      statementsOf(policy['policy']).map(({ effect, condition }) => [
        effect,
        condition['ArnLike']?.['aws:SourceArn'],
      ]),
      [
        ['Deny', undefined],
        ['Allow', 'arn:mock:aws:cloudwatch/eventRule:EventRule:probe'],
        ['Allow', TOPIC_ARN],
      ],
    );
  });
});
