import { createHash } from 'node:crypto';

/**
 * The ways in which a bank lies or breaks, each of which has happened to somebody.
 *
 * - `execute_then_timeout`: the transfer is executed and no answer comes.
 * - `execute_late`: the answer says that the transfer is in progress; it is executed, or refused, within the bank's processing time.
 * - `repeat_duplicate`: a transfer whose id was used before on this date is executed once more, where it should be refused.
 * - `say_failed_after_executing`: the transfer is executed and the answer says that it failed.
 * - `paid_then_returned`: a row with the transfer's reference and the bank's mark of a return comes later.
 * - `forget_id`: a result inquiry knows nothing of an executed transfer, ever.
 * - `lying_inquiry`: a result inquiry says, this once, that a transfer failed or does not exist which is executed or in progress.
 * - `rows_late`: a row shows on the statement later than it happened, within the posting lag.
 * - `rows_twice`: a page begins with the last row of the page before.
 * - `rows_out_of_order`: a page's rows come in the opposite order.
 * - `mangled_names`: the payer's text is turned full-width, cut at 8 characters, or begins with the sending bank's name.
 * - `http_5xx`: HTTP 502, for a transfer before or after it is executed.
 * - `slow`: the answer takes its time.
 * - `cut_mid_body`: the connection breaks in the middle of the answer.
 * - `maintenance_window`: HTTP 503 to everything in a window of ten minutes; nothing is executed.
 */
export const FAULT_NAMES = [
  'execute_then_timeout',
  'execute_late',
  'repeat_duplicate',
  'say_failed_after_executing',
  'paid_then_returned',
  'forget_id',
  'lying_inquiry',
  'rows_late',
  'rows_twice',
  'rows_out_of_order',
  'mangled_names',
  'http_5xx',
  'slow',
  'cut_mid_body',
  'maintenance_window',
] as const;

export type FaultName = (typeof FAULT_NAMES)[number];

/** How probable each fault is, 0 to 1. What is not named never happens. */
export type Faults = Partial<Readonly<Record<FaultName, number>>>;

/** How often each fault fired. */
export type FaultCounts = Record<FaultName, number>;

/**
 * Reads faults as a person types them: `execute_then_timeout=0.05,say_failed_after_executing=0.02`.
 *
 * @throws if a name is unknown or a probability is not between 0 and 1, with what was expected.
 */
export function parseFaults(text: string): Faults {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return Object.fromEntries(parts.map(parseFault));
}

function parseFault(part: string): [FaultName, number] {
  const [name, probability, ...rest] = part.split('=');
  const fault = FAULT_NAMES.find((known) => known === name?.trim());
  if (fault === undefined)
    throw new Error(`"${part}" names no fault; the faults are ${FAULT_NAMES.join(', ')}`);
  const value = Number(probability);
  if (probability?.trim() === '' || rest.length > 0 || !(value >= 0 && value <= 1)) {
    throw new Error(`"${part}" has no probability from 0 to 1; write it as ${fault}=0.05`);
  }
  return [fault, value];
}

/**
 * Decides whether a fault fires. A decision hangs on the seed, the fault and what it is about, never on the order of calls, so that
 * the same history meets the same faults however its calls interleave.
 */
export interface FaultDice {
  /** Whether any fault can fire at all. */
  readonly isLoaded: boolean;
  /** Whether the fault fires here, and counts it. */
  fires(fault: FaultName, about: string): boolean;
  /** A number from 0 up to, not including, 1, for details of a fault that fired. */
  draw(detail: string): number;
  counts(): FaultCounts;
}

export function createFaultDice(faults: Faults, seed: number): FaultDice {
  const counts = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as FaultCounts;
  const draw = (detail: string) => {
    const digest = createHash('sha256').update(`${seed}|${detail}`).digest();
    return digest.readUIntBE(0, 6) / 2 ** 48;
  };
  return {
    isLoaded: Object.values(faults).some((probability) => probability > 0),
    draw,
    fires(fault, about) {
      const probability = faults[fault] ?? 0;
      const fired = probability > 0 && draw(`${fault}|${about}`) < probability;
      if (fired) counts[fault] += 1;
      return fired;
    },
    counts: () => ({ ...counts }),
  };
}
