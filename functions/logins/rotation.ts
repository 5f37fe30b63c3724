/** The application's logins, between which a rotation alternates. */
export const APPLICATION_LOGINS = ['smart_transfer_app_a', 'smart_transfer_app_b'] as const;
export type ApplicationLogin = (typeof APPLICATION_LOGINS)[number];

/** The staging labels of Secrets Manager that a rotation moves. */
export const CURRENT = 'AWSCURRENT';
export const PENDING = 'AWSPENDING';

/** What Secrets Manager says of a secret, as far as a rotation asks (`DescribeSecret`). */
export interface DescribedSecret {
  readonly rotationEnabled: boolean;
  /** The labels of each version, by its id; a version's id is the `ClientRequestToken` that it was made with. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** Whether a step is still to be done for a version, was done before, or must not be done. */
export type Standing =
  | { readonly outcome: 'due' }
  | { readonly outcome: 'already_current' }
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * Whether a step of a rotation may be taken (AWS, "Lambda rotation functions"): its version must be staged as pending, and one that is current has been
 * rotated to its end.
 */
export function standingOf(secret: DescribedSecret, token: string): Standing {
  if (!secret.rotationEnabled)
    return refused('rotation is not enabled for this secret; enable it with RotateSecret');
  const labels = secret.labels[token];
  if (labels === undefined)
    return refused(`the secret has no version ${token}; rotate it with RotateSecret, which makes one`);
  if (labels.includes(CURRENT)) return { outcome: 'already_current' };
  if (!labels.includes(PENDING))
    return refused(
      `version ${token} is not staged ${PENDING}: this rotation was given up, or is over; begin another`,
    );
  return { outcome: 'due' };
}

function refused(reason: string): Standing {
  return { outcome: 'refused', reason };
}

/** The login that a rotation gives a new password while `current` goes on working; `undefined` when `current` is none of the two. */
export function otherLogin(current: string): ApplicationLogin | undefined {
  const [a, b] = APPLICATION_LOGINS;
  if (current === a) return b;
  return current === b ? a : undefined;
}

/**
 * Why a pending login must not get its password set, or `undefined` when it may: the login that is in use keeps its password, whatever a version says.
 */
export function whyNotSet(current: string, pending: string): string | undefined {
  const allowed = otherLogin(current);
  if (allowed === undefined)
    return `the current version names ${current}, which is none of ${APPLICATION_LOGINS.join(' and ')}: put one of them into the secret`;
  if (pending === allowed) return undefined;
  return `the pending version names ${pending} where only ${allowed} may change, since ${current} is in use: take the label ${PENDING} from it, and rotate again`;
}
