import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { LOCAL_REGION } from '../aws-json-server.ts';
import { failedWith, type Delivery, type InvocationResult } from './invocation.ts';
import { startRuntimeApi, type RuntimeApi } from './runtime-api.ts';

/** How long a function may take to load before it is killed (Lambda developer guide, "Init phase": 10 seconds). */
const INIT_MS_MAX = 10_000;

/** The share of a function's memory that its JavaScript objects may fill; the rest is for buffers, code and the runtime. */
const HEAP_SHARE = 0.9;

export interface SandboxArgs {
  readonly functionName: string;
  /** Holds `index.mjs`. */
  readonly taskRoot: string;
  /** The function's HOME and TMPDIR: it does not see this user's AWS configuration. */
  readonly scratchFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** Whether the process is stopped while it has nothing to do, as Lambda does. */
  readonly freeze: boolean;
  readonly log: (stream: 'stdout' | 'stderr', text: string, pid: number) => void;
  readonly onSpawn: (pid: number) => void;
  readonly onExit: (exit: SandboxExit) => void;
}

export interface SandboxExit {
  readonly functionName: string;
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** `crashed`: it ended by itself, or somebody outside killed it. */
  readonly cause: 'crashed' | 'timed_out' | 'init_failed' | 'stopped';
}

export interface Sandbox {
  readonly pid: number;
  readonly state: 'starting' | 'idle' | 'busy' | 'ended';
  /** Resolves once the function is loaded: `undefined`, or why it could not be. */
  readonly initialised: Promise<InvocationResult | undefined>;
  /** Runs one invocation, and kills the process when the time is up. Answers when the process is idle again or has ended. */
  run(delivery: Delivery, timeoutMs: number): Promise<InvocationResult>;
  /** Kills the process and everything that it started, and waits for its end. */
  kill(): Promise<void>;
}

/**
 * Starts one sandbox: a process that runs the function's bundle and takes one event at a time. It inherits nothing of this
 * process's environment but PATH, and is no part of the terminal's process group, so that Ctrl-C does not reach it.
 */
export async function startSandbox(args: SandboxArgs): Promise<Sandbox> {
  let state: Sandbox['state'] = 'starting';
  let cause: SandboxExit['cause'] = 'crashed';
  let told: InvocationResult | undefined;
  let settle: (result: InvocationResult | undefined) => void = () => undefined;

  const api = await startRuntimeApi({
    onNext() {
      state = 'idle';
      if (args.freeze) signalGroup(child, 'SIGSTOP');
      settle(told);
    },
    onResponse: (_, body) => (told = readPayload(body)),
    onError: (_, error) => (told = failedWith(error)),
    onInitError(error) {
      told = failedWith(error);
      cause = 'init_failed';
    },
  });
  const child = spawnBootstrap(args, api);
  const exited = once(child, 'exit').then(async () => {
    state = 'ended';
    // What the function itself had started ends with it.
    signalGroup(child, 'SIGKILL');
    const { exitCode, signalCode } = child;
    settle(
      told ??
        (cause === 'timed_out'
          ? { outcome: 'timed_out' }
          : { outcome: 'crashed', exitCode, signal: signalCode }),
    );
    args.onExit({
      functionName: args.functionName,
      pid: child.pid ?? 0,
      exitCode,
      signal: signalCode,
      cause,
    });
    await api.close();
  });
  exited.catch(() => api.close());
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  args.onSpawn(pid);
  logLines(child.stdout, (text) => args.log('stdout', text, pid));
  logLines(child.stderr, (text) => args.log('stderr', text, pid));

  /** What is waited for next, until the process is idle or has ended; it is killed when that takes too long. */
  const within = async <Settled extends InvocationResult | undefined>(
    timeoutMs: number,
  ): Promise<Settled> => {
    const settled = new Promise<InvocationResult | undefined>((resolve) => (settle = resolve));
    const timer = setTimeout(() => {
      cause = 'timed_out';
      signalGroup(child, 'SIGKILL');
    }, timeoutMs);
    const result = await settled;
    clearTimeout(timer);
    return result as Settled;
  };

  return {
    pid,
    get state() {
      return state;
    },
    initialised: within<InvocationResult | undefined>(INIT_MS_MAX),
    async run(delivery, timeoutMs) {
      if (state !== 'idle') throw new Error(`A sandbox that is ${state} takes no event`);
      state = 'busy';
      told = undefined;
      const result = within<InvocationResult>(timeoutMs);
      if (args.freeze) signalGroup(child, 'SIGCONT');
      api.deliver(delivery);
      return await result;
    },
    async kill() {
      if (!hasExited(child)) {
        if (cause === 'crashed') cause = 'stopped';
        signalGroup(child, 'SIGKILL');
      }
      await exited;
    },
  };
}

type Bootstrap = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };

function spawnBootstrap(args: SandboxArgs, api: RuntimeApi): Bootstrap {
  const heapMb = Math.floor(args.memoryMb * HEAP_SHARE);
  return spawn(
    process.execPath,
    [`--max-old-space-size=${heapMb}`, join(import.meta.dirname, 'bootstrap.mjs')],
    {
      cwd: args.taskRoot,
      env: { ...lambdaEnvironment(args), ...args.environment, AWS_LAMBDA_RUNTIME_API: api.address },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
}

/** The variables that Lambda sets (developer guide, "Defined runtime environment variables"), and credentials that are worth nothing. */
function lambdaEnvironment(args: SandboxArgs): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: args.scratchFolder,
    TMPDIR: args.scratchFolder,
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    _HANDLER: 'index.handler',
    LAMBDA_TASK_ROOT: args.taskRoot,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_FUNCTION_NAME: args.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(args.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${args.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: randomUUID(),
  };
}

function readPayload(body: string): InvocationResult {
  try {
    return { outcome: 'returned', payload: JSON.parse(body) as unknown };
  } catch {
    return {
      outcome: 'failed',
      errorType: 'Runtime.MalformedResponse',
      errorMessage: 'The response is not JSON',
    };
  }
}

function logLines(stream: Readable, log: (text: string) => void): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on('line', log);
}

/** Signals the sandbox and everything that it started: it leads a process group of its own. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
