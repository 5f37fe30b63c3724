import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../aws-json-server.ts';
import type { Delivery, InvocationResult } from './invocation.ts';
import { startReaper, type Reaper } from './reaper.ts';
import { startSandbox, type Sandbox, type SandboxExit } from './sandbox.ts';
import { createSlots } from './slots.ts';

export interface FunctionHostOptions {
  /** A line that a function wrote. */
  readonly log: (line: FunctionLogLine) => void;
  /** Called at the end of every sandbox, whatever its cause. */
  readonly onSandboxExit?: (exit: SandboxExit) => void;
  /** Whether a sandbox is stopped between invocations, as Lambda does: timers do not run then. True unless said otherwise. */
  readonly freeze?: boolean;
}

export interface FunctionLogLine {
  readonly functionName: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly pid: number;
}

export interface FunctionDefinition {
  readonly name: string;
  /** What `bundleFunction` made: the very bytes that are deployed. */
  readonly bundle: { readonly code: Uint8Array; readonly sourceMap?: Uint8Array };
  /** All that the function sees beside the variables that Lambda itself sets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** So many sandboxes at most, hence so many invocations at a time: Lambda's reserved concurrency. */
  readonly maximumConcurrency: number;
  /** The function's files are written to a folder of its name below this one. */
  readonly workFolder: string;
  /** 512 unless given. */
  readonly memoryMb?: number;
}

export interface InvokeOptions {
  /** Stops waiting; the function runs on, as it does on AWS when a caller hangs up. */
  readonly signal?: AbortSignal;
  /** How long to wait for a free sandbox before the answer is `throttled`. 0 unless given, as in a synchronous call. */
  readonly queueMsMax?: number;
}

export interface LocalFunction {
  readonly name: string;
  readonly arn: string;
  /** Runs the function once. It rejects only when `signal` aborts or the host is stopped. */
  invoke(event: unknown, options?: InvokeOptions): Promise<InvocationResult>;
  /** The function's processes, for tests that kill them. */
  sandboxes(): readonly { readonly pid: number; readonly state: Sandbox['state'] }[];
}

export interface FunctionHost {
  define(definition: FunctionDefinition): LocalFunction;
  /** The processes of all functions. */
  sandboxes(): readonly {
    readonly functionName: string;
    readonly pid: number;
    readonly state: Sandbox['state'];
  }[];
  /** Kills every sandbox. An invocation that is running ends as `crashed`, so stop what invokes before. */
  stop(): Promise<void>;
}

/**
 * Runs functions with Lambda's contract: an event in, JSON out, one event at a time in a process that is kept for the next one,
 * killed at the end of its time and replaced when it dies.
 */
export function createFunctionHost(options: FunctionHostOptions): FunctionHost {
  const host: HostState = { options, pids: new Set(), stopped: false };
  const functions = new Map<string, HostedFunction>();
  return {
    define(definition) {
      if (functions.has(definition.name))
        throw new Error(`The function "${definition.name}" is defined twice`);
      const hosted = hostFunction(definition, host);
      functions.set(definition.name, hosted);
      return hosted;
    },
    sandboxes: () =>
      [...functions.values()].flatMap((hosted) =>
        hosted.sandboxes().map((sandbox) => ({ functionName: hosted.name, ...sandbox })),
      ),
    async stop() {
      host.stopped = true;
      await Promise.all([...functions.values()].map((hosted) => hosted.stop()));
      await host.reaper?.stop();
    },
  };
}

/** A process that starts is the next event's, whosever comes first; so often one is started for an event. */
const STARTS_MAX = 10;

/** What all functions of a host share. */
interface HostState {
  readonly options: FunctionHostOptions;
  readonly pids: Set<number>;
  /** Started with the first sandbox. */
  reaper?: Reaper;
  stopped: boolean;
}

interface HostedFunction extends LocalFunction {
  stop(): Promise<void>;
}

