import assert from 'node:assert/strict';
import { Database } from '../../components/database.ts';
import type { DatabaseSettings } from '../../components/settings.ts';
import { allRegistered, mockPulumi, valueOf, type MockedProgram } from '../support/pulumi-mocks.ts';

const CLUSTER = 'aws:rds/cluster:Cluster';
const PARAMETERS = 'aws:rds/clusterParameterGroup:ClusterParameterGroup';
const INSTANCE = 'aws:rds/clusterInstance:ClusterInstance';

const SETTINGS: DatabaseSettings = {
  engineVersion: '17.5',
  minCapacity: 0,
  maxCapacity: 2,
  pauseAfterSeconds: 300,
  readers: 0,
  backupDays: 35,
  insightsDays: 7,
};

async function databaseOf(change: Partial<DatabaseSettings> = {}, protect = true) {
  const mocked = await mockPulumi({
    outputs: {
      [CLUSTER]: () => ({
        endpoint: 'cluster.example',
        clusterResourceId: 'cluster-ABC',
        masterUserSecrets: [{ secretArn: 'arn:of:the:master' }],
      }),
      [PARAMETERS]: () => ({ name: 'the-group' }),
    },
  });
  const database = new Database('database', {
    settings: { ...SETTINGS, ...change },
    namePrefix: 'smart-transfer-prod',
    subnetIds: ['isolated-a', 'isolated-c'],
    securityGroupId: 'sg-database',
    storageKey: 'arn:of:the:storage-key',
    storageKeyId: '0f1e2d3c',
    secretsKey: 'arn:of:the:secrets-key',
    logsKey: 'arn:of:the:logs-key',
    logRetentionDays: 30,
    protect,
  });
  await allRegistered();
  return { mocked, database };
}

const instances = ({ resources }: MockedProgram) => resources.filter(({ type }) => type === INSTANCE);

describe('the database', () => {
  it("keeps storage, backups, insights, log and the master's secret under keys of ours", async () => {
    const { mocked } = await databaseOf();
    const { inputs } = mocked.resource(CLUSTER);
    assert.deepEqual(
      [
        inputs['storageEncrypted'],
        inputs['kmsKeyId'],
        inputs['manageMasterUserPassword'],
        inputs['masterUserSecretKmsKeyId'],
      ],
      [true, 'arn:of:the:storage-key', true, 'arn:of:the:secrets-key'],
    );
    for (const { inputs: instance } of instances(mocked))
      assert.deepEqual(
        [
          instance['performanceInsightsEnabled'],
          instance['performanceInsightsKmsKeyId'],
          instance['performanceInsightsRetentionPeriod'],
        ],
        [true, 'arn:of:the:storage-key', 7],
      );
  });

  it('exports its log to a group that was made before, with an end and a key', async () => {
    const { mocked } = await databaseOf();
    const cluster = mocked.resource(CLUSTER);
    const group = mocked.resource('aws:cloudwatch/logGroup:LogGroup');
    assert.deepEqual(cluster.inputs['enabledCloudwatchLogsExports'], ['postgresql']);
    assert.ok(cluster.dependsOn.includes(group.urn));
    assert.deepEqual(group.inputs, {
      name: '/aws/rds/cluster/smart-transfer-prod/postgresql',
      retentionInDays: 30,
      kmsKeyId: 'arn:of:the:logs-key',
    });
  });

  it('demands TLS of everybody, and ends idle sessions before they keep it awake', async () => {
    const { mocked } = await databaseOf();
    const { inputs } = mocked.resource(PARAMETERS);
    const parameters = Object.fromEntries(
      (inputs['parameters'] as { name: string; value: string }[]).map(({ name, value }) => [name, value]),
    );
    assert.equal(parameters['rds.force_ssl'], '1');
    const idleMs = Number(parameters['idle_session_timeout']);
    assert.ok(idleMs > 0 && idleMs < 300_000, `${idleMs} ms, and it pauses after 300 s at the earliest`);
    assert.equal(inputs['family'], 'aurora-postgresql17');
    assert.equal(mocked.resource(CLUSTER).inputs['dbClusterParameterGroupName'], 'the-group');
  });

  it('pauses where its least capacity is nothing, and only there', async () => {
    const scaling = async (change: Partial<DatabaseSettings>) =>
      (await databaseOf(change)).mocked.resource(CLUSTER).inputs['serverlessv2ScalingConfiguration'];
    assert.deepEqual(await scaling({}), { minCapacity: 0, maxCapacity: 2, secondsUntilAutoPause: 300 });
    assert.deepEqual(await scaling({ minCapacity: 0.5, pauseAfterSeconds: undefined }), {
      minCapacity: 0.5,
      maxCapacity: 2,
    });
  });

  it('has as many readers as its stack says, to take over in the order of their tiers', async () => {
    const { mocked } = await databaseOf({ readers: 2 });
    assert.deepEqual(
      instances(mocked).map(({ name, inputs }) => [name, inputs['promotionTier'], inputs['instanceClass']]),
      [
        ['database-writer', 0, 'db.serverless'],
        ['database-reader-1', 1, 'db.serverless'],
        ['database-reader-2', 1, 'db.serverless'],
      ],
    );
  });

  it('refuses to go where it is protected, and leaves a snapshot under a name that no other ever has', async () => {
    const { mocked } = await databaseOf();
    const { inputs, protect } = mocked.resource(CLUSTER);
    assert.deepEqual(
      [
        inputs['deletionProtection'],
        inputs['skipFinalSnapshot'],
        inputs['finalSnapshotIdentifier'],
        inputs['backupRetentionPeriod'],
        protect,
      ],
      [true, false, 'smart-transfer-prod-final-0f1e2d3c', 35, true],
    );
    for (const { protect: kept } of instances(mocked)) assert.equal(kept, true);
    const free = (await databaseOf({}, false)).mocked.resource(CLUSTER);
    assert.deepEqual(
      [free.inputs['deletionProtection'], free.inputs['skipFinalSnapshot'], free.protect],
      [false, true, false],
    );
  });

  it('is known by its resource id, and its master by a secret that RDS keeps', async () => {
    const { database } = await databaseOf();
    assert.equal(await valueOf(database.identity), 'cluster-ABC');
    assert.equal(await valueOf(database.masterSecretArn), 'arn:of:the:master');
  });
});
