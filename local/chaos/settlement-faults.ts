import type { Fault } from './fault.ts';
import { claimsUnderWay, payoutsInFlight, signalBusy } from './moments.ts';
import { CYCLE_MS, comes, moment, transfersIn } from './world.ts';

/** The bank has paid and nobody here knows: the transfer must not be sent again. */
const killInFlight: Fault = {
  name: 'kill_settlement_in_flight',
  what: 'SIGKILL of the settlement functions after the bank has executed and before it has answered',
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    signalBusy(world, 'settlement', 'SIGKILL');
    held.letGo('whole');
  },
};

/** Nobody knows here either, and the bank has not paid: the transfer must be proven absent, and then sent again. */
const killUnheard: Fault = {
  name: 'kill_settlement_unheard',
  what: 'SIGKILL of the settlement functions after their claims are committed and before the bank hears of them',
  recoversWithinS: 30,
  async strike(world, struck) {
    const { bank } = world.lines;
    const lock = await claimsUnderWay(world);
    bank.hold();
    await lock.letGo();
    await moment(
      'two claims are committed and their messages on the line',
      async () =>
        bank.lines() >= 2 && bank.heldBytes() > 0 && (await transfersIn(world, 'sending')).length >= 2,
    );
    await struck();
    signalBusy(world, 'settlement', 'SIGKILL');
    bank.abandon();
    bank.forward();
  },
};

/** A frozen process can wake up at any time with the right to pay in its hands: the host ends it at its limit, and never thaws it. */
const freeze: Fault = {
  name: 'freeze_settlement',
  what: 'SIGSTOP of the settlement functions with an executed payout in flight, for longer than their time limit',
  // A message must not come back while its function may still live: here that matters.
  world: { visibilityS: 50 },
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    signalBusy(world, 'settlement', 'SIGSTOP');
    held.letGo('whole');
  },
  async check({ exits }) {
    const killed = await comes(() => exits.filter(({ cause }) => cause === 'timed_out').length >= 2, 60_000);
    return killed ? [] : ['a frozen function was not killed at its time limit'];
  },
};

/** A process that was frozen in its claim and wakes up much later must see that it is too late to write. */
const thawLate: Fault = {
  name: 'thaw_settlement_late',
  what: 'SIGSTOP of a settlement function in the middle of its claim, SIGCONT five minutes later by the clock',
  recoversWithinS: 30,
  async strike(world, struck) {
    const lock = await claimsUnderWay(world);
    await struck();
    const pids = signalBusy(world, 'settlement', 'SIGSTOP');
    await lock.letGo();
    world.clock.moveTo(new Date(world.clock.now().getTime() + CYCLE_MS));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await moment('the claims are given up', async () => (await transfersIn(world, 'planned')).length > 0);
  },
  async check({ system }) {
    const notSent = await system.db
      .selectFrom('attempt_evidence')
      .select('evidence_id')
      .where('verdict', '=', 'not_sent')
      .execute();
    return notSent.length > 0 ? [] : ['a thawed function wrote to the bank five minutes after its claim'];
  },
};

export const settlementFaults: readonly Fault[] = [killInFlight, killUnheard, freeze, thawLate];
