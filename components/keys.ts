import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';

export interface KeysArgs {
  /** Begins the names of what uses the keys, such as `smart-transfer-dev`. */
  readonly namePrefix: string;
  readonly accountId: pulumi.Input<string>;
  readonly region: string;
  /** How long a deleted key can be brought back, days. */
  readonly deletionDays: number;
  readonly protect: boolean;
}

/** A service that uses a key in its own name, for a resource of ours. */
interface ServiceUse {
  /** Such as `events.amazonaws.com`. */
  readonly principal: string;
  readonly actions: readonly string[];
  /** What the call is for: a condition key, and the ARNs below the account that it may hold. */
  readonly condition: 'aws:SourceArn' | 'kms:EncryptionContext:aws:logs:arn';
  readonly resources: readonly string[];
}

interface KeyUse {
  readonly what: string;
  /** Services by which who has the right in IAM uses the key; nobody uses it directly. */
  readonly via: readonly string[];
  /** What CloudWatch, EventBridge, SNS and Logs do without: they fail in silence where their principal is missing. */
  readonly services: readonly ServiceUse[];
}

const DATA_KEY = ['kms:GenerateDataKey', 'kms:Decrypt'];

/** Who uses which key. `PREFIX` is the stack's, `REGION` and `ACCOUNT` are where it runs. */
export const KEY_USES = {
  database: { what: "Aurora's storage, backups and insights", via: ['rds'], services: [] },
  secrets: { what: 'secrets in Secrets Manager', via: ['secretsmanager', 'rds'], services: [] },
  messages: {
    what: 'queues, the event bus and its archive, and the alarm topic',
    via: ['sqs', 'sns', 'events'],
    services: [
      {
        principal: 'events.amazonaws.com',
        actions: [...DATA_KEY, 'kms:DescribeKey'],
        condition: 'aws:SourceArn',
        resources: [
          'events:REGION:ACCOUNT:event-bus/PREFIX*',
          'events:REGION:ACCOUNT:rule/PREFIX*',
          'events:REGION:ACCOUNT:archive/PREFIX*',
        ],
      },
      {
        principal: 'cloudwatch.amazonaws.com',
        actions: DATA_KEY,
        condition: 'aws:SourceArn',
        resources: ['cloudwatch:REGION:ACCOUNT:alarm:PREFIX*'],
      },
      {
        principal: 'sns.amazonaws.com',
        actions: DATA_KEY,
        condition: 'aws:SourceArn',
        resources: ['sns:REGION:ACCOUNT:PREFIX*'],
      },
    ],
  },
  logs: {
    what: 'logs',
    via: [],
    services: [
      {
        principal: 'logs.REGION.amazonaws.com',
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncryptFrom',
          'kms:ReEncryptTo',
          'kms:GenerateDataKey',
          'kms:DescribeKey',
        ],
        condition: 'kms:EncryptionContext:aws:logs:arn',
        resources: [
          'logs:REGION:ACCOUNT:log-group:/PREFIX/*',
          'logs:REGION:ACCOUNT:log-group:/aws/rds/cluster/PREFIX/*',
          'logs:REGION:ACCOUNT:log-group:/aws/vendedlogs/PREFIX/*',
        ],
      },
    ],
  },
  functions: { what: "functions' variables", via: ['lambda'], services: [] },
} as const satisfies Readonly<Record<string, KeyUse>>;

export type KeyPurpose = keyof typeof KEY_USES;

/** What the account's own principals do with a key beside using it: deployments, and people who mend them. Nothing here reads what it encrypts. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:DisableKeyRotation',
  'kms:EnableKey',
  'kms:EnableKeyRotation',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListGrants',
  'kms:ListKeyPolicies',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RevokeGrant',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
];

const USE = [
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

/** The customer keys, one for each use, with policies that say who uses them. */
export class Keys extends pulumi.ComponentResource {
  readonly #keys: Readonly<Record<KeyPurpose, aws.kms.Key>>;

  constructor(name: string, args: KeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Keys', name, {}, opts);
    const create = (purpose: KeyPurpose) => this.#createKey(purpose, args);
    this.#keys = {
      database: create('database'),
      secrets: create('secrets'),
      messages: create('messages'),
      logs: create('logs'),
      functions: create('functions'),
    };
    this.registerOutputs();
  }

  arn(purpose: KeyPurpose): pulumi.Output<string> {
    return this.#keys[purpose].arn;
  }

  /** A key's id, which no other key ever has. */
  id(purpose: KeyPurpose): pulumi.Output<string> {
    return this.#keys[purpose].keyId;
  }

  #createKey(purpose: KeyPurpose, args: KeysArgs): aws.kms.Key {
    const key = new aws.kms.Key(
      purpose,
      {
        description: `smart-transfer: ${KEY_USES[purpose].what}`,
        enableKeyRotation: true,
        deletionWindowInDays: args.deletionDays,
        policy: pulumi.output(args.accountId).apply((accountId) => keyPolicy(purpose, accountId, args)),
      },
      { parent: this, protect: args.protect },
    );
    new aws.kms.Alias(
      purpose,
      { name: `alias/${args.namePrefix}-${purpose}`, targetKeyId: key.keyId },
      { parent: this },
    );
    return key;
  }
}

/** A key's policy, as JSON. */
export function keyPolicy(
  purpose: KeyPurpose,
  accountId: string,
  { namePrefix, region }: Pick<KeysArgs, 'namePrefix' | 'region'>,
): string {
  const use: KeyUse = KEY_USES[purpose];
  const account = { AWS: `arn:aws:iam::${accountId}:root` };
  const here = (text: string) =>
    text.replaceAll('PREFIX', namePrefix).replaceAll('REGION', region).replaceAll('ACCOUNT', accountId);
  const statements: aws.iam.PolicyStatement[] = [
    // In a key's policy the resource is the key itself.
    { Sid: 'Administer', Effect: 'Allow', Principal: account, Action: ADMINISTRATION, Resource: '*' },
    ...(use.via.length === 0
      ? []
      : [
          {
            Sid: 'UseThroughServices',
            Effect: 'Allow' as const,
            Principal: account,
            Action: USE,
            Resource: '*',
            Condition: {
              StringEquals: {
                'kms:CallerAccount': accountId,
                'kms:ViaService': use.via.map((service) => `${service}.${region}.amazonaws.com`),
              },
            },
          },
        ]),
    ...use.services.map((service) => ({
      Effect: 'Allow' as const,
      Principal: { Service: [here(service.principal)] },
      Action: [...service.actions],
      Resource: '*',
      Condition: {
        ArnLike: { [service.condition]: service.resources.map((arn) => `arn:aws:${here(arn)}`) },
      },
    })),
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}
