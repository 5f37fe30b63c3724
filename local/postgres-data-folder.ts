import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  access,
  chown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { postgresEnvironment, type PostgresBinaries } from './postgres-binaries.ts';

const run = promisify(execFile);

/** The database superuser's name. */
export const SUPERUSER = 'postgres';

/** Written into a data folder after `initdb` is through with it. */
const MARKER = 'smart-transfer-initialised';

/** The same text and the same order of text on every machine, whatever locales it has installed. */
const INITDB_FLAGS = [
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--auth=scram-sha-256',
  `--username=${SUPERUSER}`,
];

/**
 * How a program of PostgreSQL is told its data folder. As root on Linux the programs run as a user that may not be allowed to
 * enter a folder on the way there (root's home), so they are started inside the data folder and told "where you are".
 */
export function dataFolderArgument(folder: string, binaries: PostgresBinaries): string {
  return binaries.user !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

/** What a program of PostgreSQL is spawned with to work on a data folder. */
export function spawnOptions(folder: string, binaries: PostgresBinaries) {
  return { ...binaries.user, cwd: folder, env: postgresEnvironment };
}

/** Everything that must be true of the data folder before a postmaster starts on it. Answers the superuser's password. */
export async function prepareDataFolder(
  folder: string,
  binaries: PostgresBinaries,
  log: (line: string) => void,
): Promise<string> {
  await mkdir(dirname(folder), { recursive: true });
  await removeHalfMade(folder);
  const state = await stateOf(folder);
  const { password, isNew } = await keptPassword(`${folder}.password`);
  switch (state) {
    case 'complete':
      await stopLeftover(folder, binaries, log);
      if (isNew) await setPassword(folder, binaries, password);
      return password;
    case 'foreign':
      await setAside(folder, log);
      break;
    case 'absent':
      break;
  }
  await initialise(folder, binaries, password);
  return password;
}

/** `foreign`: it holds something, and `initdb` of this project did not finish there. */
async function stateOf(folder: string): Promise<'absent' | 'complete' | 'foreign'> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.length === 0) return 'absent';
  return names.includes(MARKER) ? 'complete' : 'foreign';
}

/** Such a folder is kept under another name, since it may be somebody's database, unless it is in use. */
async function setAside(folder: string, log: (line: string) => void): Promise<void> {
  if (await exists(join(folder, 'postmaster.pid'))) {
    throw new Error(
      `${folder} is another PostgreSQL's data folder and seems to be in use: name another folder`,
    );
  }
  const aside = `${folder}.set-aside-${new Date().toISOString().replaceAll(':', '')}`;
  await rename(folder, aside);
  log(`the data folder was not initialised to its end: it is kept as ${aside}, and a new one is made`);
}

/** What a start that was killed within `initdb` left: it never held data. */
async function removeHalfMade(folder: string): Promise<void> {
  const prefix = `${basename(folder)}.initdb-`;
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(prefix)) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
}

/** Makes the data folder beside its place and renames it, so that it is there whole or not at all. */
async function initialise(folder: string, binaries: PostgresBinaries, password: string): Promise<void> {
  const made = await mkdtemp(`${folder}.initdb-`);
  const secrets = await mkdtemp(join(tmpdir(), 'smart-transfer-initdb-'));
  const passwordFile = join(secrets, 'password');
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    for (const path of [made, secrets, passwordFile]) await give(path, binaries);
    const flags = [
      `--pgdata=${dataFolderArgument(made, binaries)}`,
      `--pwfile=${passwordFile}`,
      ...INITDB_FLAGS,
    ];
    await run(binaries.initdb, flags, spawnOptions(made, binaries));
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
  await writeFile(join(made, MARKER), '');
  await give(join(made, MARKER), binaries);
  await rename(made, folder);
  await syncFolder(dirname(folder));
}

async function give(path: string, { user }: PostgresBinaries): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The superuser's password: random, made once, and readable by this process's user alone. */
async function keptPassword(file: string): Promise<{ readonly password: string; readonly isNew: boolean }> {
  if (await exists(file)) return { password: (await readFile(file, 'utf8')).trim(), isNew: false };
  const password = randomBytes(24).toString('hex');
  const beside = `${file}.new`;
  await rm(beside, { force: true });
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(`${password}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  return { password, isNew: true };
}

/** Gives the superuser a new password when the file with the old one was lost: single-user mode asks for none. */
async function setPassword(folder: string, binaries: PostgresBinaries, password: string): Promise<void> {
  const args = ['--single', '-D', dataFolderArgument(folder, binaries), 'postgres'];
  const child = spawn(binaries.postgres, args, {
    ...spawnOptions(folder, binaries),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end(`ALTER ROLE ${SUPERUSER} PASSWORD '${password}'\n`);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new Error(
      `The lost password of ${folder} could not be replaced: remove ${folder}.password and try again`,
    );
}

/**
 * Stops a postmaster that outlived the process which started it. Whoever calls this makes sure that no other `npm start` is
 * using the folder. A pid that now belongs to another program is left alone, and the stale file that names it goes.
 */
async function stopLeftover(
  folder: string,
  binaries: PostgresBinaries,
  log: (line: string) => void,
): Promise<void> {
  const pid = await postmasterPid(folder);
  if (pid === undefined || !isAlive(pid)) return;
  if (!(await worksIn(pid, folder))) {
    await rm(join(folder, 'postmaster.pid'), { force: true });
    return;
  }
  log(`stopping a PostgreSQL that was left over (pid ${pid})`);
  const args = ['stop', '-D', dataFolderArgument(folder, binaries), '-m', 'fast', '-w', '-t', '60'];
  await run(binaries.pgCtl, args, spawnOptions(folder, binaries));
}

/** The pid in `postmaster.pid`, once it names one. */
async function postmasterPid(folder: string): Promise<number | undefined> {
  const [pid] = await lockFileLines(folder);
  return pid === undefined || !/^\d+$/.test(pid) ? undefined : Number(pid);
}

/** Whether this very postmaster answers: the last line of its lock file says so (PostgreSQL source, `miscinit.h` and `pg_ctl.c`). */
export async function isReady(folder: string, pid: number): Promise<boolean> {
  const lines = await lockFileLines(folder);
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

async function lockFileLines(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n');
}

/** A postmaster works in its data folder. */
async function worksIn(pid: number, folder: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return workingFolder === (await realpath(folder));
  }
  const { stdout } = await run('ps', ['-o', 'comm=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim().endsWith('postgres');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