function hostFunction(definition: FunctionDefinition, host: HostState): HostedFunction {
  const { name } = definition;
  const arn = `arn:aws:lambda:${LOCAL_REGION}:${LOCAL_ACCOUNT}:function:${name}`;
  const folders = writeFiles(definition);
  const slots = createSlots(definition.maximumConcurrency);
  const sandboxes = new Set<Sandbox>();

  const start = async (): Promise<Sandbox> => {
    const sandbox = await startSandbox({
      functionName: name,
      ...folders,
      environment: definition.environment,
      memoryMb: definition.memoryMb ?? 512,
      freeze: host.options.freeze ?? true,
      log: (stream, text, pid) => host.options.log({ functionName: name, stream, text, pid }),
      onSpawn: (pid) => watch(host, pid),
      onExit: (exit) => unwatch(host, exit),
    });
    sandboxes.add(sandbox);
    if (host.stopped) await sandbox.kill();
    return sandbox;
  };

  const runInSlot = async (event: string): Promise<InvocationResult> => {
    for (let starts = 0; starts < STARTS_MAX; starts += 1) {
      const warm = warmest(sandboxes);
      // Taken before anything is awaited: of two events at the same moment each gets another.
      if (warm !== undefined)
        return await warm.run(deliveryOf(event, arn, definition.timeoutMs), definition.timeoutMs);
      const started = await start();
      const initFailure = await started.initialised;
      if (initFailure === undefined) continue;
      await started.kill();
      return initFailure;
    }
    throw new Error(`${STARTS_MAX} processes of "${name}" ended before they took an event`);
  };

  const invoke = async (event: unknown, options: InvokeOptions): Promise<InvocationResult> => {
    if (host.stopped) throw new Error(`The function "${name}" is stopped`);
    if (!(await slots.take(options.queueMsMax ?? 0, options.signal))) return { outcome: 'throttled' };
    const running = runInSlot(JSON.stringify(event ?? null))
      .catch(startFailed)
      .finally(() => slots.giveBack());
    return await unlessAborted(running, options.signal);
  };

  return {
    name,
    arn,
    invoke: (event, options = {}) => invoke(event, options),
    sandboxes: () =>
      [...sandboxes].filter(({ state }) => state !== 'ended').map(({ pid, state }) => ({ pid, state })),
    async stop() {
      slots.close();
      await Promise.all([...sandboxes].map((sandbox) => sandbox.kill()));
    },
  };
}

function watch(host: HostState, pid: number): void {
  host.pids.add(pid);
  host.reaper ??= startReaper();
  host.reaper.watch([...host.pids]);
}

function unwatch(host: HostState, exit: SandboxExit): void {
  host.pids.delete(exit.pid);
  host.reaper?.watch([...host.pids]);
  host.options.onSandboxExit?.(exit);
}

/** The idle sandbox that worked last. The ended ones are forgotten on the way. */
function warmest(sandboxes: Set<Sandbox>): Sandbox | undefined {
  for (const sandbox of [...sandboxes].reverse()) {
    if (sandbox.state === 'idle') return sandbox;
    if (sandbox.state === 'ended') sandboxes.delete(sandbox);
  }
  return undefined;
}

/** No process could be started, for want of memory or of processes. */
function startFailed(error: unknown): InvocationResult {
  return { outcome: 'failed', errorType: 'Sandbox.StartFailed', errorMessage: String(error) };
}

function deliveryOf(event: string, functionArn: string, timeoutMs: number): Delivery {
  return { requestId: randomUUID(), event, functionArn, deadlineMs: Date.now() + timeoutMs };
}

function writeFiles({ workFolder, name, bundle }: FunctionDefinition): {
  taskRoot: string;
  scratchFolder: string;
} {
  const taskRoot = join(workFolder, name, 'task');
  const scratchFolder = join(workFolder, name, 'tmp');
  mkdirSync(taskRoot, { recursive: true });
  mkdirSync(scratchFolder, { recursive: true });
  writeFileSync(join(taskRoot, 'index.mjs'), bundle.code);
  if (bundle.sourceMap !== undefined) writeFileSync(join(taskRoot, 'index.mjs.map'), bundle.sourceMap);
  return { taskRoot, scratchFolder };
}

async function unlessAborted<Value>(running: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  if (signal === undefined) return await running;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    // Nobody listens to a result that comes after the abort.
    running.catch(() => undefined);
  }
}
