import type { AwsType } from '../aws-type.ts';
import { arn, hex, REGION, type Cloud } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { matches, oneOf, policy, within } from '../rules.ts';

const CLUSTER = 'aws:rds/cluster:Cluster';
const BUCKET = 'aws:s3/bucket:Bucket';
const OF_KEY = { type: 'aws:kms/key:Key', by: 'arn' };
const OF_BUCKET = { input: 'bucket', type: BUCKET, by: 'bucket' };
const IDENTIFIER = /^[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]$/;

/** The database and the buckets. */
export const STORAGE_TYPES: Readonly<Record<string, AwsType>> = {
  'aws:rds/subnetGroup:SubnetGroup': {
    required: ['subnetIds'],
    autoName: { input: 'name', charactersMax: 255, lowerCase: true },
    fixed: ['name'],
    unique: ['name'],
    names: [{ input: 'subnetIds', type: 'aws:ec2/subnet:Subnet', by: 'id', holds: true }],
    demands: [coversTwoZones],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('rds', `subgrp:${id}`) },
  },
  'aws:rds/clusterParameterGroup:ClusterParameterGroup': {
    required: ['family'],
    autoName: { input: 'name', charactersMax: 255, lowerCase: true },
    fixed: ['name', 'family', 'description'],
    unique: ['name'],
    rules: [oneOf('family', 'aurora-postgresql16', 'aurora-postgresql17')],
    id: ({ inputs }) => inputs.text('name'),
    outputs: { arn: ({ id }) => arn('rds', `cluster-pg:${id}`) },
  },
  [CLUSTER]: {
    required: ['engine'],
    autoName: { input: 'clusterIdentifier', charactersMax: 63, lowerCase: true },
    fixed: [
      'clusterIdentifier',
      'databaseName',
      'dbSubnetGroupName',
      'engine',
      'engineMode',
      'kmsKeyId',
      'masterUsername',
      'storageEncrypted',
    ],
    unique: ['clusterIdentifier'],
    rules: [
      matches('clusterIdentifier', IDENTIFIER),
      matches('databaseName', /^[a-zA-Z][a-zA-Z0-9_]{0,62}$/),
      matches('masterUsername', /^[a-zA-Z][a-zA-Z0-9_]{0,15}$|^[a-zA-Z][a-zA-Z0-9_]{0,62}$/),
      within('backupRetentionPeriod', 1, 35),
      within('serverlessv2ScalingConfiguration.minCapacity', 0, 256),
      within('serverlessv2ScalingConfiguration.maxCapacity', 1, 256),
      within('serverlessv2ScalingConfiguration.secondsUntilAutoPause', 300, 86_400),
      onePassword,
      finalSnapshot,
    ],
    names: [
      { input: 'kmsKeyId', ...OF_KEY },
      { input: 'masterUserSecretKmsKeyId', ...OF_KEY },
      { input: 'dbSubnetGroupName', type: 'aws:rds/subnetGroup:SubnetGroup', by: 'name', holds: true },
      {
        input: 'dbClusterParameterGroupName',
        type: 'aws:rds/clusterParameterGroup:ClusterParameterGroup',
        by: 'name',
        holds: true,
      },
      { input: 'vpcSecurityGroupIds', type: 'aws:ec2/securityGroup:SecurityGroup', by: 'id', holds: true },
    ],
    demands: [familyFits],
    id: ({ inputs }) => inputs.text('clusterIdentifier'),
    outputs: {
      arn: ({ id }) => arn('rds', `cluster:${id}`),
      clusterResourceId: () => `cluster-${hex(26).toUpperCase()}`,
      endpoint: ({ id }) => `${id}.cluster-c1a2b3d4e5f6.${REGION}.rds.amazonaws.com`,
      readerEndpoint: ({ id }) => `${id}.cluster-ro-c1a2b3d4e5f6.${REGION}.rds.amazonaws.com`,
      engineVersionActual: ({ inputs }) => inputs.text('engineVersion'),
      hostedZoneId: () => 'Z2RBR0FJ7TXNXH',
      port: () => 5432,
      masterUserSecrets: ({ id, inputs }) => [
        {
          secretArn: arn('secretsmanager', `secret:rds!cluster-${id}-AbCdEf`),
          secretStatus: 'active',
          kmsKeyId: inputs.text('masterUserSecretKmsKeyId'),
        },
      ],
    },
    keeps: ({ inputs }) =>
      inputs['deletionProtection'] === true
        ? 'Cannot delete protected Cluster, please disable deletion protection and try again.'
        : undefined,
  },
  'aws:rds/clusterInstance:ClusterInstance': {
    required: ['clusterIdentifier', 'engine', 'instanceClass'],
    autoName: { input: 'identifier', charactersMax: 63, lowerCase: true },
    fixed: ['clusterIdentifier', 'identifier', 'engine', 'performanceInsightsKmsKeyId'],
    unique: ['identifier'],
    rules: [
      matches('identifier', IDENTIFIER),
      matches('instanceClass', /^db\./),
      within('promotionTier', 0, 15),
      (inputs) => {
        const days = inputs.number('performanceInsightsRetentionPeriod') ?? 7;
        return days === 7 || days === 731 || (days % 31 === 0 && days <= 713)
          ? undefined
          : `performanceInsightsRetentionPeriod is ${days}; AWS takes 7, a multiple of 31, or 731`;
      },
    ],
    names: [
      { input: 'clusterIdentifier', type: CLUSTER, by: 'clusterIdentifier', holds: true },
      { input: 'performanceInsightsKmsKeyId', ...OF_KEY },
    ],
    id: ({ inputs }) => inputs.text('identifier'),
    outputs: {
      arn: ({ id }) => arn('rds', `db:${id}`),
      dbiResourceId: () => `db-${hex(26).toUpperCase()}`,
      endpoint: ({ id }) => `${id}.c1a2b3d4e5f6.${REGION}.rds.amazonaws.com`,
      port: () => 5432,
    },
  },
  [BUCKET]: {
    required: [],
    autoName: { input: 'bucket', charactersMax: 63, lowerCase: true },
    fixed: ['bucket', 'objectLockEnabled'],
    unique: ['bucket'],
    rules: [matches('bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)],
    id: ({ inputs }) => inputs.text('bucket'),
    outputs: {
      arn: ({ id }) => `arn:aws:s3:::${id}`,
      bucketDomainName: ({ id }) => `${id}.s3.amazonaws.com`,
      bucketRegionalDomainName: ({ id }) => `${id}.s3.${REGION}.amazonaws.com`,
    },
    keeps: ({ inputs, outputs }) =>
      outputs['holdsObjects'] === true && inputs['forceDestroy'] !== true
        ? 'The bucket you tried to delete is not empty (BucketNotEmpty)'
        : undefined,
  },
  'aws:s3/bucketVersioning:BucketVersioning': ofBucket(
    ['versioningConfiguration'],
    [oneOf('versioningConfiguration.status', 'Enabled', 'Suspended')],
  ),
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': ofBucket([
    'rules',
  ]),
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': ofBucket([]),
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': ofBucket(
    ['rule'],
    [oneOf('rule.objectOwnership', 'BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter')],
  ),
  'aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration': {
    ...ofBucket(
      [],
      [
        oneOf('rule.defaultRetention.mode', 'COMPLIANCE', 'GOVERNANCE'),
        within('rule.defaultRetention.days', 1, 36_500),
      ],
    ),
    demands: [
      (inputs, cloud) =>
        cloud.find(BUCKET, 'bucket', inputs.value('bucket'))?.inputs['objectLockEnabled'] === true
          ? undefined
          : 'Object Lock configuration cannot be enabled on existing buckets',
    ],
  },
  'aws:s3/bucketPolicy:BucketPolicy': {
    ...ofBucket(['policy'], [policy('policy', 'resource'), ofItsBucket]),
  },
};

