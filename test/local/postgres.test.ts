import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Client } from 'pg';
import {
  startPostgres,
  type LocalPostgres,
  type PostgresOptions,
  type PostgresRestart,
} from '../../local/postgres.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

describe('local PostgreSQL', () => {
  const parent = temporaryFolder();
  const running: LocalPostgres[] = [];
  const dataFolder = () => join(parent(), 'postgres');

  async function start(options: Partial<PostgresOptions> = {}): Promise<LocalPostgres> {
    const postgres = await startPostgres({ folder: dataFolder(), ...options });
    running.push(postgres);
    return postgres;
  }

  afterEach(async () => {
    for (const postgres of running.splice(0)) await postgres.stop();
  });

  it('answers on 127.0.0.1 with UTF-8, checksums and the settings that were asked for', async () => {
    const postgres = await start({ settings: { max_connections: 17 } });
    const shown = await Promise.all(
      ['server_encoding', 'data_checksums', 'listen_addresses', 'max_connections', 'fsync'].map((name) =>
        ask(postgres, `SHOW ${name}`),
      ),
    );
    assert.deepEqual(shown, ['UTF8', 'on', '127.0.0.1', '17', 'on']);
    assert.match(await ask(postgres, 'SHOW server_version'), /^17\./);
    assert.equal(await ask(postgres, "SELECT upper('é') || lower('Ä')"), 'Éä');
  });

  it('keeps a random password that only this user can read', async () => {
    const postgres = await start();
    assert.equal(statSync(`${dataFolder()}.password`).mode & 0o777, 0o600);
    assert.ok(postgres.password.length >= 32);
    await assert.rejects(
      ask(
        { connectionString: () => `postgresql://postgres:x@127.0.0.1:${postgres.port}/postgres` },
        'SELECT 1',
      ),
    );
  });

  it('holds its data over a stop and a start', async () => {
    const first = await start();
    await ask(first, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    assert.equal(first.pid(), undefined);
    const second = await start();
    assert.equal(await ask(second, 'SELECT answer FROM kept'), 42);
  });

  it('is up again on the same port with every committed row after its postmaster is killed', async () => {
    const restarts: PostgresRestart[] = [];
    const postgres = await start({ onRestart: (restart) => restarts.push(restart) });
    await ask(postgres, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const killed = postgres.pid()!;
    process.kill(killed, 'SIGKILL');
    await until('it is restarted', () => restarts.length === 1);
    assert.equal(restarts[0]!.signal, 'SIGKILL');
    assert.notEqual(postgres.pid(), killed);
    assert.equal(await ask(postgres, 'SELECT answer FROM kept'), 42);
  });

  it('stops within its own restart', async () => {
    const postgres = await start();
    process.kill(postgres.pid()!, 'SIGKILL');
    await postgres.stop();
    assert.equal(postgres.pid(), undefined);
  });

  it('stops a postmaster that outlived its parent, and starts', async () => {
    const script = join(import.meta.dirname, 'fixtures', 'start-postgres.ts');
    const owner = spawn(process.execPath, [script, dataFolder()], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await firstOutput(owner).finally(() => owner.kill('SIGKILL'));
    const leftOver = Number(line);
    await once(owner, 'exit');
    assert.ok(isAlive(leftOver));
    const postgres = await start();
    await until('the old one is gone', () => !isAlive(leftOver));
    assert.equal(await ask(postgres, 'SELECT 1 AS one'), 1);
  });

  it('starts when the pid of a lock file now belongs to another program', async () => {
    await (await start()).stop();
    writeFileSync(join(dataFolder(), 'postmaster.pid'), `${process.pid}\n${dataFolder()}\n`);
    assert.equal(await ask(await start(), 'SELECT 1 AS one'), 1);
  });

  it('keeps aside a folder whose initialisation was cut off, and makes a new one', async () => {
    mkdirSync(dataFolder());
    writeFileSync(join(dataFolder(), 'PG_VERSION'), '17\n');
    mkdirSync(`${dataFolder()}.initdb-cutoff`);
    assert.equal(await ask(await start(), 'SELECT 1 AS one'), 1);
    const names = readdirSync(parent());
    assert.equal(names.filter((name) => name.startsWith('postgres.set-aside-')).length, 1);
    assert.ok(!names.includes('postgres.initdb-cutoff'));
  });

  it('refuses a data folder of somebody else that is in use', async () => {
    mkdirSync(dataFolder());
    writeFileSync(join(dataFolder(), 'postmaster.pid'), '1\n');
    await assert.rejects(start(), /another PostgreSQL's data folder/);
  });

  it('gives the superuser a new password when its file is lost', async () => {
    await (await start()).stop();
    rmSync(`${dataFolder()}.password`);
    assert.equal(await ask(await start(), 'SELECT 1 AS one'), 1);
  });

  it('says why when it cannot start', async () => {
    const { port } = await start();
    await assert.rejects(startPostgres({ folder: join(parent(), 'other'), port }), /could not bind/);
  });
});

/** The first value of the first row. */
async function ask(postgres: Pick<LocalPostgres, 'connectionString'>, sql: string): Promise<never> {
  const client = new Client({ connectionString: postgres.connectionString('postgres') });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, never>>(sql);
    return Object.values(rows[0] ?? {})[0] as never;
  } finally {
    await client.end();
  }
}

async function firstOutput(child: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return chunk.toString();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
