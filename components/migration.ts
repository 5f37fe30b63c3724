import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { SCHEMA } from '../functions/migrations/schema.ts';
import { MEMORY_MB, TIMEOUT_SECONDS } from './function-limits.ts';
import { LambdaFunction } from './lambda-function.ts';
import { databaseVariables, functionDefaults, type Platform } from './platform.ts';

export interface MigrationArgs {
  readonly platform: Platform;
}

const MIGRATIONS = join(import.meta.dirname, '..', 'functions', 'migrations');

/**
 * The migration: invoked while a deployment runs, before any alias names a new version. One that fails stops the deployment, and what serves goes on serving.
 *
 * It is called by its version and has no alias: the new one must run, and nobody else calls it.
 */
export class Migration extends pulumi.ComponentResource {
  readonly function: LambdaFunction<'migration'>;
  /** Done once the schema is up to date and the application has its login. */
  readonly invocation: aws.lambda.Invocation;

  readonly #name: string;

  constructor(name: string, args: MigrationArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Migration', name, {}, opts);
    this.#name = name;
    this.function = this.#createFunction(name, args);
    this.invocation = this.#createInvocation(name, args);
    this.registerOutputs();
  }

  /**
   * Notes in the database that this release serves, once every alias names it: until then the next release's migrations may be refused, since
   * functions of the one before this may serve still.
   */
  recordServing(functions: readonly pulumi.Resource[]): aws.lambda.Invocation {
    return new aws.lambda.Invocation(
      `${this.#name}-serving`,
      {
        functionName: this.function.function.name,
        qualifier: this.function.version,
        input: JSON.stringify({ step: 'serving' }),
        triggers: { schema: SCHEMA },
      },
      { parent: this, dependsOn: [...functions] },
    );
  }

  #createFunction(name: string, { platform }: MigrationArgs): LambdaFunction<'migration'> {
    const { database, secrets, network } = platform;
    return new LambdaFunction(
      name,
      {
        ...functionDefaults(platform),
        entry: 'functions/migrations/migrate.handler.ts',
        description: 'Brings the schema up to date and makes the logins',
        kind: 'migration',
        environment: {
          ...databaseVariables(platform),
          DATABASE_MASTER_SECRET_ID: database.masterSecretArn,
        },
        timeoutSeconds: TIMEOUT_SECONDS.migration,
        memoryMb: MEMORY_MB.migration,
        network: network.functions,
        statements: secrets.ownerStatements(database.masterSecretArn, 'migration'),
        onFailure: 'caller',
        rollout: 'none',
      },
      { parent: this },
    );
  }

  #createInvocation(name: string, { platform }: MigrationArgs): aws.lambda.Invocation {
    return new aws.lambda.Invocation(
      name,
      {
        functionName: this.function.function.name,
        qualifier: this.function.version,
        input: '{}',
        triggers: { migrations: migrationsHash() },
      },
      { parent: this, dependsOn: [platform.database.writer, ...platform.network.ready] },
    );
  }
}

/** Another one means other migrations. */
export function migrationsHash(folder = MIGRATIONS): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) {
    const text = readFileSync(join(folder, file));
    hash.update(`${file} ${text.length}\n`).update(text);
  }
  return hash.digest('hex');
}
