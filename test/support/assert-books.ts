import assert from 'node:assert/strict';
import type { Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { findDifferences } from '../../functions/ledger/compare.step.ts';
import { brokenInvariants } from '../../local/simulation/invariants.ts';

/** Of the simulator's invariants those about transfers: tests of paying make up paid orders, without deposits behind them. */
const ABOUT_TRANSFERS: readonly string[] = [
  'signed_balance',
  'in_transit',
  'posted_as_state_says',
  'live_items',
  'order_twice',
  'transfer_amount',
  'chain',
];

/**
 * Asserts what must hold of the books at every moment: the bank's signed balance is the sum of all others; what is in transit is what open claims
 * hold; each transfer is posted as its state says; no order is in two live transfers; and the comparison that would halt payouts finds nothing.
 *
 * @param made what a test has made that no code makes, such as transfers without orders: the comparison would find it.
 */
export async function assertBooks(
  db: Kysely<Database>,
  made: 'as the code does' | 'by the test' = 'as the code does',
): Promise<void> {
  const broken = (await brokenInvariants(db)).filter(({ invariant }) => ABOUT_TRANSFERS.includes(invariant));
  assert.deepEqual(broken, []);
  if (made === 'by the test') return;
  assert.deepEqual(
    (await findDifferences(db))?.differences,
    [],
    'orders, deposits and transfers agree with the ledger',
  );
}
