import type { PoolClient } from 'pg';
import type { HeldAnswers } from '../bank-simulator/bank-simulator.ts';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import { moment, type World } from './world.ts';

/** Orders enough that nearly every seller has one, and that one cycle's payouts fill more than two batches. */
const ORDERS = 60;

export async function ordersComeIn({ buyers }: World, count = ORDERS): Promise<void> {
  const before = buyers.paid().length;
  await moment(`${count} more orders are paid`, () => buyers.paid().length >= before + count);
}

/** Two payouts are executed at the bank and not answered, one in each of two batches; other messages wait in the queue. */
export async function payoutsInFlight(world: World): Promise<HeldAnswers> {
  await ordersComeIn(world);
  const held = world.system.bank.holdTransferAnswers();
  await world.cycle();
  await moment('two payouts are executed and not answered', () => held.count() >= 2);
  return held;
}

/** A lock that stands in the application's way until it is let go. */
export interface StandingLock {
  /** Answers whether a function's statement waits for it. */
  blocks(functionName: 'matcher' | 'settlement'): Promise<boolean>;
  /** Lets it go, also when the database has ended the session meanwhile. */
  letGo(): Promise<void>;
}

export async function lockTable(
  { admin }: World,
  table: string,
  mode: 'share' | 'access exclusive',
): Promise<StandingLock> {
  const session = await admin.connect();
  session.on('error', () => undefined);
  await session.query(`begin; lock table ${table} in ${mode} mode`);
  return {
    async blocks(functionName) {
      const { rowCount } = await admin.query(
        `select from pg_locks l join pg_stat_activity a using (pid)
         where not l.granted and l.relation = $1::regclass and a.application_name = $2`,
        [table, functionName],
      );
      return rowCount !== null && rowCount > 0;
    },
    letGo: () => endSession(session),
  };
}

async function endSession(session: PoolClient): Promise<void> {
  const broken = await session.query('rollback').then(
    () => false,
    () => true,
  );
  session.release(broken);
}

/** A cycle that stands still in its middle: deposits are booked and payouts planned, and none of them is dispatched. */
export interface StandingCycle {
  readonly lock: StandingLock;
  readonly ended: Promise<MatchResult | undefined>;
}

/** @param stepMs none while claims are in flight, for the clock runs for them, too. */
export async function cycleBeforeDispatch(world: World, stepMs?: number): Promise<StandingCycle> {
  const lock = await standAtDispatch(world);
  try {
    const ended = world.cycle(stepMs);
    await moment('a cycle has planned payouts and not dispatched them', () => lock.blocks('matcher'));
    return { lock, ended };
  } catch (error) {
    // Whoever waits for the lock could not be stopped while it stands.
    await lock.letGo();
    throw error;
  }
}

/** Names the lock that dispatching waits for. */
const AT_DISPATCH = 4711;

/** Lets nobody dispatch what is planned until it is let go: the statement that would do so waits. */
async function standAtDispatch({ admin }: World): Promise<StandingLock> {
  await admin.query(`
    create or replace function stand_at_dispatch() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(${AT_DISPATCH}); return new; end $$;
    create or replace trigger stand_at_dispatch before update of state on transfer for each row
    when (old.state = 'planned' and new.state = 'queued') execute function stand_at_dispatch()`);
  const session = await admin.connect();
  session.on('error', () => undefined);
  await session.query(`begin; select pg_advisory_xact_lock(${AT_DISPATCH})`);
  return {
    async blocks(functionName) {
      const { rowCount } = await admin.query(
        `select from pg_locks l join pg_stat_activity a using (pid)
         where not l.granted and l.locktype = 'advisory' and l.objid = ${AT_DISPATCH} and a.application_name = $1`,
        [functionName],
      );
      return rowCount !== null && rowCount > 0;
    },
    letGo: () => endSession(session),
  };
}

/** Orders that a cycle finds which follows the payouts so closely that it reads their seconds of the statement no more, ms. */
const FEW_ORDERS = 12;
const SECONDS_BETWEEN_MS = 2_000;

/**
 * Payouts in flight and a cycle in its middle at the same time: the worst moment for what both of them need. The payouts are executed in a second
 * that the cycle does not read yet: it would learn from the statement what became of them.
 */
export async function allUnderWay(world: World): Promise<{ held: HeldAnswers; cycle: StandingCycle }> {
  const claims = await claimsUnderWay(world);
  await ordersComeIn(world, FEW_ORDERS);
  world.clock.moveTo(new Date(world.clock.now().getTime() + SECONDS_BETWEEN_MS));
  const held = world.system.bank.holdTransferAnswers();
  await claims.letGo();
  await moment('two payouts are executed and not answered', () => held.count() >= 2);
  return { held, cycle: await cycleBeforeDispatch(world, 0) };
}

/** Settlement functions stand in the middle of their claims. */
export async function claimsUnderWay(world: World): Promise<StandingLock> {
  await ordersComeIn(world);
  const lock = await lockTable(world, 'transfer_attempt', 'share');
  await world.cycle();
  await moment('a claim is under way', () => lock.blocks('settlement'));
  return lock;
}

/** Sends a signal to a function's processes that are at work. Answers their pids. */
export function signalBusy(
  world: World,
  functionName: 'matcher' | 'settlement',
  signal: NodeJS.Signals,
): number[] {
  const busy = world.system[functionName].sandboxes().filter(({ state }) => state === 'busy');
  if (busy.length === 0)
    throw new Error(`no process of the ${functionName} function is at work: nothing to ${signal}`);
  for (const { pid } of busy) process.kill(pid, signal);
  return busy.map(({ pid }) => pid);
}
