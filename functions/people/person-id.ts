import { parsePersonId, type PersonId } from './person.ts';

/** Who signed a request, as API Gateway's IAM authorizer says it (`requestContext.authorizer.iam`). */
export interface IamCaller {
  readonly accessKey: string;
  readonly accountId: string;
  readonly userArn: string;
  /** Set for callers of a Cognito identity pool. */
  readonly cognitoIdentity?: unknown;
}

/** How the people of a stack sign in. It is one way and not both, since whoever has both would be two people. */
export type SignIn = 'identity_center' | 'iam_user';

export interface Believed {
  readonly signIn: SignIn;
  /** The account that the API stands in: nobody from another one is believed. */
  readonly accountId: string;
}

export type Signer =
  | { readonly outcome: 'person'; readonly id: PersonId }
  /** `why` names the principal and what a person does instead. */
  | { readonly outcome: 'not_a_person'; readonly why: string };

const ARN = /^arn:aws[a-z-]*:(iam|sts)::(\d{12}):(.+)$/;

/** `assumed-role/AWSReservedSSO_<permission set>_<16 hexadecimal digits>/<user name>`. */
const IDENTITY_CENTER_SESSION = /^assumed-role\/AWSReservedSSO_[\w+=,.@-]+_[0-9a-f]{16}\/([\w+=,.@-]+)$/;

/** `user/<path>/<name>`: names are unique in an account, whatever their path and their capitals. */
const IAM_USER = /^user\/(?:[!-~]*\/)?([\w+=,.@-]+)$/;

/** Keys of a sign-in are temporary; a user's own access keys begin with `AKIA`, and lie wherever somebody has put them. */
const TEMPORARY_KEY = /^ASIA/;

/**
 * Says which person signed, if a person did.
 *
 * An assumed role's session name is whatever the caller of AssumeRole chose, so that anybody who may assume a role could sign as anybody. Only in a role that
 * Identity Center made (`AWSReservedSSO_…`, which it alone changes, and which trusts only its own sign-in) is it the name of the user who signed in. It is the
 * person's id by itself: two permission sets of one person are one person. Roles of machines, other roles, federated users and the account's root are nobody.
 */
export function personWhoSigned(caller: IamCaller, believed: Believed): Signer {
  const [, service, accountId, principal = ''] = ARN.exec(caller.userArn) ?? [];
  if (accountId !== believed.accountId || caller.accountId !== believed.accountId)
    return nobody(caller, `it is not of account ${believed.accountId}`);
  if (caller.cognitoIdentity !== undefined && caller.cognitoIdentity !== null)
    return nobody(caller, 'it comes from an identity pool');
  if (believed.signIn === 'identity_center') {
    const name = service === 'sts' ? IDENTITY_CENTER_SESSION.exec(principal)?.[1] : undefined;
    return named(caller, name, 'sign in by Identity Center (aws sso login)');
  }
  const name = service === 'iam' ? IAM_USER.exec(principal)?.[1] : undefined;
  if (name !== undefined && !TEMPORARY_KEY.test(caller.accessKey))
    return nobody(caller, "a user's own access key may lie in a machine; sign in with aws login");
  return named(caller, name, 'sign in as an IAM user (aws login)');
}

function named(caller: IamCaller, name: string | undefined, remedy: string): Signer {
  if (name === undefined) return nobody(caller, `people of this stack ${remedy}`);
  const id = parsePersonId(name);
  if (id === undefined)
    return nobody(caller, `"${name}" can be no id: name the user with letters, digits and . _ @ + -`);
  return { outcome: 'person', id };
}

function nobody({ userArn }: IamCaller, why: string): Signer {
  return { outcome: 'not_a_person', why: `${userArn} is not believed to be a person: ${why}` };
}
