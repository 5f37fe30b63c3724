import { statementsOf } from '../../../support/stack-rules.ts';
import type { AwsType } from '../aws-type.ts';
import { arn, type Cloud } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { charactersMax, itemsMax, json, matches, oneOf, within } from '../rules.ts';

const BUS = 'aws:cloudwatch/eventBus:EventBus';
const RULE = 'aws:cloudwatch/eventRule:EventRule';
const QUEUE = 'aws:sqs/queue:Queue';
const ALIAS = 'aws:lambda/alias:Alias';
const TOPIC = { type: 'aws:sns/topic:Topic', by: 'arn' };
const OF_KEY = { type: 'aws:kms/key:Key', by: 'arn' };
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Logs, alarms, the dashboard, events and schedules. */
export const WATCHING_TYPES: Readonly<Record<string, AwsType>> = {
  'aws:cloudwatch/logGroup:LogGroup': {
    required: [],
    autoName: { input: 'name', charactersMax: 512 },
    fixed: ['name'],
    unique: ['name'],
    rules: [matches('name', /^[.\-_/#A-Za-z0-9]{1,512}$/), oneOf('retentionInDays', 0, ...RETENTION_DAYS)],
    names: [{ input: 'kmsKeyId', ...OF_KEY }],
    demands: [logsMayUseKey],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('logs', `log-group:${id}`) },
  },
  'aws:cloudwatch/metricAlarm:MetricAlarm': {
    required: ['comparisonOperator', 'evaluationPeriods'],
    autoName: { input: 'name', charactersMax: 255 },
    fixed: ['name'],
    unique: ['name'],
    rules: [
      charactersMax('name', 255),
      charactersMax('alarmDescription', 1024),
      itemsMax('alarmActions', 5),
      oneOf('statistic', 'SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'),
      oneOf('treatMissingData', 'breaching', 'notBreaching', 'ignore', 'missing'),
      oneOf(
        'comparisonOperator',
        'GreaterThanOrEqualToThreshold',
        'GreaterThanThreshold',
        'LessThanThreshold',
        'LessThanOrEqualToThreshold',
      ),
      (inputs) =>
        inputs.has('statistic') === inputs.has('extendedStatistic')
          ? 'an alarm on one metric has a statistic or an extendedStatistic'
          : undefined,
      (inputs) => {
        const [period, periods] = [inputs.number('period') ?? 60, inputs.number('evaluationPeriods') ?? 1];
        if (period !== 10 && period !== 30 && period % 60 !== 0)
          return `period is ${period}; AWS takes 10, 30 or whole minutes`;
        return period * periods <= (period < 3600 ? 86_400 : 604_800)
          ? undefined
          : `${periods} periods of ${period} s are more than CloudWatch looks back`;
      },
      (inputs) =>
        (inputs.number('datapointsToAlarm') ?? 1) <= (inputs.number('evaluationPeriods') ?? 1)
          ? undefined
          : 'datapointsToAlarm is more than evaluationPeriods',
    ],
    names: [
      { input: 'alarmActions', ...TOPIC },
      { input: 'okActions', ...TOPIC },
    ],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('cloudwatch', `alarm:${id}`) },
    effects: {
      create({ id }, cloud) {
        cloud.live.alarms.set(id, 'INSUFFICIENT_DATA');
        return Promise.resolve(undefined);
      },
      remove: ({ id }, cloud) => void cloud.live.alarms.delete(id),
    },
  },
  'aws:cloudwatch/dashboard:Dashboard': {
    required: ['dashboardName', 'dashboardBody'],
    fixed: ['dashboardName'],
    unique: ['dashboardName'],
    rules: [matches('dashboardName', /^[a-zA-Z0-9_-]{1,255}$/), json('dashboardBody')],
    id: ({ inputs }) => inputs.text('dashboardName'),
    outputs: { dashboardArn: ({ id }) => `arn:aws:cloudwatch::000000000000:dashboard/${id}` },
  },
  [BUS]: {
    required: ['name'],
    fixed: ['name'],
    unique: ['name'],
    rules: [matches('name', /^[./\-_A-Za-z0-9]{1,256}$/), charactersMax('description', 512)],
    names: [
      { input: 'kmsKeyIdentifier', ...OF_KEY },
      { input: 'deadLetterConfig.arn', type: QUEUE, by: 'arn' },
    ],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('events', `event-bus/${id}`) },
  },
  'aws:cloudwatch/eventArchive:EventArchive': {
    required: ['eventSourceArn'],
    autoName: { input: 'name', charactersMax: 48 },
    fixed: ['name', 'eventSourceArn'],
    unique: ['name'],
    rules: [
      matches('name', /^[.\-_A-Za-z0-9]{1,48}$/),
      within('retentionDays', 0, 36_500),
      charactersMax('description', 512),
    ],
    names: [
      { input: 'eventSourceArn', type: BUS, by: 'arn' },
      { input: 'kmsKeyIdentifier', ...OF_KEY },
    ],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('events', `archive/${id}`) },
  },
  [RULE]: {
    required: [],
    autoName: { input: 'name', charactersMax: 64 },
    fixed: ['name', 'eventBusName'],
    unique: ['name'],
    rules: [
      matches('name', /^[.\-_A-Za-z0-9]{1,64}$/),
      json('eventPattern'),
      charactersMax('description', 512),
      (inputs) =>
        inputs.has('eventPattern') || inputs.has('scheduleExpression')
          ? undefined
          : 'a rule has an eventPattern or a scheduleExpression',
    ],
    names: [{ input: 'eventBusName', type: BUS, by: 'name', holds: true }],
    id: ({ inputs }) => `${inputs.text('eventBusName')}/${inputs.text('name')}`,
    outputs: { arn: ({ id }) => arn('events', `rule/${id}`) },
  },
  'aws:cloudwatch/eventTarget:EventTarget': {
    required: ['rule', 'arn'],
    fixed: ['rule', 'eventBusName', 'targetId'],
    rules: [
      within('retryPolicy.maximumEventAgeInSeconds', 60, 86_400),
      within('retryPolicy.maximumRetryAttempts', 0, 185),
    ],
    names: [
      { input: 'rule', type: RULE, by: 'name', holds: true },
      { input: 'deadLetterConfig.arn', type: QUEUE, by: 'arn' },
    ],
    demands: [targetExists('arn')],
    id: ({ inputs, name }) => `${inputs.text('eventBusName')}-${inputs.text('rule')}-${name}`,
    outputs: { targetId: ({ name }) => `terraform-${name}` },
  },
  'aws:scheduler/scheduleGroup:ScheduleGroup': {
    required: [],
    autoName: { input: 'name', charactersMax: 64 },
    fixed: ['name'],
    unique: ['name'],
    rules: [matches('name', /^[0-9a-zA-Z-_.]{1,64}$/)],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('scheduler', `schedule-group/${id}`), state: () => 'ACTIVE' },
  },
  'aws:scheduler/schedule:Schedule': {
    required: ['flexibleTimeWindow', 'scheduleExpression', 'target'],
    autoName: { input: 'name', charactersMax: 64 },
    fixed: ['name', 'groupName'],
    unique: ['name'],
    rules: [
      matches('name', /^[0-9a-zA-Z-_.]{1,64}$/),
      charactersMax('description', 512),
      oneOf('state', 'ENABLED', 'DISABLED'),
      oneOf('flexibleTimeWindow.mode', 'OFF', 'FLEXIBLE'),
      matches(
        'scheduleExpression',
        /^(rate\((1 (minute|hour|day)|[1-9]\d* (minutes|hours|days))\)|cron\(\S+( \S+){5}\)|at\(.+\))$/,
      ),
      within('target.retryPolicy.maximumEventAgeInSeconds', 60, 86_400),
      within('target.retryPolicy.maximumRetryAttempts', 0, 185),
      json('target.input'),
      knownTimezone,
      oneDayField,
    ],
    names: [
      { input: 'groupName', type: 'aws:scheduler/scheduleGroup:ScheduleGroup', by: 'name' },
      { input: 'target.roleArn', type: 'aws:iam/role:Role', by: 'arn' },
      { input: 'target.deadLetterConfig.arn', type: QUEUE, by: 'arn' },
    ],
    demands: [
      targetExists('target.arn'),
      (inputs, cloud) => {
        const role = cloud.find('aws:iam/role:Role', 'arn', inputs.value('target.roleArn'));
        return String(role?.inputs['assumeRolePolicy']).includes('scheduler.amazonaws.com')
          ? undefined
          : 'The execution role you provide must allow AWS EventBridge Scheduler to assume the role.';
      },
      (inputs, cloud) =>
        cloud.find(QUEUE, 'arn', inputs.value('target.deadLetterConfig.arn'))?.inputs['fifoQueue'] === true
          ? "the scheduler's dead letter queue is a standard queue"
          : undefined,
    ],
    id: ({ inputs }) => `${inputs.text('groupName')}/${inputs.text('name')}`,
    outputs: { arn: ({ id }) => arn('scheduler', `schedule/${id}`) },
  },
};

