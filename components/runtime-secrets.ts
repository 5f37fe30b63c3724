import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';

export interface RuntimeSecretsArgs {
  readonly keyArn: pulumi.Input<string>;
  /** How long a deleted secret can be brought back, days; 0 deletes at once. */
  readonly recoveryDays: number;
}

/** The secrets, by what they hold. Their values are never here: not in the program, not in the stack's state. */
export const SECRETS = {
  database: {
    description:
      'The login of the application: {username, password}. The migration writes it, rotations change it.',
    filledBy: 'the migration function',
  },
  dataKeys: {
    description:
      'Keys of the encrypted columns: {current, keys: {<id>: base64 of 32 bytes}, fingerprint: base64 of 32 bytes}.',
    filledBy: 'a person',
  },
  bankCredentials: {
    description: "The bank client's credentials: {client_id, client_secret, organisation_code}.",
    filledBy: 'a person',
  },
  bankPayout: {
    description: 'What only a payout needs: {wd_pass_phrase, contract_account_number}.',
    filledBy: 'a person',
  },
  webhookKeys: {
    description: 'Where signing keys are derived from: {current, keys: {<id>: base64 of 32 bytes or more}}.',
    filledBy: 'a person',
  },
} as const;

export type SecretName = keyof typeof SECRETS;

/** The secrets that functions read at run time: their names and who may read them, never their values. */
export class RuntimeSecrets extends pulumi.ComponentResource {
  readonly #secrets: Readonly<Record<SecretName, aws.secretsmanager.Secret>>;
  readonly #keyArn: pulumi.Input<string>;

  constructor(name: string, args: RuntimeSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:RuntimeSecrets', name, {}, opts);
    this.#keyArn = args.keyArn;
    const create = (secret: SecretName) => this.#createSecret(secret, args);
    this.#secrets = {
      database: create('database'),
      dataKeys: create('dataKeys'),
      bankCredentials: create('bankCredentials'),
      bankPayout: create('bankPayout'),
      webhookKeys: create('webhookKeys'),
    };
    this.registerOutputs();
  }

  arn(secret: SecretName): pulumi.Output<string> {
    return this.#secrets[secret].arn;
  }

  /** What a function needs that reads these secrets, and no other. */
  readStatements(...secrets: readonly SecretName[]): aws.iam.PolicyStatement[] {
    return readSecretStatements(
      secrets.map((secret) => this.arn(secret)),
      this.#keyArn,
    );
  }

  /**
   * What acts as the login that owns the schema needs: that login's secret, and to write the application's. The migration writes it once; a rotation also
   * moves its versions.
   */
  ownerStatements(
    masterSecretArn: pulumi.Input<string>,
    who: 'migration' | 'rotation',
  ): aws.iam.PolicyStatement[] {
    const rotation = ['secretsmanager:DescribeSecret', 'secretsmanager:UpdateSecretVersionStage'];
    return [
      ...readSecretStatements([masterSecretArn, this.arn('database')], this.#keyArn),
      {
        Sid: 'WriteLogin',
        Effect: 'Allow',
        Action: ['secretsmanager:PutSecretValue', ...(who === 'rotation' ? rotation : [])],
        Resource: [this.arn('database')],
      },
      { Sid: 'EncryptLogin', Effect: 'Allow', Action: ['kms:GenerateDataKey'], Resource: [this.#keyArn] },
    ];
  }

  /** Refuses a secret's value to everybody but one role, whatever else IAM lets them do. */
  refuseAllBut(secret: SecretName, roleArn: pulumi.Input<string>): void {
    new aws.secretsmanager.SecretPolicy(
      secret,
      {
        secretArn: this.arn(secret),
        blockPublicPolicy: true,
        policy: pulumi.jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'OneReader',
              Effect: 'Deny',
              Principal: '*',
              Action: ['secretsmanager:GetSecretValue'],
              Resource: '*',
              Condition: { ArnNotEquals: { 'aws:PrincipalArn': roleArn } },
            },
          ],
        }),
      },
      { parent: this },
    );
  }

  /**
   * The secrets that a person has yet to fill, each with the command that does it. It looks for versions, and reads no value.
   *
   * In the preview that makes the secrets nothing is known of them yet.
   */
  toFill(): pulumi.Output<Record<string, string>> {
    const people = (Object.keys(SECRETS) as SecretName[]).filter(
      (secret) => SECRETS[secret].filledBy === 'a person',
    );
    return pulumi
      .all(people.map((secret) => this.#isEmpty(secret)))
      .apply((empty) =>
        pulumi.all(
          Object.fromEntries(
            people.filter((_, index) => empty[index]).map((secret) => [secret, this.#howToFill(secret)]),
          ),
        ),
      );
  }

  #isEmpty(secret: SecretName): pulumi.Output<boolean> {
    return aws.secretsmanager
      .getSecretVersionsOutput({ secretId: this.#secrets[secret].id }, { parent: this })
      .apply(({ versions }) => !versions.some(({ versionStages }) => versionStages.includes('AWSCURRENT')));
  }

  #howToFill(secret: SecretName): pulumi.Output<string> {
    return pulumi.interpolate`${SECRETS[secret].description} aws secretsmanager put-secret-value --secret-id ${this.arn(secret)} --secret-string file:///dev/stdin`;
  }

  #createSecret(secret: SecretName, args: RuntimeSecretsArgs): aws.secretsmanager.Secret {
    return new aws.secretsmanager.Secret(
      secret,
      {
        description: SECRETS[secret].description,
        kmsKeyId: args.keyArn,
        recoveryWindowInDays: args.recoveryDays,
      },
      { parent: this },
    );
  }
}

/** What reading secrets takes. The key is used by Secrets Manager alone, which the key's policy demands. */
export function readSecretStatements(
  secretArns: readonly pulumi.Input<string>[],
  keyArn: pulumi.Input<string>,
): aws.iam.PolicyStatement[] {
  return [
    {
      Sid: 'ReadSecrets',
      Effect: 'Allow',
      Action: ['secretsmanager:GetSecretValue'],
      Resource: [...secretArns],
    },
    { Sid: 'DecryptSecrets', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [keyArn] },
  ];
}
