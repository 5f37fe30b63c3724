import type { Fault } from './fault.ts';
import { payoutsInFlight } from './moments.ts';

/** Cycles that meet a bank that is down. Six without a complete reconciliation would pause payouts, which is another matter. */
const CYCLES_DOWN = 3;

const cutMidAnswer: Fault = {
  name: 'bank_cut_mid_answer',
  what: 'the bank executes, and the line breaks in the middle of its answer',
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    held.letGo('cut');
  },
};

const down: Fault = {
  name: 'bank_down',
  what: `the bank resets every line with payouts in flight and refuses new ones for ${CYCLES_DOWN} cycles`,
  recoversWithinS: 60,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    await world.lines.bank.refuse();
    held.letGo('whole');
    for (let n = 0; n < CYCLES_DOWN; n += 1) await world.cycle();
    await world.lines.bank.accept();
  },
};

const halfOpen: Fault = {
  name: 'half_open_bank',
  what: 'the lines to the bank go dead with executed payouts in flight, and nobody closes them',
  recoversWithinS: 60,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    world.lines.bank.abandon();
    held.letGo('whole');
  },
};

const revokedTokens: Fault = {
  name: 'bank_revokes_tokens',
  what: 'the bank ends every token at once, between two payouts',
  recoversWithinS: 30,
  async strike(world, struck) {
    const held = await payoutsInFlight(world);
    await struck();
    world.system.bank.revokeTokens();
    held.letGo('whole');
  },
};

export const bankFaults: readonly Fault[] = [cutMidAnswer, down, halfOpen, revokedTokens];
