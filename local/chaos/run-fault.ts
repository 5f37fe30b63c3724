import { setTimeout as delay } from 'node:timers/promises';
import type { CycleSummary } from '../../functions/cycle/cycle.ts';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import { activeStops } from '../../functions/transfers/stops.repository.ts';
import type { TransferState } from '../../functions/transfers/transfer.table.ts';
import { COLLECTION_ACCOUNT, type LogLine } from '../system.ts';
import { whileRestarting } from '../while-restarting.ts';
import { audit } from './audit.ts';
import { notAskedAbout, readBooks, unbalanced } from './books.repository.ts';
import type { Fault } from './fault.ts';
import { ordersComeIn } from './moments.ts';
import { comes, startWorld, transfersIn, VISIBILITY_S, type World } from './world.ts';

/** What one fault did. */
export interface FaultReport {
  readonly name: string;
  readonly what: string;
  readonly lost: number;
  readonly paid_twice: number;
  /** Real seconds from the fault to the end of the next complete cycle; null when none came in time. */
  readonly recovery_s: number | null;
  /** Payouts of which nobody knew, when the fault struck, what had become of them. */
  readonly in_doubt: number;
  readonly payouts: number;
  /** Whatever else is not as it must be, in words. */
  readonly problems: readonly string[];
}

export interface FaultRun {
  readonly onLog?: (line: LogLine) => void;
  /** Aborts the run: every process is ended, and `runFault` throws. */
  readonly signal?: AbortSignal;
  /** Called when all has come to rest, before it is counted: for tests that spoil the result. */
  readonly beforeAudit?: (world: World) => Promise<void>;
}

/** A cycle that failed is followed by the next a little later, ms: deployed, five minutes later. */
const NEXT_CYCLE_MS = 250;

/** Cycles until nothing is open: a proof of absence takes four of them, and the transfer is sent again in the next. */
const CYCLES_TO_REST_MAX = 40;

/** A function that hangs ends at its limit of 45 s, or a call to the bank at 20 s, and what it had not begun is paid soon after, ms. */
const PAID_WITHIN_MS = 60_000;

/** Runs one fault on a system of its own, under load, from the first order to the last payout. */
export async function runFault(fault: Fault, run: FaultRun = {}): Promise<FaultReport> {
  const world = await startWorld({
    ...fault.world,
    ...(run.onLog === undefined ? {} : { onLog: run.onLog }),
  });
  const abort = (): void => void world.stop();
  run.signal?.addEventListener('abort', abort);
  try {
    run.signal?.throwIfAborted();
    await warmUp(world);
    let struckAtMs = 0;
    let inDoubt: readonly bigint[] = [];
    await fault.strike(world, async () => {
      inDoubt = await transfersIn(world, 'sending', 'unknown');
      struckAtMs = performance.now();
    });
    const problems: string[] = [];
    const recovered = await nextCompleteCycle(world, struckAtMs + fault.recoversWithinS * 1000);
    if (recovered === undefined) problems.push(`no cycle was complete within ${fault.recoversWithinS} s`);
    else problems.push(...(await checkFirstCycle(world, fault, inDoubt)));
    problems.push(...(await comeToRest(world)));
    problems.push(...((await fault.check?.(world)) ?? []));
    await run.beforeAudit?.(world);
    const { bank, db } = world.system;
    const verdict = audit(world.buyers.paid(), bank.transfers(), await readBooks(db), world.clock.now());
    const balance = bank.rows(COLLECTION_ACCOUNT).at(-1)?.balanceAfter ?? 0n;
    problems.push(...verdict.wrongSums, ...(await unbalanced(db, balance)));
    return {
      name: fault.name,
      what: fault.what,
      lost: verdict.lost,
      paid_twice: verdict.paidTwice,
      recovery_s: recovered === undefined ? null : Math.round((recovered - struckAtMs) / 10) / 100,
      in_doubt: inDoubt.length,
      payouts: bank.transfers().filter(({ executed }) => executed).length,
      problems,
    };
  } finally {
    run.signal?.removeEventListener('abort', abort);
    await world.stop();
  }
}

/** The report of a fault that could not be tried to its end: that counts as harm, since nobody knows. */
export function notTried({ name, what }: Fault, error: unknown): FaultReport {
  const problems = [`not tried to its end: ${error instanceof Error ? error.message : String(error)}`];
  return { name, what, lost: 0, paid_twice: 0, recovery_s: null, in_doubt: 0, payouts: 0, problems };
}

