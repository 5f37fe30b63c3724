import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import type { TransferState } from '../../functions/transfers/transfer.table.ts';
import type { SandboxExit } from '../function-host/sandbox.ts';
import { createSteppedClock, type SteppedClock } from '../stepped-clock.ts';
import {
  COLLECTION_ACCOUNT,
  DATABASE,
  startSystem,
  type LocalSystem,
  type LogLine,
  type Service,
  type SystemOptions,
} from '../system.ts';
import { whileRestarting } from '../while-restarting.ts';
import { openShops, startBuyers, type Buyers } from './buyers.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** A morning in Korea, so that no run meets midnight. */
const START = new Date('2026-03-02T01:00:00Z');

export const CYCLE_MS = 5 * 60_000;

/**
 * How long the queue hides a message that was handed out, seconds of real time. Deployed it is 270 s, less than a cycle's 300 s; a cycle takes no
 * five minutes here, so that it shrinks with them.
 */
export const VISIBILITY_S = 8;

/** What a moment may take to come about, ms. */
const MOMENT_MS_MAX = 15_000;

/** How long an invocation waits for a free sandbox, ms: longer than the matcher's own limit. */
const SANDBOX_MS_MAX = 130_000;

export type WorldOptions = Pick<SystemOptions, 'databaseSettings' | 'secretTtlS' | 'visibilityS'> & {
  readonly onLog?: (line: LogLine) => void;
};

/** The whole system under load, with a hand on every line and every process. */
export interface World {
  readonly system: LocalSystem;
  readonly clock: SteppedClock;
  readonly lines: Readonly<Record<Service, TcpProxy>>;
  /** The database superuser, on a line of its own: it sees and breaks what the application cannot. */
  readonly admin: pg.Pool;
  readonly buyers: Buyers;
  /** How functions' processes have ended so far, but for those that the host stopped. */
  readonly exits: readonly SandboxExit[];
  /** Moves the clock, by a cycle unless said otherwise, and runs one. Nothing when the function did not return. */
  cycle(stepMs?: number): Promise<MatchResult | undefined>;
  /** Ends every process. */
  stop(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-chaos-'));
  const clock = createSteppedClock(join(folder, 'clock'), START);
  const lines: Partial<Record<Service, TcpProxy>> = {};
  const exits: SandboxExit[] = [];
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step().catch(() => undefined);
  };
  try {
    const system = await startSystem({
      folder,
      clock,
      clockFile: clock.file,
      payoutAccount: COLLECTION_ACCOUNT,
      cycleMinutes: CYCLE_MS / 60_000,
      settlementConcurrency: 2,
      polling: 'short',
      durable: true,
      visibilityS: options.visibilityS ?? VISIBILITY_S,
      ...(options.secretTtlS === undefined ? {} : { secretTtlS: options.secretTtlS }),
      ...(options.databaseSettings === undefined ? {} : { databaseSettings: options.databaseSettings }),
      onLog: options.onLog ?? (() => undefined),
      onSandboxExit: (exit) => exits.push(exit),
      between: async (service, port) => {
        const line = await startTcpProxy(port);
        lines[service] = line;
        undo.push(() => line.stop());
        return line.port;
      },
    });
    undo.push(() => system.stop());
    const admin = new pg.Pool({ connectionString: system.postgres.connectionString(DATABASE), max: 3 });
    admin.on('error', () => undefined);
    undo.push(() => admin.end());
    await openShops(system, clock);
    const buyers = startBuyers(system, clock);
    undo.push(() => buyers.stop());
    return {
      system,
      clock,
      lines: lines as Record<Service, TcpProxy>,
      admin,
      buyers,
      exits,
      cycle: (stepMs = CYCLE_MS) => runCycle(system, clock, stepMs),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runCycle(
  { matcher }: LocalSystem,
  clock: SteppedClock,
  stepMs: number,
): Promise<MatchResult | undefined> {
  clock.moveTo(new Date(clock.now().getTime() + stepMs));
  const result = await matcher.invoke({}, { queueMsMax: SANDBOX_MS_MAX });
  return result.outcome === 'returned' ? (result.payload as MatchResult) : undefined;
}

/**
 * Waits until something is so.
 *
 * @returns whether it came to be within the time.
 */
export async function comes(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const ends = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > ends) return false;
    await delay(20);
  }
  return true;
}

/**
 * Waits for the moment at which a fault is to strike.
 *
 * @throws when it does not come: the fault would strike at some other moment, and show nothing.
 */
export async function moment(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await comes(isSo, MOMENT_MS_MAX)))
    throw new Error(`this moment could not be arranged within ${MOMENT_MS_MAX} ms: ${what}`);
}

/** The transfers that are in one of these states. */
export async function transfersIn({ system }: World, ...states: readonly TransferState[]): Promise<bigint[]> {
  const rows = await whileRestarting(() =>
    system.db.selectFrom('transfer').select('transfer_id').where('state', 'in', states).execute(),
  );
  return rows.map((row) => row.transfer_id);
}
