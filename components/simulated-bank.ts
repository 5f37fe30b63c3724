import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import { functionDefaults, type OnPlatform } from './platform.ts';
import { policyDocument, refusePlainHttp } from './resource-policy.ts';

/** The journal is one object. */
const JOURNAL = 'journal.ndjson';

/**
 * A bank for a stack that has none: the local system's simulator, honest, as a function with an address of its own, and its books in a bucket. Who calls it needs the
 * client's credentials, as at a bank; buyers pay by invoking it, which takes a right in IAM.
 */
export class SimulatedBank extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'simulatedBank'>;
  /** Where it answers, without a slash at the end. */
  readonly url: pulumi.Output<string>;

  constructor(name: string, args: OnPlatform, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:SimulatedBank', name, {}, opts);
    const bucket = this.#createBucket(name);
    this.function = this.#createFunction(name, bucket, args);
    this.url = this.#createUrl(name);
    this.registerOutputs({ url: this.url });
  }

  #createBucket(name: string): aws.s3.Bucket {
    const opts = { parent: this };
    // Nobody's money: it goes with the stack.
    const made = new aws.s3.Bucket(name, { forceDestroy: true }, opts);
    const { bucket } = made;
    new aws.s3.BucketVersioning(name, { bucket, versioningConfiguration: { status: 'Enabled' } }, opts);
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      { bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }] },
      opts,
    );
    const block = new aws.s3.BucketPublicAccessBlock(
      name,
      {
        bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      opts,
    );
    const objects = pulumi.interpolate`${made.arn}/*`;
    new aws.s3.BucketPolicy(
      name,
      { bucket, policy: policyDocument([refusePlainHttp(['s3:*'], [made.arn, objects])]) },
      { ...opts, dependsOn: [block] },
    );
    return made;
  }

  #createFunction(
    name: string,
    bucket: aws.s3.Bucket,
    { platform, after }: OnPlatform,
  ): LambdaFunction<'simulatedBank'> {
    const { settings, secrets } = platform;
    const { collection } = settings.bank;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        entry: 'local/bank-simulator/bank-simulator.handler.ts',
        description: 'Plays the bank, for a stack that has none',
        kind: 'simulatedBank',
        environment: {
          BANK_CREDENTIALS_SECRET_ID: secrets.arn('bankCredentials'),
          SECRET_TTL_S: undefined,
          JOURNAL_BUCKET: bucket.bucket,
          COLLECTION_ACCOUNT: collection.account,
          COLLECTION_BANK_CODE: collection.bankCode,
          COLLECTION_ACCOUNT_NUMBER: collection.number,
          COLLECTION_ACCOUNT_HOLDER: collection.holder,
        },
        timeoutSeconds: TIMEOUT_SECONDS.api,
        memoryMb: MEMORY_MB.api,
        statements: [
          ...secrets.readStatements('bankCredentials'),
          {
            Sid: 'KeepJournal',
            Effect: 'Allow',
            Action: ['s3:GetObject', 's3:PutObject'],
            Resource: [pulumi.interpolate`${bucket.arn}/${JOURNAL}`],
          },
          // Without it S3 does not say that there is no journal yet, but that reading it is not allowed.
          { Sid: 'SeeJournal', Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [bucket.arn] },
        ],
        onFailure: 'caller',
        rollout: { strategy: 'AllAtOnce', checked: false, protect: false, after },
      },
      { parent: this },
    );
  }

  #createUrl(name: string): pulumi.Output<string> {
    const { functionName, aliasName: qualifier } = this.function.invoked;
    const of = { function: functionName, qualifier, principal: '*' };
    const opts = { parent: this };
    const url = new aws.lambda.FunctionUrl(
      name,
      { functionName, qualifier, authorizationType: 'NONE' },
      opts,
    );
    // The caller signs nothing: like a bank, it asks for the client's credentials itself. Since October 2025 a URL takes both rights.
    new aws.lambda.Permission(
      `${name}-url`,
      { ...of, action: 'lambda:InvokeFunctionUrl', functionUrlAuthType: 'NONE' },
      opts,
    );
    new aws.lambda.Permission(
      `${name}-url-function`,
      { ...of, action: 'lambda:InvokeFunction', invokedViaFunctionUrl: true },
      opts,
    );
    return url.functionUrl.apply((address) => address.replace(/\/$/, ''));
  }
}
