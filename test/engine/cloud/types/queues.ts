import type { AwsType } from '../aws-type.ts';
import { ACCOUNT, arn, REGION, type Cloud } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { json, matches, oneOf, policy, within } from '../rules.ts';

const QUEUE = 'aws:sqs/queue:Queue';
const KEY = { type: 'aws:kms/key:Key', by: 'arn' };
const OF_QUEUE = { input: 'queueUrl', type: QUEUE, by: 'url' };

export const QUEUE_TYPES: Readonly<Record<string, AwsType>> = {
  [QUEUE]: {
    required: [],
    autoName: { input: 'name', charactersMax: 80 },
    fixed: ['name', 'fifoQueue'],
    unique: ['name'],
    rules: [
      matches('name', /^[a-zA-Z0-9-_]{1,80}(\.fifo)?$/),
      within('visibilityTimeoutSeconds', 0, 43_200),
      within('messageRetentionSeconds', 60, 1_209_600),
      within('receiveWaitTimeSeconds', 0, 20),
      within('delaySeconds', 0, 900),
      (inputs) =>
        inputs.text('name').endsWith('.fifo') === (inputs.value('fifoQueue') === true)
          ? undefined
          : `a FIFO queue's name ends in .fifo, and no other's: ${inputs.text('name')}`,
      (inputs) =>
        inputs.has('contentBasedDeduplication') && inputs.value('fifoQueue') !== true
          ? 'contentBasedDeduplication is for FIFO queues'
          : undefined,
    ],
    names: [{ input: 'kmsMasterKeyId', ...KEY }],
    id: ({ inputs }) => `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${inputs.text('name')}`,
    outputs: { url: ({ id }) => id, arn: ({ inputs }) => arn('sqs', inputs.text('name')) },
  },
  'aws:sqs/queuePolicy:QueuePolicy': {
    required: ['queueUrl', 'policy'],
    fixed: ['queueUrl'],
    unique: ['queueUrl'],
    rules: [policy('policy', 'resource')],
    names: [OF_QUEUE],
    id: ({ inputs }) => inputs.text('queueUrl'),
  },
  'aws:sqs/redrivePolicy:RedrivePolicy': {
    required: ['queueUrl', 'redrivePolicy'],
    fixed: ['queueUrl'],
    unique: ['queueUrl'],
    rules: [json('redrivePolicy')],
    names: [OF_QUEUE],
    demands: [deadLetterQueueFits],
    id: ({ inputs }) => inputs.text('queueUrl'),
  },
  'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy': {
    required: ['queueUrl', 'redriveAllowPolicy'],
    fixed: ['queueUrl'],
    unique: ['queueUrl'],
    rules: [json('redriveAllowPolicy'), redriveAllowed],
    names: [OF_QUEUE],
    id: ({ inputs }) => inputs.text('queueUrl'),
  },
  'aws:sns/topic:Topic': {
    required: [],
    autoName: { input: 'name', charactersMax: 256 },
    fixed: ['name', 'fifoTopic'],
    unique: ['name'],
    rules: [matches('name', /^[a-zA-Z0-9-_]{1,256}$/), matches('displayName', /^.{1,100}$/)],
    names: [{ input: 'kmsMasterKeyId', ...KEY }],
    id: ({ inputs }) => arn('sns', inputs.text('name')),
    outputs: { arn: ({ id }) => id, owner: () => ACCOUNT },
  },
  'aws:sns/topicPolicy:TopicPolicy': {
    required: ['arn', 'policy'],
    fixed: ['arn'],
    unique: ['arn'],
    rules: [
      policy('policy', 'resource'),
      (inputs) =>
        /"sns:\*"|"SNS:\*"/.test(inputs.text('policy'))
          ? "a topic's policy takes no wildcard action"
          : undefined,
    ],
    names: [{ input: 'arn', type: 'aws:sns/topic:Topic', by: 'arn' }],
    id: ({ inputs }) => inputs.text('arn'),
    outputs: { owner: () => ACCOUNT },
  },
  'aws:sns/topicSubscription:TopicSubscription': {
    required: ['topic', 'protocol', 'endpoint'],
    fixed: ['topic', 'protocol', 'endpoint'],
    rules: [
      oneOf('protocol', 'sqs', 'email', 'email-json', 'https', 'sms', 'lambda'),
      oneOf('filterPolicyScope', 'MessageBody', 'MessageAttributes'),
      json('filterPolicy'),
      (inputs) =>
        inputs.text('protocol').startsWith('email') && !/^[^@\s]+@[^@\s]+$/.test(inputs.text('endpoint'))
          ? `${inputs.text('endpoint')} is no address`
          : undefined,
    ],
    names: [{ input: 'topic', type: 'aws:sns/topic:Topic', by: 'arn' }],
    demands: [
      (inputs, cloud) =>
        inputs.text('protocol') === 'sqs' && cloud.find(QUEUE, 'arn', inputs.text('endpoint')) === undefined
          ? `there is no queue ${inputs.text('endpoint')}`
          : undefined,
    ],
    id: ({ inputs, name }) => `${inputs.text('topic')}:${name}`,
    outputs: {
      arn: ({ id }) => id,
      ownerId: () => ACCOUNT,
      pendingConfirmation: ({ inputs }) => inputs.text('protocol') !== 'sqs',
      confirmationWasAuthenticated: () => false,
    },
  },
};

/** SQS: a FIFO queue gives up to a FIFO queue, and that one must let it. */
function deadLetterQueueFits(inputs: Reading, cloud: Cloud): string | undefined {
  const { deadLetterTargetArn, maxReceiveCount } = inputs.json('redrivePolicy') as {
    deadLetterTargetArn?: string;
    maxReceiveCount?: number;
  };
  const source = cloud.find(QUEUE, 'url', inputs.text('queueUrl'));
  const target = cloud.find(QUEUE, 'arn', deadLetterTargetArn);
  if (target === undefined) return `there is no dead letter queue ${deadLetterTargetArn ?? ''}`;
  if (!(Number(maxReceiveCount) >= 1 && Number(maxReceiveCount) <= 1000))
    return `maxReceiveCount is ${maxReceiveCount ?? 'missing'}; SQS takes 1 to 1000`;
  if (source?.inputs['fifoQueue'] !== target.inputs['fifoQueue'])
    return "a FIFO queue's dead letter queue is a FIFO queue, and no other's";
  const allowed = cloud
    .all('aws:sqs/redriveAllowPolicy:RedriveAllowPolicy')
    .find(({ inputs: one }) => one['queueUrl'] === target.outputs['url']);
  return allowed === undefined ||
    String(allowed.inputs['redriveAllowPolicy']).includes(String(source?.outputs['arn']))
    ? undefined
    : 'the dead letter queue does not let this queue give up messages to it';
}

function redriveAllowed(inputs: Reading): string | undefined {
  const { redrivePermission, sourceQueueArns } = inputs.json('redriveAllowPolicy') as {
    redrivePermission?: string;
    sourceQueueArns?: string[];
  };
  if (!['allowAll', 'denyAll', 'byQueue'].includes(redrivePermission ?? ''))
    return `redrivePermission is ${redrivePermission ?? 'missing'}`;
  const named = sourceQueueArns?.length ?? 0;
  return (redrivePermission === 'byQueue') === named > 0 && named <= 10
    ? undefined
    : 'byQueue names 1 to 10 sourceQueueArns, and nothing else does';
}
