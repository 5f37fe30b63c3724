import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { DatabaseSettings } from './settings.ts';

export interface DatabaseArgs {
  readonly settings: DatabaseSettings;
  /** The cluster's name, such as `smart-transfer-dev`. */
  readonly namePrefix: string;
  readonly subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  readonly securityGroupId: pulumi.Input<string>;
  /** The ARN of the key that encrypts storage, backups and insights. */
  readonly storageKey: pulumi.Input<string>;
  /** The id of that key, which makes the final snapshot's name one that was never used. */
  readonly storageKeyId: pulumi.Input<string>;
  /** The ARN of the key that encrypts the master's secret. */
  readonly secretsKey: pulumi.Input<string>;
  readonly logsKey: pulumi.Input<string>;
  readonly logRetentionDays: number;
  /** Refuses to be deleted, by AWS and by Pulumi. */
  readonly protect: boolean;
}

/** The database in the cluster. */
export const DATABASE_NAME = 'smart_transfer';

/** A session that does nothing ends after this, ms: a frozen function's would otherwise keep the cluster awake. */
export const IDLE_SESSION_MS = 240_000;

/**
 * Aurora PostgreSQL Serverless v2: a writer, and readers that can take over.
 *
 * The cluster's resource id is what the database remembers of itself: a restored cluster has another, and starts halted.
 */
export class Database extends pulumi.ComponentResource {
  readonly cluster: aws.rds.Cluster;
  readonly writer: aws.rds.ClusterInstance;
  readonly endpoint: pulumi.Output<string>;
  /** The cluster's resource id, which no other cluster ever has. */
  readonly identity: pulumi.Output<string>;
  /** The secret that RDS keeps the master's password in, and rotates by itself. */
  readonly masterSecretArn: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Database', name, {}, opts);
    const logGroup = this.#createLogGroup(name, args);
    this.cluster = this.#createCluster(name, args, logGroup);
    this.writer = this.#createInstance(`${name}-writer`, args, 0);
    for (let n = 1; n <= args.settings.readers; n += 1) this.#createInstance(`${name}-reader-${n}`, args, 1);
    this.endpoint = this.cluster.endpoint;
    this.identity = this.cluster.clusterResourceId;
    this.masterSecretArn = this.cluster.masterUserSecrets.apply((secrets) => secrets[0]?.secretArn ?? '');
    this.registerOutputs({ endpoint: this.endpoint, identity: this.identity });
  }

  /** Made before RDS would make it, without an end and without a key. */
  #createLogGroup(name: string, args: DatabaseArgs): aws.cloudwatch.LogGroup {
    return new aws.cloudwatch.LogGroup(
      name,
      {
        name: `/aws/rds/cluster/${args.namePrefix}/postgresql`,
        retentionInDays: args.logRetentionDays,
        kmsKeyId: args.logsKey,
      },
      { parent: this },
    );
  }

  #createCluster(name: string, args: DatabaseArgs, logGroup: pulumi.Resource): aws.rds.Cluster {
    const { settings, protect } = args;
    const subnets = new aws.rds.SubnetGroup(name, { subnetIds: args.subnetIds }, { parent: this });
    return new aws.rds.Cluster(
      name,
      {
        clusterIdentifier: args.namePrefix,
        engine: 'aurora-postgresql',
        engineMode: 'provisioned',
        engineVersion: settings.engineVersion,
        databaseName: DATABASE_NAME,
        masterUsername: 'smart_transfer_owner',
        manageMasterUserPassword: true,
        masterUserSecretKmsKeyId: args.secretsKey,
        storageEncrypted: true,
        kmsKeyId: args.storageKey,
        dbSubnetGroupName: subnets.name,
        vpcSecurityGroupIds: [args.securityGroupId],
        dbClusterParameterGroupName: this.#createParameters(name).name,
        serverlessv2ScalingConfiguration: {
          minCapacity: settings.minCapacity,
          maxCapacity: settings.maxCapacity,
          ...(settings.pauseAfterSeconds === undefined
            ? {}
            : { secondsUntilAutoPause: settings.pauseAfterSeconds }),
        },
        backupRetentionPeriod: settings.backupDays,
        preferredBackupWindow: '18:00-18:30',
        preferredMaintenanceWindow: 'sun:18:30-sun:19:00',
        copyTagsToSnapshot: true,
        deletionProtection: protect,
        skipFinalSnapshot: !protect,
        finalSnapshotIdentifier: pulumi.interpolate`${args.namePrefix}-final-${args.storageKeyId}`,
        enabledCloudwatchLogsExports: ['postgresql'],
      },
      { parent: this, protect, dependsOn: [logGroup] },
    );
  }

  #createParameters(name: string): aws.rds.ClusterParameterGroup {
    return new aws.rds.ClusterParameterGroup(
      name,
      {
        family: 'aurora-postgresql17',
        description: 'TLS for everybody; no idle session keeps the cluster awake',
        parameters: [
          { name: 'rds.force_ssl', value: '1', applyMethod: 'immediate' },
          {
            name: 'idle_session_timeout',
            value: IDLE_SESSION_MS.toString(),
            applyMethod: 'immediate',
          },
          { name: 'log_min_duration_statement', value: '1000', applyMethod: 'immediate' },
        ],
      },
      { parent: this },
    );
  }

  #createInstance(name: string, args: DatabaseArgs, promotionTier: number): aws.rds.ClusterInstance {
    return new aws.rds.ClusterInstance(
      name,
      {
        clusterIdentifier: this.cluster.id,
        identifier: `${args.namePrefix}-${name}`,
        engine: 'aurora-postgresql',
        engineVersion: this.cluster.engineVersion,
        instanceClass: 'db.serverless',
        promotionTier,
        publiclyAccessible: false,
        autoMinorVersionUpgrade: false,
        performanceInsightsEnabled: true,
        performanceInsightsKmsKeyId: args.storageKey,
        performanceInsightsRetentionPeriod: args.settings.insightsDays,
        copyTagsToSnapshot: true,
      },
      { parent: this, protect: args.protect },
    );
  }
}
