import type { RecordedResource } from './pulumi-mocks.ts';

/** One statement of a policy, with lists where IAM also takes one text. */
export interface ParsedStatement {
  readonly effect: string;
  readonly principal: unknown;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Reads a policy document as IAM does. */
export function statementsOf(policy: unknown): ParsedStatement[] {
  const document = (typeof policy === 'string' ? JSON.parse(policy) : policy) as {
    readonly Version?: unknown;
    readonly Statement: readonly Readonly<Record<string, unknown>>[];
  };
  if (document.Version !== '2012-10-17')
    throw new Error(`a policy of version ${String(document.Version)}; write 2012-10-17`);
  return document.Statement.map((statement) => ({
    effect: String(statement['Effect']),
    principal: statement['Principal'],
    actions: listOf(statement['Action']),
    resources: listOf(statement['Resource']),
    condition: (statement['Condition'] ?? {}) as ParsedStatement['condition'],
  }));
}

function listOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

const QUEUE = 'aws:sqs/queue:Queue';
const BUCKET = 'aws:s3/bucket:Bucket';

/** Resources that hold others' policies, with the input that the policy is in. */
const POLICIES: Readonly<Record<string, string>> = {
  'aws:sqs/queuePolicy:QueuePolicy': 'queueUrl',
  'aws:sns/topicPolicy:TopicPolicy': 'arn',
  'aws:s3/bucketPolicy:BucketPolicy': 'bucket',
};

/** What messages and their copies rest in is encrypted under a key of ours, by the input that says so. */
const ENCRYPTED_BY: Readonly<Record<string, string>> = {
  [QUEUE]: 'kmsMasterKeyId',
  'aws:sns/topic:Topic': 'kmsMasterKeyId',
  'aws:cloudwatch/eventBus:EventBus': 'kmsKeyIdentifier',
  'aws:cloudwatch/eventArchive:EventArchive': 'kmsKeyIdentifier',
  'aws:cloudwatch/logGroup:LogGroup': 'kmsKeyId',
};

/** What would be kept for ever, by the input that ends it. */
const KEPT_BY: Readonly<Record<string, string>> = {
  [QUEUE]: 'messageRetentionSeconds',
  'aws:cloudwatch/eventArchive:EventArchive': 'retentionDays',
  'aws:cloudwatch/logGroup:LogGroup': 'retentionInDays',
};

/**
 * What a recorded stack has that breaks a rule about encryption, retention, dead letters, alarms, TLS or policies, as sentences; none when it is sound.
 *
 * @param withoutRedrive names of queues that need no dead letter queue, because they are one or because losing a message of theirs loses nothing.
 */
export function brokenRules(
  resources: readonly RecordedResource[],
  withoutRedrive: (queueName: string) => boolean,
): string[] {
  return [
    ...resources.flatMap((one) => [...notEncrypted(one), ...keptForEver(one), ...badPolicy(one)]),
    ...resources.filter(({ type }) => type in POLICIES).flatMap((one) => acceptsPlainHttp(one)),
    ...queuesWithout(resources, withoutRedrive),
    ...bucketsWithout(resources),
    ...alarmsToNobody(resources),
  ];
}

function named({ type, name }: RecordedResource): string {
  return `${type.split(':').at(-1) ?? type} ${name}`;
}

function notEncrypted(resource: RecordedResource): string[] {
  const input = ENCRYPTED_BY[resource.type];
  if (input === undefined || typeof resource.inputs[input] === 'string') return [];
  return [`${named(resource)} is not encrypted under a key of ours`];
}

function keptForEver(resource: RecordedResource): string[] {
  const input = KEPT_BY[resource.type];
  if (input === undefined || Number(resource.inputs[input]) > 0) return [];
  return [`${named(resource)} does not say how long it keeps what it holds`];
}

/** An action for everybody needs a condition; a wildcard is only for refusing. */
function badPolicy(resource: RecordedResource): string[] {
  const policy = resource.inputs['policy'];
  if (policy === undefined) return [];
  return statementsOf(policy)
    .filter(({ effect }) => effect === 'Allow')
    .flatMap(({ actions, principal, condition }) => [
      ...actions
        .filter((action) => action.includes('*'))
        .map((action) => `${named(resource)} allows ${action}`),
      ...(principal === '*' ? [`${named(resource)} lets anybody in`] : []),
      ...(isService(principal) && !('ArnLike' in condition || 'ArnEquals' in condition)
        ? [`${named(resource)} lets a service in for anything of anybody's`]
        : []),
    ]);
}

function isService(principal: unknown): boolean {
  return typeof principal === 'object' && principal !== null && 'Service' in principal;
}

function acceptsPlainHttp(resource: RecordedResource): string[] {
  const refuses = statementsOf(resource.inputs['policy']).some(
    ({ effect, principal, condition }) =>
      effect === 'Deny' && principal === '*' && condition['Bool']?.['aws:SecureTransport'] === 'false',
  );
  return refuses ? [] : [`${named(resource)} accepts plain HTTP`];
}

function queuesWithout(
  resources: readonly RecordedResource[],
  withoutRedrive: (queueName: string) => boolean,
): string[] {
  const has = (type: string, { name }: RecordedResource) =>
    resources.some((one) => one.type === type && one.name === name);
  return resources
    .filter(({ type }) => type === QUEUE)
    .flatMap((queue) => [
      ...(has('aws:sqs/queuePolicy:QueuePolicy', queue) ? [] : [`${named(queue)} has no policy`]),
      ...(withoutRedrive(queue.name) || has('aws:sqs/redrivePolicy:RedrivePolicy', queue)
        ? []
        : [`${named(queue)} has no dead letter queue`]),
    ]);
}

function bucketsWithout(resources: readonly RecordedResource[]): string[] {
  const beside = [
    'BucketVersioning',
    'BucketServerSideEncryptionConfiguration',
    'BucketPublicAccessBlock',
    'BucketPolicy',
  ];
  return resources
    .filter(({ type }) => type === BUCKET)
    .flatMap((bucket) =>
      beside
        .filter((type) => !resources.some((one) => one.type.endsWith(`:${type}`) && one.name === bucket.name))
        .map((type) => `${named(bucket)} has no ${type}`),
    );
}

function alarmsToNobody(resources: readonly RecordedResource[]): string[] {
  return (
    resources
      .filter(({ type }) => type === 'aws:cloudwatch/metricAlarm:MetricAlarm')
      // A rollout looks at its own alarms by itself.
      .filter(({ name }) => !/-rollout-(errors|duration)$/.test(name))
      .filter(({ inputs }) => !Array.isArray(inputs['alarmActions']) || inputs['alarmActions'].length === 0)
      .map((alarm) => `${named(alarm)} tells nobody`)
  );
}
