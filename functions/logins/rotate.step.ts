import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { Kysely } from 'kysely';
import { loginShape, type Login } from '../shared/postgres.ts';
import { parseSecret } from '../shared/secrets.ts';
import { differingRights, putLogin } from './login.repository.ts';
import { CURRENT, otherLogin, PENDING, standingOf, whyNotSet } from './rotation.ts';

export const ROTATION_STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

export interface RotationStep {
  readonly step: (typeof ROTATION_STEPS)[number];
  readonly secretId: string;
  /** The id of the version that this rotation makes. */
  readonly token: string;
}

export interface RotationContext {
  readonly client: SecretsManagerClient;
  /** The application's secret, by its name or its ARN: this function changes no other. */
  readonly secretId: string;
  /** As the login that owns the schema. The caller ends it. */
  readonly openAsOwner: () => Kysely<unknown>;
  readonly openAs: (login: Login) => Kysely<unknown>;
  /** ASCII, new each time. */
  readonly newPassword: () => string;
}

export type RotationOutcome = 'done' | 'already_current';

/**
 * Takes one step of a rotation of the application's database login. Each can be taken twice, and the rotation may die between any two: a version keeps
 * the password that it was made with, and the login that is in use is never touched.
 *
 * @throws when the step must not be taken, or could not be. Secrets Manager then begins again at the first.
 */
export async function rotate(context: RotationContext, asked: RotationStep): Promise<RotationOutcome> {
  const described = await describe(context, asked.secretId);
  const standing = standingOf(described, asked.token);
  if (standing.outcome === 'refused') throw refusal(asked, standing.reason);
  if (standing.outcome === 'already_current') return 'already_current';
  switch (asked.step) {
    case 'createSecret':
      await createSecret(context, asked);
      break;
    case 'setSecret':
      await setSecret(context, asked);
      break;
    case 'testSecret':
      await testSecret(context, asked);
      break;
    case 'finishSecret':
      await finishSecret(context, asked, described.currentVersion);
      break;
    default:
      asked.step satisfies never;
  }
  return 'done';
}

async function describe({ client, secretId }: RotationContext, asked: string) {
  const secret = await client.send(new DescribeSecretCommand({ SecretId: asked }));
  if (![asked, secret.ARN, secret.Name].includes(secretId))
    throw new Error(
      `this function rotates ${secretId} alone, not ${asked}; give that secret a function of its own`,
    );
  const labels = secret.VersionIdsToStages ?? {};
  const current = Object.entries(labels).find(([, held]) => held.includes(CURRENT));
  return { rotationEnabled: secret.RotationEnabled === true, labels, currentVersion: current?.[0] };
}

/** Makes the new version: the other login with a new password. A version that has its value keeps it. */
async function createSecret(context: RotationContext, asked: RotationStep): Promise<void> {
  const current = await readCurrent(context, asked);
  if ((await readPending(context, asked)) !== undefined) return;
  const username = otherLogin(current.username);
  if (username === undefined)
    throw refusal(asked, whyNotSet(current.username, current.username) ?? current.username);
  try {
    await context.client.send(
      new PutSecretValueCommand({
        SecretId: asked.secretId,
        ClientRequestToken: asked.token,
        SecretString: JSON.stringify({ username, password: context.newPassword() } satisfies Login),
        VersionStages: [PENDING],
      }),
    );
  } catch (error) {
    // The same step, taken twice at once: the first to write has said what the password is.
    if (!(error instanceof ResourceExistsException)) throw error;
  }
}

/** Gives the database the pending login's password. */
async function setSecret(context: RotationContext, asked: RotationStep): Promise<void> {
  const current = await readCurrent(context, asked);
  const pending = await requirePending(context, asked);
  const forbidden = whyNotSet(current.username, pending.username);
  if (forbidden !== undefined) throw refusal(asked, forbidden);
  await using(context.openAsOwner(), (db) => putLogin(db, pending));
}

/** Logs in with the pending version, and holds its rights against the application's. */
async function testSecret(context: RotationContext, asked: RotationStep): Promise<void> {
  const pending = await requirePending(context, asked);
  const differing = await using(context.openAs(pending), differingRights);
  if (differing.length > 0)
    throw refusal(
      asked,
      `${pending.username} has other rights than the application is to have (${differing.join(', ')}): grant or revoke them`,
    );
}

/** Makes the pending version the current one; not before it was seen to work, so that no order of steps can publish one that does not. */
async function finishSecret(
  context: RotationContext,
  asked: RotationStep,
  currentVersion: string | undefined,
): Promise<void> {
  await testSecret(context, asked);
  await context.client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: asked.secretId,
      VersionStage: CURRENT,
      MoveToVersionId: asked.token,
      RemoveFromVersionId: currentVersion,
    }),
  );
}

async function readCurrent(context: RotationContext, asked: RotationStep): Promise<Login> {
  const current = await readVersion(context, { SecretId: asked.secretId, VersionStage: CURRENT });
  if (current === undefined)
    throw refusal(asked, 'it has no current value yet: run the migration function, which writes the first');
  return current;
}

async function requirePending(context: RotationContext, asked: RotationStep): Promise<Login> {
  const pending = await readPending(context, asked);
  if (pending === undefined)
    throw refusal(asked, `version ${asked.token} has no value yet: the step createSecret comes before`);
  return pending;
}

function readPending(context: RotationContext, asked: RotationStep): Promise<Login | undefined> {
  return readVersion(context, {
    SecretId: asked.secretId,
    VersionId: asked.token,
    VersionStage: PENDING,
  });
}

async function readVersion(
  { client }: RotationContext,
  version: { SecretId: string; VersionId?: string; VersionStage: string },
): Promise<Login | undefined> {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand(version));
    return parseSecret(version.SecretId, SecretString ?? '', loginShape);
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function using<T>(db: Kysely<unknown>, work: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}

function refusal(asked: RotationStep, reason: string): Error {
  return new Error(`${asked.step} of secret ${asked.secretId} is refused: ${reason}`);
}
