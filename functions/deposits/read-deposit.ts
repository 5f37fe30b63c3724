import { readings, type Reading } from './depositor-text.ts';
import type { MatchableDeposit } from './matchable.ts';
import { ordersUnder, type IndexedOrder, type OrderIndex } from './order-index.ts';

/** A deposit with every way to read its text. */
export interface ReadDeposit extends MatchableDeposit {
  readonly readings: readonly Reading[];
}

/** Reads the text of a deposit. */
export function readDeposit(deposit: MatchableDeposit): ReadDeposit {
  return { ...deposit, readings: readings(deposit.text) };
}

/** The orders, in any state, whose depositor name is exactly one of the deposit's readings. */
export function ordersNamedBy(deposit: ReadDeposit, index: OrderIndex): readonly IndexedOrder[] {
  return ordersUnder(
    index.byName,
    deposit.readings.map((reading) => reading.text),
  );
}
