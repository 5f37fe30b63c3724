import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { policyDocument, refusePlainHttp, type ResourceStatement } from './resource-policy.ts';

/** How heads are kept. */
export interface HeadRetention {
  /** `COMPLIANCE`: nobody, the account's root included, can delete one before its time. `GOVERNANCE`: who has a right of its own can, so that a stack for trying things can be taken down. */
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  readonly days: number;
}

export interface HeadBucketArgs {
  readonly retention: HeadRetention;
  /** Whether the bucket is protected from being destroyed with the stack. */
  readonly protection: boolean;
}

/**
 * Where each day's head of the ledger is kept out of reach of whoever may write to the database. Objects are locked from the moment they are written, and a
 * second one under the name of a day is refused.
 *
 * They are encrypted by S3's own keys on purpose. A head is a hash and no secret; under a customer's key, whoever deleted the key would delete the evidence.
 */
export class HeadBucket extends pulumi.ComponentResource {
  readonly bucket: aws.s3.Bucket;

  constructor(name: string, args: HeadBucketArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:HeadBucket', name, {}, opts);
    this.bucket = this.#createBucket(name, args);
    this.#createVersioning(name);
    this.#createObjectLock(name, args);
    this.#createEncryption(name);
    this.#createOwnership(name);
    const block = this.#createPublicAccessBlock(name);
    this.#createPolicy(name, block);
    this.registerOutputs({ bucketName: this.bucket.bucket });
  }

  get bucketName(): pulumi.Output<string> {
    return this.bucket.bucket;
  }

  get arn(): pulumi.Output<string> {
    return this.bucket.arn;
  }

  /** What reading the latest head takes (functions/ledger/head-bucket.client.ts). */
  readStatements(): aws.iam.PolicyStatement[] {
    return [
      { Sid: 'ReadHeads', Effect: 'Allow', Action: ['s3:GetObject'], Resource: [this.#heads] },
      { Sid: 'ListHeads', Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [this.arn] },
    ];
  }

  /** What keeping a head takes beside that. */
  keepStatements(): aws.iam.PolicyStatement[] {
    return [
      { Sid: 'KeepHeads', Effect: 'Allow', Action: ['s3:PutObject'], Resource: [this.#heads] },
      ...this.readStatements(),
    ];
  }

  get #heads(): pulumi.Output<string> {
    return pulumi.interpolate`${this.arn}/ledger-heads/*`;
  }

  #createBucket(name: string, { retention, protection }: HeadBucketArgs): aws.s3.Bucket {
    const locked = retention.mode === 'COMPLIANCE';
    return new aws.s3.Bucket(
      name,
      { objectLockEnabled: true, forceDestroy: !protection && !locked },
      // What nobody may delete would make destroying the stack fail half way: the bucket stays, and the rest goes.
      { parent: this, protect: protection, retainOnDelete: locked },
    );
  }

  #createVersioning(name: string): void {
    new aws.s3.BucketVersioning(
      name,
      { bucket: this.bucket.bucket, versioningConfiguration: { status: 'Enabled' } },
      { parent: this },
    );
  }

  #createObjectLock(name: string, { retention: { mode, days } }: HeadBucketArgs): void {
    new aws.s3.BucketObjectLockConfiguration(
      name,
      { bucket: this.bucket.bucket, rule: { defaultRetention: { mode, days } } },
      { parent: this },
    );
  }

  #createEncryption(name: string): void {
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      {
        bucket: this.bucket.bucket,
        rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
      },
      { parent: this },
    );
  }

  #createOwnership(name: string): void {
    new aws.s3.BucketOwnershipControls(
      name,
      { bucket: this.bucket.bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } },
      { parent: this },
    );
  }

  #createPublicAccessBlock(name: string): aws.s3.BucketPublicAccessBlock {
    return new aws.s3.BucketPublicAccessBlock(
      name,
      {
        bucket: this.bucket.bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      { parent: this },
    );
  }

  #createPolicy(name: string, block: aws.s3.BucketPublicAccessBlock): void {
    const objects = pulumi.interpolate`${this.bucket.arn}/*`;
    const onlyNewObjects: ResourceStatement = {
      Sid: 'RefuseOverwriting',
      Effect: 'Deny',
      Principal: '*',
      Action: ['s3:PutObject'],
      Resource: objects,
      // A newer version would hide the head that was kept (S3 user guide, "Enforce conditional writes").
      Condition: { Null: { 's3:if-none-match': 'true' } },
    };
    new aws.s3.BucketPolicy(
      name,
      {
        bucket: this.bucket.bucket,
        policy: policyDocument([refusePlainHttp(['s3:*'], [this.bucket.arn, objects]), onlyNewObjects]),
      },
      { parent: this, dependsOn: [block] },
    );
  }
}
