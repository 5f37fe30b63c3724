import { AwsError } from './aws-json-server.ts';

/** The staging labels that mean something to Secrets Manager itself. */
export const CURRENT = 'AWSCURRENT';
export const PREVIOUS = 'AWSPREVIOUS';
export const PENDING = 'AWSPENDING';

export interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly description?: string | undefined;
  /** Seconds since 1970, as AWS JSON writes instants. */
  readonly createdAtS: number;
  changedAtS: number;
  versions: Version[];
  /** Set once the secret was made to rotate. */
  rotation?: Rotation;
}

export interface Rotation {
  readonly functionArn: string;
  /** `RotationRules`, as they were given: nothing here rotates by a schedule. */
  readonly rules?: unknown;
  lastRotatedAtS?: number;
}

export interface Version {
  readonly id: string;
  /** Absent in the version that a rotation has begun and not yet filled. */
  value?: SecretValue | undefined;
  readonly createdAtS: number;
  /** A version with no label is deprecated: it can be read by its id until it is thrown away. */
  labels: string[];
  /** Made to test whether the secret could be rotated, and gone as soon as that is known: a restart forgets it. */
  onlyTested?: true;
}

/** The field of the API that holds the value, and the value: text, or bytes in Base64. */
export interface SecretValue {
  readonly field: 'SecretString' | 'SecretBinary';
  readonly text: string;
}

/** Versions with no label beyond this number are thrown away, oldest first (API reference, PutSecretValue). */
const VERSIONS_MAX = 100;

export function addVersion(
  secret: Secret,
  id: string,
  value: SecretValue | undefined,
  labels: readonly string[],
): Version {
  const version: Version = { id, value, createdAtS: nowS(), labels: [] };
  secret.versions.push(version);
  for (const label of labels) moveLabel(secret, label, version);
  secret.changedAtS = nowS();
  throwAwayDeprecated(secret);
  return version;
}

/** Gives a label to a version and takes it from the one that had it. The version that loses AWSCURRENT gets AWSPREVIOUS. */
export function moveLabel(secret: Secret, label: string, to: Version | undefined): void {
  const from = holderOf(secret, label);
  if (from === to) return;
  if (from !== undefined) from.labels = from.labels.filter((held) => held !== label);
  if (to !== undefined) to.labels.push(label);
  if (label === CURRENT && from !== undefined) moveLabel(secret, PREVIOUS, from);
}

function throwAwayDeprecated(secret: Secret): void {
  const surplus = secret.versions.length - VERSIONS_MAX;
  if (surplus <= 0) return;
  const oldest = secret.versions.filter(({ labels }) => labels.length === 0).slice(0, surplus);
  secret.versions = secret.versions.filter((version) => !oldest.includes(version));
}

export function holderOf(secret: Secret, label: string): Version | undefined {
  return secret.versions.find(({ labels }) => labels.includes(label));
}

export function versionNamed(secret: Secret, id: string | undefined): Version | undefined {
  if (id === undefined) return undefined;
  const version = secret.versions.find((each) => each.id === id);
  if (version === undefined)
    throw new AwsError(
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret version: ${id}.`,
    );
  return version;
}

export function sameValue(one: SecretValue | undefined, other: SecretValue): boolean {
  return one?.field === other.field && one.text === other.text;
}

export function nowS(): number {
  return Date.now() / 1000;
}
