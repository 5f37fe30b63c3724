import { randomBytes } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { ownerCheck } from '../migrations/schema-check.ts';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { addressOf, loginShape, openDatabase, openDatabaseAs } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { rotate, ROTATION_STEPS, type RotationOutcome } from './rotate.step.ts';

const PASSWORD_BYTES = 24;

const env = readEnvironment('rotation', process.env);
const logger = new Logger({ serviceName: 'rotation' });
const client = new SecretsManagerClient({});
const secrets = createSecrets(env.SECRET_TTL_S, client);

/** The owner's own password may be rotated as well (by RDS): a refused one is read again, once. */
const openAsOwner = (): Kysely<unknown> =>
  openDatabase<unknown>({ ...env, DATABASE_SECRET_ID: env.DATABASE_MASTER_SECRET_ID }, secrets, 1);

/** Secrets Manager's event (AWS, "Rotation by Lambda function"). What else it may hold is not read. */
const rotationEvent = z.object({
  Step: z.enum(ROTATION_STEPS),
  SecretId: z.string().min(1),
  ClientRequestToken: z.string().min(1),
});

/**
 * Rotates the application's database login, one of the four steps of Secrets Manager at a time.
 *
 * Returning means that the step is done, or was before. Throwing means that it is not: the current login works on, and Secrets Manager tries the rotation
 * again from its first step.
 */
async function takeStep(event: unknown): Promise<{ readonly outcome: RotationOutcome }> {
  const { Step: step, SecretId: secretId, ClientRequestToken: token } = rotationEvent.parse(event);
  const outcome = await rotate(
    {
      client,
      secretId: env.DATABASE_SECRET_ID,
      openAsOwner,
      openAs: (login) => openDatabaseAs<unknown>(addressOf(env), login, 1),
      newPassword: () => randomBytes(PASSWORD_BYTES).toString('base64url'),
    },
    { step, secretId, token },
  );
  logger.info('rotation step', { step, secretId, token, outcome });
  return { outcome };
}

export const handler = answeringDryRuns(
  [
    secretCheck(secrets, env.DATABASE_SECRET_ID, loginShape),
    secretCheck(secrets, env.DATABASE_MASTER_SECRET_ID, loginShape),
    ownerCheck(openAsOwner),
  ],
  takeStep,
);
