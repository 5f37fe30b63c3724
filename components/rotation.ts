import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import {
  databaseVariables,
  functionDefaults,
  notTriedAgain,
  reservedConcurrency,
  rolloutOf,
  type OnPlatform,
} from './platform.ts';

const ROTATE_AFTER_DAYS = 30;

/** Rotates the application's database login, when Secrets Manager says so. */
export class Rotation extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'rotation'>;

  constructor(name: string, args: OnPlatform, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Rotation', name, {}, opts);
    this.function = this.#createFunction(name, args);
    const permission = this.#createPermission(name, args);
    this.#createRotation(name, permission, args);
    this.registerOutputs();
  }

  #createFunction(name: string, args: OnPlatform): LambdaFunction<'rotation'> {
    const { platform } = args;
    const { database, secrets, network } = platform;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        ...reservedConcurrency(platform, 'rotation'),
        entry: 'functions/logins/rotate.handler.ts',
        description: "Rotates the application's database login",
        kind: 'rotation',
        environment: {
          ...databaseVariables(platform),
          DATABASE_MASTER_SECRET_ID: database.masterSecretArn,
        },
        timeoutSeconds: TIMEOUT_SECONDS.rotation,
        memoryMb: MEMORY_MB.rotation,
        network: network.functions,
        statements: secrets.ownerStatements(database.masterSecretArn, 'rotation'),
        // Secrets Manager does not wait for the answer, and tries a rotation again by itself.
        onFailure: notTriedAgain(platform),
        rollout: rolloutOf(args, 'rotation'),
      },
      { parent: this },
    );
  }

  #createPermission(name: string, { platform }: OnPlatform): aws.lambda.Permission {
    return new aws.lambda.Permission(
      name,
      {
        action: 'lambda:InvokeFunction',
        function: this.function.invoked.functionName,
        qualifier: this.function.invoked.aliasName,
        principal: 'secretsmanager.amazonaws.com',
        sourceAccount: platform.accountId,
        sourceArn: platform.secrets.arn('database'),
      },
      { parent: this },
    );
  }

  #createRotation(name: string, permission: aws.lambda.Permission, { platform, after }: OnPlatform): void {
    new aws.secretsmanager.SecretRotation(
      name,
      {
        secretId: platform.secrets.arn('database'),
        rotationLambdaArn: this.function.liveArn,
        // The migration has only just written the first password.
        rotateImmediately: false,
        rotationRules: { automaticallyAfterDays: ROTATE_AFTER_DAYS },
      },
      { parent: this, dependsOn: [permission, ...after] },
    );
  }
}