/** Nothing lost, nothing paid twice, and a complete cycle in time. */
export function isSound(report: FaultReport): boolean {
  return (
    report.lost === 0 && report.paid_twice === 0 && report.recovery_s !== null && report.problems.length === 0
  );
}

/** One cycle before the fault must be complete and pay everything: the functions are warm then, with their connections and tokens. */
async function warmUp(world: World): Promise<void> {
  await ordersComeIn(world);
  const result = await world.cycle();
  if (!isComplete(result)) throw new Error(`before any fault a cycle ended as ${JSON.stringify(result)}`);
  const open = await stillOpen(world, ON_THE_WAY, PAID_WITHIN_MS);
  if (open.length > 0) throw new Error(`before any fault ${open.length} transfers were not paid`);
}

function isComplete(result: MatchResult | undefined): result is CycleSummary {
  return result?.ended === 'complete';
}

/** @returns when it ended, by `performance.now()`. */
async function nextCompleteCycle(world: World, untilMs: number): Promise<number | undefined> {
  while (performance.now() < untilMs) {
    if (isComplete(await world.cycle())) return performance.now();
    await delay(NEXT_CYCLE_MS);
  }
  return undefined;
}

/** The first complete cycle must pay all that is not in doubt, and ask about the rest. */
async function checkFirstCycle(world: World, fault: Fault, inDoubt: readonly bigint[]): Promise<string[]> {
  const withinMs = (fault.world?.visibilityS ?? VISIBILITY_S) * 1000 + PAID_WITHIN_MS;
  const unpaid = await stillOpen(world, ['planned', ...ON_THE_WAY], withinMs, inDoubt);
  const { db } = world.system;
  const unasked = await notAskedAbout(db, [...inDoubt, ...(await transfersIn(world, 'unknown'))]);
  return [
    ...(unpaid.length === 0
      ? []
      : [`the next complete cycle left ${unpaid.length} transfers unpaid that were not in doubt`]),
    ...(unasked.length === 0
      ? []
      : [`the next complete cycle asked nobody about ${unasked.length} transfers`]),
  ];
}

/** What still moves between two cycles. */
const ON_THE_WAY: readonly TransferState[] = ['queued', 'sending'];

/** Transfers that are in one of these states still after a time, but for those that are in doubt. */
async function stillOpen(
  world: World,
  states: readonly TransferState[],
  withinMs: number,
  inDoubt: readonly bigint[] = [],
): Promise<readonly bigint[]> {
  let open: readonly bigint[] = [];
  await comes(async () => {
    open = (await transfersIn(world, ...states)).filter((id) => !inDoubt.includes(id));
    return open.length === 0 || (await isHalted(world));
  }, withinMs);
  return open;
}

/** Whether payouts wait for a person: nothing moves any more then, however long one waits. */
async function isHalted({ system }: World): Promise<boolean> {
  return (await activeStops(system.db)).some((name) => name.startsWith('halt'));
}

/** No new orders, and cycles until nothing is open. */
async function comeToRest(world: World): Promise<string[]> {
  await world.buyers.stop();
  let last: MatchResult | undefined;
  for (let n = 0; n < CYCLES_TO_REST_MAX; n += 1) {
    last = await whileRestarting(() => world.cycle());
    await stillOpen(world, ON_THE_WAY, PAID_WITHIN_MS);
    const open = await transfersIn(world, 'planned', 'queued', 'sending', 'unknown');
    if (isComplete(last) && last.rows_collected === 0 && last.planned === 0 && open.length === 0) break;
    if (await isHalted(world)) break;
  }
  if (!isComplete(last)) return [`the last cycle ended as ${JSON.stringify(last)}`];
  const open = await transfersIn(world, 'planned', 'queued', 'sending', 'unknown');
  return [
    ...(open.length === 0 ? [] : [`${open.length} transfers are open after ${CYCLES_TO_REST_MAX} cycles`]),
    ...(last.drift_won === '0' ? [] : [`the statement differs from the books by ${last.drift_won} won`]),
    ...(last.unexplained_rows === 0
      ? []
      : [`${last.unexplained_rows} rows of the statement are unexplained`]),
    ...(last.stops.length === 0 ? [] : [`payouts are stopped: ${last.stops.join(', ')}`]),
  ];
}
