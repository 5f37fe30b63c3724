import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';

/** A row may show up on the statement so much later than its own time, seconds: an order is closed only after complete reads beyond it. */
const GRACE_S = 10 * 60;

/**
 * Closes orders that await a deposit beyond their deadline, where the account was read far enough and every row that was read is booked.
 *
 * @returns how many were closed, at most `limit`.
 */
export async function expireOrders(
  trx: Transaction<Database>,
  collectionAccount: string,
  now: Date,
  limit: number,
): Promise<number> {
  const updated = await sql`
    update shop_order set state = 'expired', closed_at = ${now}
    where order_id in (
      select o.order_id from shop_order o, collect_cursor c
      where c.account = ${collectionAccount}
        and o.state = 'awaiting_deposit'
        and o.expires_at <= c.read_through - make_interval(secs => ${sql.lit(GRACE_S)})
        and not exists (select from statement_row s where s.account = c.account and s.row_id > c.booked_through)
      order by o.order_id limit ${limit}
      for update of o
    )`.execute(trx);
  return Number(updated.numAffectedRows ?? 0n);
}
