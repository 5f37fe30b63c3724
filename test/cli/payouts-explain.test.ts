import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { Command } from 'commander';
import { sql } from 'kysely';
import { addPayoutsExplain } from '../../cli/payouts-explain.ts';
import { createLogins, migrate } from '../../functions/migrations/migrate.ts';
import { openDatabaseAs } from '../../functions/shared/postgres.ts';
import { localSecretsClient, prepareSecrets, SECRET_IDS } from '../../local/local-secrets.ts';
import { startPostgres } from '../../local/postgres.ts';
import { startSecretsManager } from '../../local/secrets-manager.ts';
import { DATABASE } from '../../local/system.ts';

/** A folder with a local system's database and secrets, and one row in it that nothing explains. */
async function prepare(folder: string): Promise<void> {
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), settings: { fsync: 'off' } });
  const secretsManager = await startSecretsManager({ file: join(folder, 'secrets.json') });
  const secrets = localSecretsClient(secretsManager.endpoint);
  try {
    const superuser = { username: postgres.superuser, password: postgres.password };
    const address = (database: string) =>
      ({ host: postgres.host, port: postgres.port, database, tls: 'off' }) as const;
    const maintenance = openDatabaseAs<unknown>(address('postgres'), superuser, 1);
    await sql`create database ${sql.id(DATABASE)}`.execute(maintenance);
    await maintenance.destroy();
    const owner = openDatabaseAs<unknown>(address(DATABASE), superuser, 1);
    await migrate(owner);
    const password = randomBytes(12).toString('hex');
    const [username] = await createLogins(owner, { a: password, b: randomBytes(12).toString('hex') });
    await sql`
      insert into withdrawal (row_id, account, occurred_at, amount, text, state, ledger_account, decided_at)
      values (17, 'account', '2026-03-02 10:00:00+09', 1234500, 'ST00000001C', 'unexplained', 'suspense', now())`.execute(
      owner,
    );
    await owner.destroy();
    await prepareSecrets(secrets, superuser, '100000000001');
    await secrets.send(
      new PutSecretValueCommand({
        SecretId: SECRET_IDS.application,
        SecretString: JSON.stringify({ username, password }),
      }),
    );
  } finally {
    secrets.destroy();
    await secretsManager.stop();
    await postgres.stop();
  }
}

describe('payouts unexplained and payouts explain', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-explain-'));
    await prepare(folder);
  });
  after(async () => {
    process.exitCode = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a command, and answers what it wrote and with which status it would end. */
  async function run(...args: string[]): Promise<{ written: string; status: number }> {
    const written: string[] = [];
    const keep = (text: string) => written.push(text) > 0;
    const program = new Command('smart-transfer').exitOverride();
    addPayoutsExplain(program.command('payouts'));
    for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
      command.exitOverride().configureOutput({ writeErr: keep });
    process.exitCode = 0;
    const outputs = [process.stdout, process.stderr].map((stream) => mock.method(stream, 'write', keep));
    try {
      await program.parseAsync(['payouts', ...args], { from: 'user' });
    } catch (error) {
      if (!(error instanceof Error && 'exitCode' in error)) throw error;
      process.exitCode = 1;
    } finally {
      for (const output of outputs) output.mock.restore();
    }
    const status = process.exitCode;
    process.exitCode = 0;
    return { written: written.join(''), status };
  }

  it('list what left, and take two people to say what it was', async () => {
    const shown = await run('unexplained', '--folder', folder);
    assert.equal(
      shown.written,
      'row 17  2026-03-02 10:00:00  1,234,500 won  ST00000001C  no transfer fits\n',
    );
    const nothing = await run('explain', '17', '--as', 'kim', '--reason', 'night', '--folder', folder);
    assert.equal(nothing.status, 1);
    assert.match(nothing.written, /say what the row paid: --transfer ID, or --lost/);
    const both = await run('explain', '17', '--lost', '--transfer', '3', '--as', 'kim', '--reason', 'night');
    assert.match(both.written, /cannot be used with option '--lost'/);

    const missing = await run(
      'explain',
      '17',
      '--transfer',
      '3',
      '4',
      '--as',
      'kim',
      '--reason',
      'night',
      '--folder',
      folder,
    );
    assert.deepEqual(missing, { written: 'there is no transfer 3\n', status: 1 });

    const lost = (name: string, ...more: string[]) =>
      run(
        'explain',
        '17',
        '--lost',
        '--as',
        name,
        '--reason',
        'its order is lost',
        '--folder',
        folder,
        ...more,
      );
    const asked = await lost('kim');
    assert.deepEqual(asked, {
      written: 'noted; row 17 is explained once a second person says the same\n',
      status: 0,
    });
    assert.equal((await lost('KIM')).status, 1);
    const done = await lost('lee', '--json');
    assert.match(done.written, /^row 17 is explained, and stays in suspense\n\{"outcome":"explained"/);
    const over = await run('unexplained', '--folder', folder);
    assert.equal(over.written, 'every row that went out is explained\n');
  });
});
