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
import type { InvocationResult } from './function-host/invocation.ts';
import { createRotations, type Rotations } from './secret-rotation.ts';
import {
  addVersion,
  CURRENT,
  holderOf,
  moveLabel,
  nowS,
  sameValue,
  versionNamed,
  type Secret,
  type SecretValue,
} from './secret-versions.ts';

export interface SecretsManagerOptions {
  /** A free port unless given. */
  readonly port?: number;
  /** Where the secrets are kept over a restart: readable by this user alone. Without it they are kept in memory only. */
  readonly file?: string;
  /** Calls a rotation function, by its ARN. Without it nothing can be rotated. */
  readonly invoke?: (functionArn: string, event: unknown) => Promise<InvocationResult>;
  /** How long a failed rotation waits before it is tried again, ms: a second unless given. */
  readonly rotateAgainAfterMs?: number;
  /** What became of rotations. It holds no value. */
  readonly log?: (line: string) => void;
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
  const rotations = createRotations({
    invoke: options.invoke ?? (() => Promise.reject(new Error('no function is hosted here'))),
    againAfterMs: options.rotateAgainAfterMs ?? 1000,
    log: options.log ?? (() => undefined),
    changed,
  });
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
      RotateSecret: (input) => rotateSecret(find(secrets, input), input, rotations),
    },
  });
  return {
    endpoint: server.endpoint,
    async stop() {
      await rotations.stop();
      await server.stop();
    },
  };
}

type Input = Readonly<Record<string, unknown>>;

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
  if (existing !== undefined && existing.value === undefined) {
    existing.value = value;
    for (const label of labelsOf(secret, input)) moveLabel(secret, label, existing);
  } else if (existing !== undefined && !sameValue(existing.value, value)) {
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
  if (version?.value === undefined) {
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
    ...(secret.rotation === undefined
      ? {}
      : {
          RotationEnabled: true,
          RotationLambdaARN: secret.rotation.functionArn,
          RotationRules: secret.rotation.rules,
          LastRotatedDate: secret.rotation.lastRotatedAtS,
        }),
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

/** Begins a rotation, or with `RotateImmediately` false tries whether one could be begun, and answers before it has ended. */
function rotateSecret(secret: Secret, input: Input, rotations: Rotations): unknown {
  const functionArn = optionalText(input, 'RotationLambdaARN') ?? secret.rotation?.functionArn;
  if (functionArn === undefined)
    throw new AwsError(
      'InvalidRequestException',
      `No Lambda rotation function ARN is associated with the secret ${secret.name}: give RotationLambdaARN.`,
    );
  const token = tokenOf(input);
  const rules = input['RotationRules'] ?? secret.rotation?.rules;
  rotations.begin(secret, { functionArn, rules }, token, input['RotateImmediately'] !== false);
  return { ...identity(secret), VersionId: token };
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

/** Whether a secret already holds this value as this version, or was made with no value and none is given. */
function holds(secret: Secret, token: string, value: SecretValue | undefined): boolean {
  if (value === undefined) return false;
  return secret.versions.some(({ id, value: held }) => id === token && sameValue(held, value));
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

function load(file: string): Secret[] {
  const secrets = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Secret[]) : [];
  for (const secret of secrets)
    secret.versions = secret.versions.filter(({ onlyTested }) => onlyTested !== true);
  return secrets;
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
