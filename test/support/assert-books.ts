import assert from 'node:assert/strict';
import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { findDifferences } from '../../functions/ledger/compare.step.ts';
import { readBalances } from '../../functions/ledger/ledger.repository.ts';

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
  const balances = await readBalances(db);
  let atTheBank = 0n;
  let allOthers = 0n;
  for (const [account, balance] of balances) {
    if (account.startsWith('bank:')) atTheBank += balance;
    else allOthers += balance;
  }
  assert.equal(atTheBank, allOthers, 'the bank holds what the other accounts add up to');

  const { rows } = await sql<{
    transfer_id: bigint;
    state: string;
    amount: bigint;
    held: bigint;
    paid: bigint;
  }>`
    select t.transfer_id, t.state, t.amount,
      coalesce(sum(p.amount) filter (where p.kind = 'hold'), 0)::bigint
        - coalesce(sum(p.amount) filter (where p.kind in ('post', 'void')), 0)::bigint as held,
      coalesce(sum(p.amount) filter (where p.kind = 'post'), 0)::bigint
        - coalesce(sum(p.amount) filter (where p.kind = 'return'), 0)::bigint as paid
    from transfer t left join posting p on p.transfer_id = t.transfer_id
    group by t.transfer_id order by t.transfer_id`.execute(db);
  let openHolds = 0n;
  for (const { transfer_id, state, amount, held, paid } of rows) {
    const name = `transfer ${transfer_id.toString()}, which is ${state}`;
    const isOpen = state === 'sending' || state === 'unknown';
    assert.equal(held, isOpen ? amount : 0n, `what is held for ${name}`);
    assert.equal(paid, state === 'succeeded' ? amount : 0n, `what is booked as paid by ${name}`);
    if (isOpen) openHolds += amount;
  }
  assert.equal(balances.get('in_transit') ?? 0n, openHolds, 'in transit is what open claims hold');

  const { rows: items } = await sql<{ transfer_id: bigint }>`
    select t.transfer_id from transfer t join transfer_item i on i.transfer_id = t.transfer_id
    where t.kind = 'payout' and i.live <> (t.state not in ('failed', 'cancelled', 'returned'))`.execute(db);
  assert.deepEqual(
    items,
    [],
    'orders are live in a transfer exactly while it is neither failed, cancelled nor returned',
  );

  if (made === 'by the test') return;
  assert.deepEqual(
    (await findDifferences(db))?.differences,
    [],
    'orders, deposits and transfers agree with the ledger',
  );
}
