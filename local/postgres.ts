import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import {
  dataFolderArgument,
  isReady,
  prepareDataFolder,
  spawnOptions,
  SUPERUSER,
} from './postgres-data-folder.ts';

const HOST = '127.0.0.1';

/** How long a postmaster may take to answer. After a crash it first reads the log written since the last checkpoint. */
const READY_MS_MAX = 60_000;

/** How long a fast shutdown may take before an immediate one. */
const STOP_MS_MAX = 30_000;

export interface PostgresOptions {
  /** The data folder. The superuser's password lies beside it, in `<folder>.password`. */
  readonly folder: string;
  /** A free port unless given. */
  readonly port?: number;
  /** Server settings by name, such as `max_connections`. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** What the server says, a line at a time. */
  readonly log?: (line: string) => void;
  /** Called when the server ended by itself and answers again. */
  readonly onRestart?: (restart: PostgresRestart) => void;
}

export interface PostgresRestart {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the exit to the first answer, in milliseconds. */
  readonly downMs: number;
}

export interface LocalPostgres {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  /** The superuser's connection to a database. */
  connectionString(database: string): string;
  /** The postmaster's pid, for a test that kills it; `undefined` while it is down. */
  pid(): number | undefined;
  /** Ends the server in good order, whether or not clients are connected. */
  stop(): Promise<void>;
}

/**
 * Runs PostgreSQL 17 on 127.0.0.1 and keeps it running. The data folder is made when it is not there, and heals when an earlier
 * start was killed at any moment. Only one process may use a folder at a time: the caller sees to that.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const folder = resolve(options.folder);
  const log = options.log ?? (() => undefined);
  const binaries = await findPostgres(folder);
  const password = await prepareDataFolder(folder, binaries, log);
  const launch = (port: number) =>
    launchPostmaster({ folder, binaries, port, settings: options.settings ?? {}, log });
  const { child, port } = await launchOnPort(launch, options.port);
  const postmaster = supervise(child, () => launch(port), log, options.onRestart);
  return {
    host: HOST,
    port,
    superuser: SUPERUSER,
    password,
    connectionString: (database) =>
      `postgresql://${SUPERUSER}:${password}@${HOST}:${port}/${encodeURIComponent(database)}`,
    pid: () => postmaster.pid(),
    stop: () => postmaster.stop(),
  };
}

type Launch = (port: number) => Promise<ChildProcess>;

/** A port that was free a moment ago may be taken by now: with no port given, another one is tried. */
async function launchOnPort(launch: Launch, given?: number): Promise<{ child: ChildProcess; port: number }> {
  if (given !== undefined) return { child: await launch(given), port: given };
  for (let triesLeft = 4; ; triesLeft--) {
    const port = await freePort();
    try {
      return { child: await launch(port), port };
    } catch (error) {
      if (triesLeft === 0 || !String(error).includes('could not bind')) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface PostmasterArgs {
  readonly folder: string;
  readonly binaries: PostgresBinaries;
  readonly port: number;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly log: (line: string) => void;
}

/** Starts a postmaster and waits until it answers. It is no part of the terminal's process group: Ctrl-C is for us to handle. */
async function launchPostmaster(args: PostmasterArgs): Promise<ChildProcess> {
  const child = spawn(args.binaries.postgres, postmasterFlags(args), {
    ...spawnOptions(args.folder, args.binaries),
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    args.log(line);
    lastLines.push(line);
    if (lastLines.length > 20) lastLines.shift();
  });
  await once(child, 'spawn');
  await ready(child, args.folder, lastLines);
  return child;
}

function postmasterFlags({ folder, binaries, port, settings }: PostmasterArgs): string[] {
  const all = { unix_socket_directories: '', ...settings, port, listen_addresses: HOST };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', dataFolderArgument(folder, binaries), ...flags];
}

async function ready(child: ChildProcess, folder: string, lastLines: readonly string[]): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await isReady(folder, child.pid ?? 0))) {
    if (hasExited(child)) {
      // The last lines, which say why, are read from the pipe after the exit is known.
      await delay(50);
      throw new Error(`PostgreSQL did not start in ${folder}:\n${lastLines.join('\n')}`);
    }
    if (performance.now() > deadline) {
      await end(child);
      throw new Error(`PostgreSQL did not answer within ${READY_MS_MAX} ms:\n${lastLines.join('\n')}`);
    }
    await delay(5);
  }
}

/** Starts a postmaster anew whenever it ends by itself, for as long as it takes. */
function supervise(
  first: ChildProcess,
  launch: () => Promise<ChildProcess>,
  log: (line: string) => void,
  onRestart?: (restart: PostgresRestart) => void,
): { pid(): number | undefined; stop(): Promise<void> } {
  let current = first;
  let stopping = false;
  let recovery = Promise.resolve();

  const recover = async (lost: ChildProcess): Promise<void> => {
    const downSince = performance.now();
    const next = await launchUntilUp(launch, () => stopping, log);
    if (next === undefined) return;
    current = next;
    onRestart?.({ exitCode: lost.exitCode, signal: lost.signalCode, downMs: performance.now() - downSince });
    watch(next);
  };
  const watch = (child: ChildProcess): void => {
    const exited = (): void => {
      if (!stopping) recovery = recover(child);
    };
    if (hasExited(child)) exited();
    else child.once('exit', exited);
  };

  watch(first);
  return {
    pid: () => (hasExited(current) ? undefined : current.pid),
    async stop() {
      stopping = true;
      await recovery;
      await end(current);
    },
  };
}

/**
 * A killed postmaster's children need a moment to notice, and until then a new one is refused; so it tries again, each time a
 * little later, up to a second apart.
 */
async function launchUntilUp(
  launch: () => Promise<ChildProcess>,
  isStopping: () => boolean,
  log: (line: string) => void,
): Promise<ChildProcess | undefined> {
  for (let tries = 1; !isStopping(); tries++) {
    try {
      return await launch();
    } catch (error) {
      log(String(error));
      await delay(Math.min(20 * tries, 1_000));
    }
  }
  return undefined;
}

/** SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (PostgreSQL manual, "Shutting Down the Server"). */
async function end(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  const impatience = setTimeout(() => child.kill('SIGQUIT'), STOP_MS_MAX);
  await exited;
  clearTimeout(impatience);
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
