import assert from 'node:assert/strict';
import fc from 'fast-check';
import { personWhoSigned, type IamCaller, type SignIn } from '../../../functions/people/person-id.ts';

const ACCOUNT = '111122223333';

const signedBy = (userArn: string, signIn: SignIn = 'identity_center', caller: Partial<IamCaller> = {}) =>
  personWhoSigned(
    { accessKey: 'ASIAEXAMPLE', accountId: ACCOUNT, userArn, cognitoIdentity: null, ...caller },
    { signIn, accountId: ACCOUNT },
  );

const session = (name: string, set = 'Operators', suffix = '0123456789abcdef') =>
  `arn:aws:sts::${ACCOUNT}:assumed-role/AWSReservedSSO_${set}_${suffix}/${name}`;

const isPerson = (signer: ReturnType<typeof signedBy>, id: string) =>
  assert.deepEqual(signer, { outcome: 'person', id });
const isNobody = (signer: ReturnType<typeof signedBy>, why?: RegExp) => {
  assert.equal(signer.outcome, 'not_a_person');
  if (why !== undefined) assert.match(signer.why, why);
};

/** What Identity Center and IAM let stand in a name. */
const names = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}$/)
  .filter((name) => !['system', 'migration', 'nobody'].includes(name.toLowerCase()));
const sets = fc.stringMatching(/^[A-Za-z][\w+=,.@-]{0,31}$/);
const suffixes = fc.stringMatching(/^[0-9a-f]{16}$/);

describe('who signed a request', () => {
  it('is one person whatever permission set was used, and however the name is written', () => {
    fc.assert(
      fc.property(names, sets, sets, suffixes, suffixes, (name, one, other, a, b) => {
        const first = signedBy(session(name, one, a));
        isPerson(first, name.toLowerCase());
        assert.deepEqual(signedBy(session(name.toUpperCase(), other, b)), first);
      }),
    );
  });

  it('is two people when two names differ in more than their capitals', () => {
    fc.assert(
      fc.property(names, names, (one, other) => {
        fc.pre(one.toLowerCase() !== other.toLowerCase());
        assert.notDeepEqual(signedBy(session(one)), signedBy(session(other)));
      }),
    );
  });

  it('is nobody by a role whose caller has chosen the name of the session', () => {
    fc.assert(
      fc.property(names, fc.stringMatching(/^[\w+=,.@-]{1,64}$/), (name, role) => {
        fc.pre(!role.startsWith('AWSReservedSSO_'));
        isNobody(
          signedBy(`arn:aws:sts::${ACCOUNT}:assumed-role/${role}/${name}`),
          /not believed to be a person/,
        );
      }),
    );
  });

  it('is nobody by a name that only looks like a role of Identity Center', () => {
    for (const role of [
      'AWSReservedSSO_Operators',
      'AWSReservedSSO_Operators_0123456789ABCDEF',
      'AWSReservedSSO_Operators_0123456789abcde',
      'AWSReservedSSO__0123456789abcdef',
      'awsreservedsso_Operators_0123456789abcdef',
      'x-AWSReservedSSO_Operators_0123456789abcdef',
      'AWSReservedSSO_Operators_0123456789abcdef/kim/lee',
    ])
      isNobody(signedBy(`arn:aws:sts::${ACCOUNT}:assumed-role/${role}/kim`));
    isNobody(signedBy(`${session('kim')}\n`));
    isNobody(signedBy(`x${session('kim')}`));
  });

  it('is nobody by the root, a machine, a federated user or a service, however the stack signs in', () => {
    for (const signIn of ['identity_center', 'iam_user'] as const)
      for (const arn of [
        `arn:aws:iam::${ACCOUNT}:root`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/settlement-function/smart-transfer-settlement`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/github-deploy/GitHubActions`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/Admin/kim@example.com`,
        `arn:aws:sts::${ACCOUNT}:federated-user/kim`,
        `arn:aws:iam::${ACCOUNT}:role/AWSReservedSSO_Operators_0123456789abcdef`,
        'anonymous',
        '',
      ])
        isNobody(signedBy(arn, signIn));
  });

  it('is nobody from another account or from an identity pool', () => {
    isNobody(signedBy(session('kim').replace(ACCOUNT, '444455556666')), /not of account 111122223333/);
    isNobody(signedBy(session('kim'), 'identity_center', { accountId: '444455556666' }));
    isNobody(signedBy(session('kim'), 'identity_center', { cognitoIdentity: { identityId: 'x' } }), /pool/);
  });

  it('is nobody under a name that the system signs with itself, or that can be no id', () => {
    for (const name of ['system', 'MIGRATION', 'nobody', '_kim', 'kim=lee', 'kim,lee'])
      isNobody(signedBy(session(name)), /can be no id/);
  });

  it('is an IAM user who signed in, by name and without its path, where a stack signs in so', () => {
    const user = (path: string) => `arn:aws:iam::${ACCOUNT}:user/${path}`;
    isPerson(signedBy(user('Kim'), 'iam_user'), 'kim');
    isPerson(signedBy(user('operators/seoul/kim'), 'iam_user'), 'kim');
    isNobody(signedBy(user('kim'), 'iam_user', { accessKey: 'AKIAEXAMPLE' }), /may lie in a machine/);
  });

  it('is never both: whoever has a session and a user would be two people', () => {
    isNobody(signedBy(`arn:aws:iam::${ACCOUNT}:user/kim`, 'identity_center'), /sign in by Identity Center/);
    isNobody(signedBy(session('kim'), 'iam_user'), /sign in as an IAM user/);
  });
});
