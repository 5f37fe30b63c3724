import { randomInt, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { AwsError, LOCAL_ACCOUNT, LOCAL_REGION, startAwsJsonServer } from './aws-json-server.ts';

export interface SecretsManagerOptions {
  /** A free port unless given. */
  readonly port?: number;
  /** Where the secrets are kept over a restart: readable by this user alone. Without it they are kept in memory only. */
  readonly file?: string;
}

export interface LocalSecretsManager {
  /** For `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Runs the operations of Secrets Manager that this project uses, on 127.0.0.1, with staging labels that move as AWS moves them
 * (Secrets Manager API reference, PutSecretValue and UpdateSecretVersionStage). Values are kept in the clear: it is a stand-in
 * for one machine, and its secrets are made up.
 */
export async function startSecretsManager(options: SecretsManagerOptions = {}): Promise<LocalSecretsManager> {
  const { file } = options;
  const secrets = file === undefined ? [] : load(file);
  const changed = (): void => {
    if (file !== undefined) save(file, secrets);
  };
  const server = await startAwsJsonServer({
    targetPrefix: 'secretsmanager',
    port: options.port,
    operations: {
      CreateSecret: (input) => createSecret(secrets, input, changed),
      GetSecretValue: (input) => getSecretValue(find(secrets, input), input),
      PutSecretValue: (input) => putSecretValue(find(secrets, input), input, changed),
      UpdateSecretVersionStage: (input) => updateSecretVersionStage(find(secrets, input), input, changed),
      DescribeSecret: (input) => describeSecret(find(secrets, input)),
      ListSecretVersionIds: (input) => listSecretVersionIds(find(secrets, input), input),
    },
  });
  return { endpoint: server.endpoint, stop: () => server.stop() };
}

type Input = Readonly<Record<string, unknown>>;

interface Secret {
  readonly arn: string;
  readonly name: string;
  readonly description?: string | undefined;
  /** Seconds since 1970, as AWS JSON writes instants. */
  readonly createdAtS: number;
  changedAtS: number;
  versions: Version[];
}

interface Version {
  readonly id: string;
  readonly value: SecretValue;
  readonly createdAtS: number;
  /** A version with no label is deprecated: it can be read by its id until it is thrown away. */
  labels: string[];
}

/** The field of the API that holds the value, and the value: text, or bytes in Base64. */
interface SecretValue {
  readonly field: 'SecretString' | 'SecretBinary';
  readonly text: string;
}

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';

/** Versions with no label beyond this number are thrown away, oldest first (API reference, PutSecretValue). */
const VERSIONS_MAX = 100;

function createSecret(secrets: Secret[], input: Input, changed: () => void): unknown {
  const name = requiredText(input, 'Name');
  const value = valueOf(input);
  const token = tokenOf(input);
  const existing = secrets.find((secret) => secret.name === name);
  if (existing !== undefined) {
    if (!holds(existing, token, value)) {
      throw new AwsError(
        'ResourceExistsException',
        `The operation failed because the secret ${name} already exists.`,
      );
    }
    return { ARN: existing.arn, Name: name, VersionId: token };
  }
  const secret: Secret = {
    arn: arnOf(name),
    name,
    description: optionalText(input, 'Description'),
    createdAtS: nowS(),
    changedAtS: nowS(),
    versions: [],
  };
  if (value !== undefined) addVersion(secret, token, value, [CURRENT]);
  secrets.push(secret);
  changed();
  return { ARN: secret.arn, Name: name, ...(value === undefined ? {} : { VersionId: token }) };
}

function putSecretValue(secret: Secret, input: Input, changed: () => void): unknown {
  const value = valueOf(input);
  if (value === undefined) {
    throw new AwsError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
  }
  const token = tokenOf(input);
  const existing = secret.versions.find(({ id }) => id === token);
  if (existing !== undefined && !sameValue(existing.value, value)) {
    throw new AwsError(
      'ResourceExistsException',
      `You can't modify the existing version ${token}: its value is another one.`,
    );
  }
  const version = existing ?? addVersion(secret, token, value, labelsOf(secret, input));
  changed();
  return { ...identity(secret), VersionId: version.id, VersionStages: version.labels };
}

/** The labels of a new version: AWSCURRENT unless others are asked for, and on the first version in any case. */
function labelsOf(secret: Secret, input: Input): readonly string[] {
  const asked = input['VersionStages'];
  const labels = Array.isArray(asked) && asked.length > 0 ? asked.map(String) : [CURRENT];
  return secret.versions.length === 0 ? [...new Set([...labels, CURRENT])] : labels;
}

function addVersion(secret: Secret, id: string, value: SecretValue, labels: readonly string[]): Version {
  const version: Version = { id, value, createdAtS: nowS(), labels: [] };
  secret.versions.push(version);
  for (const label of labels) moveLabel(secret, label, version);
  secret.changedAtS = nowS();
  throwAwayDeprecated(secret);
  return version;
}

/** Gives a label to a version and takes it from the one that had it. The version that loses AWSCURRENT gets AWSPREVIOUS. */
function moveLabel(secret: Secret, label: string, to: Version | undefined): void {
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

function updateSecretVersionStage(secret: Secret, input: Input, changed: () => void): unknown {
  const label = requiredText(input, 'VersionStage');
  const to = versionNamed(secret, optionalText(input, 'MoveToVersionId'));
  const from = versionNamed(secret, optionalText(input, 'RemoveFromVersionId'));
  const holder = holderOf(secret, label);
  if (to === undefined && from === undefined)
    throw invalid('Name the version to move the label to, or to remove it from.');
  if (holder !== undefined && holder !== to && holder !== from) {
    throw invalid(
      `The staging label ${label} is currently attached to version ${holder.id}: name it in RemoveFromVersionId.`,
    );
  }
  if (from !== undefined && holder !== from)
    throw invalid(`The staging label ${label} is not attached to version ${from.id}.`);
  if (label === CURRENT && to === undefined) throw invalid(`${CURRENT} can be moved, not removed.`);
  moveLabel(secret, label, to);
  secret.changedAtS = nowS();
  changed();
  return identity(secret);
}

function getSecretValue(secret: Secret, input: Input): unknown {
  const id = optionalText(input, 'VersionId');
  const label = optionalText(input, 'VersionStage') ?? (id === undefined ? CURRENT : undefined);
  const version = secret.versions.find(
    (each) => (id === undefined || each.id === id) && (label === undefined || each.labels.includes(label)),
  );
  if (version === undefined) {
    const wanted = id === undefined ? `staging label: ${String(label)}` : `VersionId: ${id}`;
    throw notFound(`Secrets Manager can't find the specified secret value for ${wanted}`);
  }
  return {
    ...identity(secret),
    VersionId: version.id,
    VersionStages: version.labels,
    CreatedDate: version.createdAtS,
    [version.value.field]: version.value.text,
  };
}

function describeSecret(secret: Secret): unknown {
  const labelled = secret.versions.filter(({ labels }) => labels.length > 0);
  return {
    ...identity(secret),
    Description: secret.description,
    CreatedDate: secret.createdAtS,
    LastChangedDate: secret.changedAtS,
    VersionIdsToStages: Object.fromEntries(labelled.map(({ id, labels }) => [id, labels])),
  };
}

function listSecretVersionIds(secret: Secret, input: Input): unknown {
  const listed = secret.versions.filter(
    ({ labels }) => labels.length > 0 || input['IncludeDeprecated'] === true,
  );
  return {
    ...identity(secret),
    Versions: listed.map(({ id, labels, createdAtS }) => ({
      VersionId: id,
      VersionStages: labels,
      CreatedDate: createdAtS,
    })),
  };
}

/** A secret by its name, its ARN, or its ARN without the six characters at the end. */
function find(secrets: readonly Secret[], input: Input): Secret {
  const id = requiredText(input, 'SecretId');
  const secret = secrets.find(
    ({ name, arn }) => name === id || arn === id || arn.slice(0, -'-123456'.length) === id,
  );
  if (secret === undefined) throw notFound("Secrets Manager can't find the specified secret.");
  return secret;
}

function identity(secret: Secret): { readonly ARN: string; readonly Name: string } {
  return { ARN: secret.arn, Name: secret.name };
}

function holderOf(secret: Secret, label: string): Version | undefined {
  return secret.versions.find(({ labels }) => labels.includes(label));
}

function versionNamed(secret: Secret, id: string | undefined): Version | undefined {
  if (id === undefined) return undefined;
  const version = secret.versions.find((each) => each.id === id);
  if (version === undefined)
    throw notFound(`Secrets Manager can't find the specified secret version: ${id}.`);
  return version;
}

/** Whether a secret already holds this value as this version, or was made with no value and none is given. */
function holds(secret: Secret, token: string, value: SecretValue | undefined): boolean {
  if (value === undefined) return false;
  return secret.versions.some(({ id, value: held }) => id === token && sameValue(held, value));
}

function sameValue(one: SecretValue, other: SecretValue): boolean {
  return one.field === other.field && one.text === other.text;
}

function valueOf(input: Input): SecretValue | undefined {
  const text = optionalText(input, 'SecretString');
  const bytes = optionalText(input, 'SecretBinary');
  if (text !== undefined && bytes !== undefined)
    throw invalid('You must specify SecretString or SecretBinary, not both.');
  if (text !== undefined) return { field: 'SecretString', text };
  return bytes === undefined ? undefined : { field: 'SecretBinary', text: bytes };
}

/** The version's id: the SDK sends a token of its own where the caller gives none. */
function tokenOf(input: Input): string {
  const token = optionalText(input, 'ClientRequestToken') ?? randomUUID();
  if (token.length < 32 || token.length > 64)
    throw invalid('ClientRequestToken must have 32 to 64 characters.');
  return token;
}

function requiredText(input: Input, field: string): string {
  const text = optionalText(input, field);
  if (text === undefined || text === '') throw invalid(`${field} is required.`);
  return text;
}

function optionalText(input: Input, field: string): string | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(`${field} must be text.`);
  return value;
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message);
}

/** A secret's ARN ends in six characters of chance, so that a secret made anew under an old name is another one. */
function arnOf(name: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const suffix = Array.from({ length: 6 }, () => letters.charAt(randomInt(letters.length))).join('');
  return `arn:aws:secretsmanager:${LOCAL_REGION}:${LOCAL_ACCOUNT}:secret:${name}-${suffix}`;
}

function nowS(): number {
  return Date.now() / 1000;
}

function load(file: string): Secret[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Secret[]) : [];
}

/** Writes beside the file and renames, so that a crash leaves the old secrets or the new ones, never half of them. */
function save(file: string, secrets: readonly Secret[]): void {
  const beside = `${file}.${process.pid}.new`;
  rmSync(beside, { force: true });
  const descriptor = openSync(beside, 'wx', 0o600);
  try {
    writeSync(descriptor, JSON.stringify(secrets, null, 2));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(beside, file);
}
