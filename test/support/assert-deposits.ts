import assert from 'node:assert/strict';
import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { readBalances } from '../../functions/ledger/ledger.repository.ts';

/**
 * Asserts what must hold of deposits and orders at every moment: no won of a deposit and none of an order is used twice or lost, orders are posted
 * exactly while they are paid, and what is nobody's yet is what the ledger holds as unallocated.
 */
export async function assertDeposits(db: Kysely<Database>): Promise<void> {
  const { rows: deposits } = await sql<{
    row_id: bigint;
    state: string;
    amount: bigint;
    remaining: bigint;
    allocated: bigint;
    refunded: bigint;
    ignored: bigint;
  }>`
    select d.row_id, d.state, d.amount, d.remaining,
      coalesce((select sum(a.amount) from allocation a where a.deposit_row_id = d.row_id and a.live), 0)::bigint as allocated,
      coalesce((select sum(t.amount) from transfer t
        where t.deposit_row_id = d.row_id and t.state not in ('failed', 'cancelled', 'returned')), 0)::bigint as refunded,
      coalesce((select sum(r.amount) from review_decision r
        where d.row_id = any(r.deposit_rows) and r.kind = 'ignore' and r.state = 'standing'), 0)::bigint as ignored
    from deposit d where d.state not in ('return_of', 'classified')`.execute(db);
  for (const { row_id, state, amount, remaining, allocated, refunded, ignored } of deposits) {
    const name = `deposit ${row_id.toString()}, which is ${state}`;
    if (state === 'reversed') assert.deepEqual([remaining, allocated, ignored], [0n, 0n, 0n], name);
    else assert.equal(remaining + allocated + refunded + ignored, amount, `what became of ${name}`);
    assert.equal(state === 'in_review', remaining > 0n, `${name}, has ${remaining.toString()} won left`);
    if (state !== 'reversed')
      assert.equal(
        refunded > 0n,
        state === 'refund_pending' || state === 'refunded',
        `the refund of ${name}`,
      );
  }

  const { rows: orders } = await sql<{
    order_id: bigint;
    state: string;
    amount: bigint;
    outstanding: bigint;
    allocated: bigint;
    posted: bigint;
  }>`
    select o.order_id, o.state, o.amount, o.outstanding,
      coalesce((select sum(a.amount) from allocation a where a.order_id = o.order_id and a.live), 0)::bigint as allocated,
      coalesce((select sum(case when p.debit = 'unallocated' then p.amount else -p.amount end)
        from posting p where p.order_id = o.order_id), 0)::bigint as posted
    from shop_order o`.execute(db);
  for (const { order_id, state, amount, outstanding, allocated, posted } of orders) {
    const name = `order ${order_id.toString()}, which is ${state}`;
    assert.equal(allocated, amount - outstanding, `what is allocated to ${name}`);
    assert.equal(posted, state === 'paid' ? amount : 0n, `what is posted for ${name}`);
  }

  const nobodys = await sql<{ won: bigint }>`
    select (
      coalesce((select sum(remaining) from deposit), 0)
      + coalesce((select sum(a.amount) from allocation a join shop_order o on o.order_id = a.order_id where a.live and o.state <> 'paid'), 0)
      + coalesce((select sum(amount) from transfer where kind = 'refund' and state in ('planned', 'queued', 'held')), 0)
    )::bigint as won`.execute(db);
  const unallocated = (await readBalances(db, ['unallocated'])).get('unallocated') ?? 0n;
  assert.equal(unallocated, nobodys.rows[0]?.won, 'unallocated is what is nobody’s yet');
}
