/** A statement of a role's policy. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Place {
  readonly accountId: string;
  readonly region: string;
}

/** Where a program that is deployed without Pulumi Cloud keeps its state. */
export interface StateStore {
  readonly bucket: string;
  readonly keyArn: string;
}

/** Roles and policies of this program have this path, so that they can be told from those that are deployed. */
export const ROLE_PATH = '/smart-transfer-deployments/';

/** AWS's services that the stacks' resources belong to, buckets and roles aside. */
export const SERVICES = [
  'apigateway',
  'cloudwatch',
  'ec2',
  'events',
  'kms',
  'lambda',
  'logs',
  'rds',
  'scheduler',
  'secretsmanager',
  'sns',
  'sqs',
] as const;

/** Roles and their own policies, and nothing else of IAM: no users, no access keys. */
const IAM_ACTIONS = [
  'iam:CreateRole',
  'iam:DeleteRole',
  'iam:GetRole',
  'iam:UpdateRole',
  'iam:UpdateAssumeRolePolicy',
  'iam:TagRole',
  'iam:UntagRole',
  'iam:ListRoleTags',
  'iam:PutRolePolicy',
  'iam:GetRolePolicy',
  'iam:DeleteRolePolicy',
  'iam:ListRolePolicies',
  'iam:ListAttachedRolePolicies',
  'iam:ListInstanceProfilesForRole',
  'iam:PassRole',
  'iam:CreateServiceLinkedRole',
];

/**
 * What a preview reads of AWS: which secrets have a version, never a value. Everything else that the program needs to know stands in the stack's file or its state.
 */
export function previewStatements({ accountId, region }: Place, state?: StateStore): Statement[] {
  return [
    {
      Sid: 'SeeWhichSecretsAreEmpty',
      Effect: 'Allow',
      Action: ['secretsmanager:ListSecretVersionIds'],
      Resource: [`arn:aws:secretsmanager:${region}:${accountId}:secret:*`],
    },
    ...(state === undefined ? [] : readState(state)),
    NO_VALUES,
  ];
}

/**
 * What deploys a stack. It may make roles and hand them to functions, and so could give itself whatever the account has: what keeps it in bounds is who may
 * push to its branch. The refusals are against accidents, and keep the trust of these roles out of its reach.
 */
export function deployStatements({ accountId, region }: Place): Statement[] {
  return [
    {
      Sid: 'Services',
      Effect: 'Allow',
      Action: SERVICES.map((service) => `${service}:*`),
      Resource: '*',
      Condition: { StringEquals: { 'aws:RequestedRegion': region } },
    },
    { Sid: 'Buckets', Effect: 'Allow', Action: ['s3:*'], Resource: '*' },
    { Sid: 'Roles', Effect: 'Allow', Action: IAM_ACTIONS, Resource: '*' },
    NO_VALUES,
    {
      Sid: 'NotItsOwnTrust',
      Effect: 'Deny',
      Action: ['iam:*'],
      Resource: [`arn:aws:iam::${accountId}:role${ROLE_PATH}*`, `arn:aws:iam::${accountId}:oidc-provider/*`],
    },
  ];
}

/** Whoever fills a secret writes it; nobody who deploys reads it. */
const NO_VALUES: Statement = {
  Sid: 'NoValues',
  Effect: 'Deny',
  Action: ['secretsmanager:GetSecretValue', 'secretsmanager:BatchGetSecretValue'],
  Resource: '*',
};

/** A preview takes no lock, and so writes nothing. */
function readState({ bucket, keyArn }: StateStore): Statement[] {
  return [
    {
      Sid: 'ReadState',
      Effect: 'Allow',
      Action: ['s3:GetObject'],
      Resource: [`arn:aws:s3:::${bucket}/*`],
    },
    { Sid: 'ListState', Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [`arn:aws:s3:::${bucket}`] },
    { Sid: 'DecryptState', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [keyArn] },
  ];
}
