import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Kysely } from 'kysely';
import type { Database } from '../functions/database.ts';
import { migrate } from '../functions/migrations/migrate.ts';
import { createVault, dataKeysShape, type Vault } from '../functions/shared/encryption.ts';
import {
  loginShape,
  openDatabaseAs,
  type Login,
  type PostgresAddress,
} from '../functions/shared/postgres.ts';
import { lockFolder } from '../local/folder-lock.ts';
import { localSecretsClient, SECRET_IDS } from '../local/local-secrets.ts';
import { startPostgres } from '../local/postgres.ts';
import { startSecretsManager } from '../local/secrets-manager.ts';
import { DATABASE } from '../local/system.ts';

/** What a command works on. */
export interface LocalDatabase {
  /** With the application's rights. */
  readonly db: Kysely<Database>;
  readonly vault: Vault;
}

/** There is nothing to work on: the message says what to do. */
export class NoLocalSystem extends Error {
  override readonly name = 'NoLocalSystem';
}

/**
 * Opens the database of the local system in a folder, for one command. While `npm start` runs there, its own database is used; otherwise the database is
 * started for the command, brought up to date, and stopped again.
 *
 * @throws NoLocalSystem when nothing was ever started in the folder.
 */
export async function withLocalDatabase<Result>(
  folder: string,
  work: (local: LocalDatabase) => Promise<Result>,
): Promise<Result> {
  const whole = resolve(folder);
  const secretsFile = join(whole, 'secrets.json');
  if (!existsSync(secretsFile) || !existsSync(join(whole, 'postgres'))) {
    throw new NoLocalSystem(
      `there is no local system in ${whole}: run npm start first, or name its folder with --folder`,
    );
  }
  const secretsManager = await startSecretsManager({ file: secretsFile });
  const secrets = localSecretsClient(secretsManager.endpoint);
  try {
    const locked = lockFolder(whole);
    if (locked.outcome === 'taken') return await onAddress(runningAt(whole), secrets, work);
    try {
      const postgres = await startPostgres({ folder: join(whole, 'postgres') });
      try {
        const address = addressOn(postgres.port);
        const superuser = { username: postgres.superuser, password: postgres.password };
        await bringUpToDate(address, superuser);
        return await onAddress(address, secrets, work);
      } finally {
        await postgres.stop();
      }
    } finally {
      locked.lock.release();
    }
  } finally {
    secrets.destroy();
    await secretsManager.stop();
  }
}

async function bringUpToDate(address: PostgresAddress, superuser: Login): Promise<void> {
  const owner = openDatabaseAs<unknown>(address, superuser, 1);
  try {
    await migrate(owner);
  } finally {
    await owner.destroy();
  }
}

async function onAddress<Result>(
  address: PostgresAddress,
  secrets: SecretsManagerClient,
  work: (local: LocalDatabase) => Promise<Result>,
): Promise<Result> {
  const read = async (id: string): Promise<unknown> =>
    JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId: id }))).SecretString ?? 'null');
  const db = openDatabaseAs<Database>(address, loginShape.parse(await read(SECRET_IDS.application)), 2);
  try {
    return await work({ db, vault: createVault(dataKeysShape.parse(await read(SECRET_IDS.dataKeys))) });
  } finally {
    await db.destroy();
  }
}

/** Where the database of a running system listens: the fourth line of its pid file is its port (PostgreSQL's `pidfile.h`). */
function runningAt(folder: string): PostgresAddress {
  const file = join(folder, 'postgres', 'postmaster.pid');
  const port = Number(readFileSync(file, 'utf8').split('\n')[3]);
  if (!Number.isInteger(port) || port <= 0)
    throw new Error(`${file} names no port: the database is starting; try again in a moment`);
  return addressOn(port);
}

function addressOn(port: number): PostgresAddress {
  return { host: '127.0.0.1', port, database: DATABASE, tls: 'off' };
}
