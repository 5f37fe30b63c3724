import { bankFaults } from './bank-faults.ts';
import { databaseFaults } from './database-faults.ts';
import type { Fault } from './fault.ts';
import { matcherFaults } from './matcher-faults.ts';
import { queueFaults } from './queue-faults.ts';
import { secretsFaults } from './secrets-faults.ts';
import { settlementFaults } from './settlement-faults.ts';

/** Every fault, in the order in which they are tried. */
export const FAULTS: readonly Fault[] = [
  ...settlementFaults,
  ...matcherFaults,
  ...databaseFaults,
  ...queueFaults,
  ...bankFaults,
  ...secretsFaults,
];
