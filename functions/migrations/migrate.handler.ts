import { randomBytes } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { sql, type Kysely } from 'kysely';
import { z } from 'zod';
import { answeringDryRuns, secretCheck } from '../shared/dry-run.ts';
import { readEnvironment } from '../shared/environment.ts';
import { addressOf, loginShape, openDatabase, openDatabaseAs } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { ownerCheck } from './schema-check.ts';
import {
  createLogins,
  migrate,
  recordServing,
  refuseWhileOlderServes,
  type MigrationOutcome,
} from './migrate.ts';
import { LIVES_WITH, SCHEMA } from './schema.ts';

const env = readEnvironment('migration', process.env);
const logger = new Logger({ serviceName: 'migration' });
const client = new SecretsManagerClient({});
const secrets = createSecrets(env.SECRET_TTL_S, client);

/** What a deployment asks for. */
const eventSchema = z.strictObject({
  /** `serving` notes, once every alias names this release, that it serves. */
  step: z.enum(['migrate', 'serving']).default('migrate'),
  /** Nobody serves meanwhile, as on a machine that starts everything anew: no older release stands in the way. */
  nobody_serves: z.boolean().default(false),
});

/**
 * Brings the schema up to date, creates the application's two logins, and writes the application's secret if it has no value yet. It can run twice,
 * and at the same time as itself.
 *
 * Throwing means that the schema is as it was before the migration that failed; the deployment stops. It throws before any while functions serve that are
 * older than what the migrations were written beside.
 */
async function migrateNow(input: unknown): Promise<MigrationOutcome> {
  const event = eventSchema.parse(input);
  const master = await secrets.readFresh(env.DATABASE_MASTER_SECRET_ID, loginShape);
  const db = openDatabaseAs<unknown>(addressOf(env), master, 2);
  try {
    if (event.step === 'serving') {
      await recordServing(db, SCHEMA);
      logger.info('serving', { schema: SCHEMA });
      return { applied: [] };
    }
    if (!event.nobody_serves) await refuseWhileOlderServes(db, LIVES_WITH);
    const outcome = await migrate(db, env.DATABASE_IDENTITY);
    await db.connection().execute(writeFirstSecret);
    logger.info('migrated', { applied: outcome.applied });
    return outcome;
  } finally {
    await db.destroy();
  }
}

export const handler = answeringDryRuns(
  [
    secretCheck(secrets, env.DATABASE_MASTER_SECRET_ID, loginShape),
    ownerCheck(() =>
      openDatabase<unknown>({ ...env, DATABASE_SECRET_ID: env.DATABASE_MASTER_SECRET_ID }, secrets, 1),
    ),
  ],
  migrateNow,
);

/** One at a time: of two runs at once, the one would set the passwords and the other write its own. The lock ends with the connection. */
async function writeFirstSecret(db: Kysely<unknown>): Promise<void> {
  await sql`select pg_advisory_lock(hashtext(${env.DATABASE_SECRET_ID}))`.execute(db);
  if (await hasValue(env.DATABASE_SECRET_ID)) return;
  const passwords = {
    a: randomBytes(24).toString('base64url'),
    b: randomBytes(24).toString('base64url'),
  };
  const [login] = await createLogins(db, passwords);
  await client.send(
    new PutSecretValueCommand({
      SecretId: env.DATABASE_SECRET_ID,
      SecretString: JSON.stringify({ username: login, password: passwords.a }),
    }),
  );
}

async function hasValue(secretId: string): Promise<boolean> {
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    return answer.SecretString !== undefined;
  } catch (error) {
    // A secret that exists and has no AWSCURRENT answers the same as one that does not exist.
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}