function ofBucket(required: readonly string[], rules: NonNullable<AwsType['rules']> = []): AwsType {
  return {
    required: ['bucket', ...required],
    fixed: ['bucket'],
    unique: ['bucket'],
    rules,
    names: [OF_BUCKET],
    id: ({ inputs }) => inputs.text('bucket'),
  };
}

function ofItsBucket(inputs: Reading): string | undefined {
  const bucket = inputs.text('bucket');
  const { Statement } = inputs.json('policy') as { Statement: { Resource: string | string[] }[] };
  const stranger = Statement.flatMap(({ Resource }) => Resource).find(
    (resource) => resource !== `arn:aws:s3:::${bucket}` && !resource.startsWith(`arn:aws:s3:::${bucket}/`),
  );
  return stranger === undefined ? undefined : `MalformedPolicy: ${stranger} is not of the bucket ${bucket}`;
}

function onePassword(inputs: Reading): string | undefined {
  const managed = inputs.value('manageMasterUserPassword') === true;
  return managed !== inputs.has('masterPassword')
    ? undefined
    : 'a cluster has either a masterPassword or manageMasterUserPassword';
}

function finalSnapshot(inputs: Reading): string | undefined {
  if (inputs.value('skipFinalSnapshot') === true) return undefined;
  return /^[A-Za-z](?!.*--)[A-Za-z0-9-]{0,253}[A-Za-z0-9]$/.test(inputs.text('finalSnapshotIdentifier'))
    ? undefined
    : 'finalSnapshotIdentifier is required when skipFinalSnapshot is false';
}

function coversTwoZones(inputs: Reading, cloud: Cloud): string | undefined {
  const zones = inputs
    .texts('subnetIds')
    .map((id) => cloud.find('aws:ec2/subnet:Subnet', 'id', id)?.inputs['availabilityZone']);
  return new Set(zones).size >= 2
    ? undefined
    : 'The DB subnet group doesn’t meet Availability Zone (AZ) coverage requirement: add subnets to cover at least two';
}

function familyFits(inputs: Reading, cloud: Cloud): string | undefined {
  const group = cloud.find(
    'aws:rds/clusterParameterGroup:ClusterParameterGroup',
    'name',
    inputs.value('dbClusterParameterGroupName'),
  );
  const [major = ''] = inputs.text('engineVersion').split('.');
  return group === undefined || group.inputs['family'] === `aurora-postgresql${major}`
    ? undefined
    : `The parameter group with family ${String(group.inputs['family'])} can't be used with version ${inputs.text('engineVersion')}`;
}
