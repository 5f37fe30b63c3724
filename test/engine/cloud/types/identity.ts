import { statementsOf } from '../../../support/stack-rules.ts';
import type { AwsType } from '../aws-type.ts';
import { ACCOUNT, arn, hex, type Cloud } from '../cloud.ts';
import type { Reading } from '../reading.ts';
import { charactersMax, matches, policy, within } from '../rules.ts';

const ROLE = 'aws:iam/role:Role';
const ROLE_POLICY = 'aws:iam/rolePolicy:RolePolicy';
const SECRET = 'aws:secretsmanager/secret:Secret';
const OF_KEY = { type: 'aws:kms/key:Key', by: 'arn' };
const OF_SECRET = { type: SECRET, by: 'arn' };

/** IAM quotas: all inline policies of a role together, white space not counted. */
const INLINE_CHARACTERS_MAX = 10_240;

/** Roles, keys and secrets. */
export const IDENTITY_TYPES: Readonly<Record<string, AwsType>> = {
  [ROLE]: {
    required: ['assumeRolePolicy'],
    autoName: { input: 'name', charactersMax: 64 },
    fixed: ['name', 'path'],
    unique: ['name'],
    rules: [
      matches('name', /^[\w+=,.@-]+$/),
      policy('assumeRolePolicy', 'trust'),
      charactersMax('assumeRolePolicy', 2048),
      // IAM takes no other characters in a description.
      matches('description', /^[\t\n\r -~\u00A1-\u00FF]{0,1000}$/),
    ],
    id: ({ inputs }) => inputs.text('name'),
    outputs: {
      arn: ({ id }) => `arn:aws:iam::${ACCOUNT}:role/${id}`,
      uniqueId: () => `AROA${hex(17).toUpperCase()}`,
      createDate: () => new Date().toISOString(),
    },
  },
  [ROLE_POLICY]: {
    required: ['role', 'policy'],
    autoName: { input: 'name', charactersMax: 128 },
    fixed: ['name', 'role'],
    rules: [policy('policy', 'identity')],
    names: [{ input: 'role', type: ROLE, by: 'name', holds: true }],
    demands: [fitsItsRole],
    id: ({ inputs }) => `${inputs.text('role')}:${inputs.text('name')}`,
  },
  'aws:kms/key:Key': {
    required: [],
    rules: [
      within('deletionWindowInDays', 7, 30),
      charactersMax('description', 8192),
      charactersMax('policy', 32_768),
      policy('policy', 'resource'),
      administrable,
    ],
    id: () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`,
    outputs: { arn: ({ id }) => arn('kms', `key/${id}`), keyId: ({ id }) => id },
  },
  'aws:kms/alias:Alias': {
    required: ['name', 'targetKeyId'],
    fixed: ['name'],
    unique: ['name'],
    rules: [matches('name', /^alias\/(?!aws\/)[a-zA-Z0-9/_-]{1,250}$/)],
    names: [{ input: 'targetKeyId', type: 'aws:kms/key:Key', by: 'keyId' }],
    id: ({ inputs }) => inputs.text('name'),
    outputs: {
      arn: ({ id }) => arn('kms', id),
      targetKeyArn: ({ inputs }) => arn('kms', `key/${inputs.text('targetKeyId')}`),
    },
  },
  [SECRET]: {
    required: [],
    autoName: { input: 'name', charactersMax: 512 },
    fixed: ['name'],
    unique: ['name'],
    rules: [
      matches('name', /^[\w/+=.@-]+$/),
      charactersMax('description', 2048),
      (inputs) => {
        const days = inputs.number('recoveryWindowInDays') ?? 30;
        return days === 0 || (days >= 7 && days <= 30)
          ? undefined
          : `recoveryWindowInDays is ${days}; Secrets Manager takes 0 or 7 to 30`;
      },
    ],
    names: [{ input: 'kmsKeyId', ...OF_KEY }],
    demands: [
      (inputs, cloud) =>
        cloud.usedUp.has(inputs.text('name'))
          ? "You can't create this secret because a secret with this name is already scheduled for deletion."
          : undefined,
    ],
    id: ({ inputs }) => arn('secretsmanager', `secret:${inputs.text('name')}-${hex(6)}`),
    outputs: { arn: ({ id }) => id },
    effects: {
      remove({ id, inputs }, cloud) {
        cloud.secretValues.delete(id);
        if (inputs['recoveryWindowInDays'] !== 0) cloud.usedUp.add(String(inputs['name']));
      },
    },
  },
  'aws:secretsmanager/secretPolicy:SecretPolicy': {
    required: ['secretArn', 'policy'],
    fixed: ['secretArn'],
    unique: ['secretArn'],
    rules: [policy('policy', 'resource')],
    names: [{ input: 'secretArn', ...OF_SECRET }],
    id: ({ inputs }) => inputs.text('secretArn'),
  },
  'aws:secretsmanager/secretRotation:SecretRotation': {
    required: ['secretId', 'rotationRules'],
    fixed: ['secretId'],
    unique: ['secretId'],
    rules: [within('rotationRules.automaticallyAfterDays', 1, 1000)],
    names: [
      { input: 'secretId', ...OF_SECRET },
      { input: 'rotationLambdaArn', type: 'aws:lambda/alias:Alias', by: 'arn' },
    ],
    demands: [rotatorIsCallable],
    id: ({ inputs }) => inputs.text('secretId'),
    outputs: { rotationEnabled: () => true },
  },
};

function fitsItsRole(inputs: Reading, cloud: Cloud): string | undefined {
  const others = cloud
    .all(ROLE_POLICY)
    .filter(
      (one) => one.inputs['role'] === inputs.value('role') && one.inputs['name'] !== inputs.value('name'),
    )
    .map((one) => String(one.inputs['policy']));
  const characters = [...others, inputs.text('policy')].join('').replaceAll(/\s/g, '').length;
  return characters <= INLINE_CHARACTERS_MAX
    ? undefined
    : `Maximum policy size of ${INLINE_CHARACTERS_MAX} bytes exceeded for role ${inputs.text('role')}: ${characters}`;
}

/** KMS refuses a policy by which nobody could change it any more. */
function administrable(inputs: Reading): string | undefined {
  if (!inputs.has('policy')) return undefined;
  const found = statementsOf(inputs.text('policy')).some(
    ({ effect, actions, principal }) =>
      effect === 'Allow' &&
      actions.includes('kms:PutKeyPolicy') &&
      JSON.stringify(principal).includes(`:${ACCOUNT}:root`),
  );
  return found ? undefined : 'The new key policy will not allow you to update the key policy in the future.';
}

/** Secrets Manager calls the function once, to see whether it may. */
function rotatorIsCallable(inputs: Reading, cloud: Cloud): string | undefined {
  const [, , , , , , name, qualifier] = inputs.text('rotationLambdaArn').split(':');
  const allowed = cloud
    .all('aws:lambda/permission:Permission')
    .some(
      ({ inputs: one }) =>
        one['function'] === name &&
        one['qualifier'] === qualifier &&
        one['principal'] === 'secretsmanager.amazonaws.com',
    );
  return allowed
    ? undefined
    : 'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.';
}