/** CloudWatch Logs refuses a key whose policy does not let it encrypt for the group. */
function logsMayUseKey(inputs: Reading, cloud: Cloud): string | undefined {
  const key = cloud.find('aws:kms/key:Key', 'arn', inputs.value('kmsKeyId'));
  if (key === undefined) return undefined;
  const group = arn('logs', `log-group:${inputs.text('name')}`);
  const allowed = statementsOf(key.inputs['policy']).some(
    ({ effect, principal, condition }) =>
      effect === 'Allow' &&
      JSON.stringify(principal).includes('logs.') &&
      [condition['ArnLike']?.['kms:EncryptionContext:aws:logs:arn'] ?? []]
        .flat()
        .some((like) => typeof like === 'string' && isLike(like, group)),
  );
  return allowed
    ? undefined
    : `The specified KMS key does not exist or is not allowed to be used with Arn '${group}'`;
}

/** As `ArnLike` has it: `*` stands for anything. */
function isLike(pattern: string, value: string): boolean {
  const shape = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${shape}$`).test(value);
}

function targetExists(path: string) {
  return (inputs: Reading, cloud: Cloud): string | undefined => {
    const target = inputs.text(path);
    return cloud.find(ALIAS, 'arn', target) !== undefined || cloud.find(QUEUE, 'arn', target) !== undefined
      ? undefined
      : `${path} names ${target}, which is no alias and no queue that exists`;
  };
}

function knownTimezone(inputs: Reading): string | undefined {
  const zone = inputs.text('scheduleExpressionTimezone');
  if (zone === '') return undefined;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    return `scheduleExpressionTimezone is ${zone}`;
  }
}

/** EventBridge's cron: of the day of the month and the day of the week, exactly one is `?`. */
function oneDayField(inputs: Reading): string | undefined {
  const [, fields] = /^cron\((.+)\)$/.exec(inputs.text('scheduleExpression')) ?? [];
  if (fields === undefined) return undefined;
  const [, , day, , weekday] = fields.split(' ');
  return (day === '?') !== (weekday === '?') ? undefined : `of day and weekday exactly one is "?": ${fields}`;
}
