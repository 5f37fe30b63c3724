import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import type { Fault } from './fault.ts';
import { cycleBeforeDispatch, ordersComeIn, signalBusy } from './moments.ts';
import { moment, transfersIn, type World } from './world.ts';

/** The orders say paid, the transfers are planned, and the one who was to dispatch them is gone with the cycle's lease. */
const killMidCycle: Fault = {
  name: 'kill_matcher_mid_cycle',
  what: 'SIGKILL of the matcher after it has booked and planned, before it dispatches',
  recoversWithinS: 30,
  async strike(world, struck) {
    await ordersComeIn(world);
    const { lock, ended } = await cycleBeforeDispatch(world);
    await struck();
    signalBusy(world, 'matcher', 'SIGKILL');
    await ended;
    await lock.letGo();
  },
};

/** The rows say queued, and the queue never hears of it. */
const killBeforeSend: Fault = {
  name: 'kill_matcher_before_send',
  what: 'SIGKILL of the matcher after it has committed transfers as queued, before the queue has them',
  recoversWithinS: 30,
  async strike(world, struck) {
    const { ended } = await cycleAtSend(world);
    await struck();
    signalBusy(world, 'matcher', 'SIGKILL');
    world.lines.queue.abandon();
    world.lines.queue.forward();
    await ended;
  },
};

/** Two cycles at once, the older of which does not know that its lease is gone. */
function thawLate(): Fault {
  let frozen: Promise<MatchResult | undefined> | undefined;
  let pids: readonly number[] = [];
  return {
    name: 'thaw_matcher_late',
    what: 'SIGSTOP of the matcher in mid-cycle until another cycle has run, then SIGCONT',
    recoversWithinS: 30,
    async strike(world, struck) {
      ({ ended: frozen } = await cycleAtSend(world));
      await struck();
      pids = signalBusy(world, 'matcher', 'SIGSTOP');
      world.lines.queue.forward();
    },
    async check() {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      const result = await frozen;
      return result?.ended === 'taken_over' ? [] : [`the thawed cycle ended as ${String(result?.ended)}`];
    },
  };
}

/** A cycle that has said to the queue what to pay, and has not been heard. */
async function cycleAtSend(world: World): Promise<{ ended: Promise<MatchResult | undefined> }> {
  await ordersComeIn(world);
  world.lines.queue.hold();
  const ended = world.cycle();
  await moment(
    'a cycle has committed transfers as queued and sends them',
    async () => world.lines.queue.heldBytes() > 0 && (await transfersIn(world, 'queued')).length > 0,
  );
  return { ended };
}

export const matcherFaults: readonly Fault[] = [killMidCycle, killBeforeSend, thawLate()];
