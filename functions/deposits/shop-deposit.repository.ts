import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { ShopId } from '../shops/api-key.ts';
import type { ReviewReason } from './matchable.ts';

/** A deposit in review that may be for an order of the shop. */
export interface ShopDeposit {
  readonly rowId: bigint;
  readonly depositedAt: Date;
  readonly amount: bigint;
  readonly remaining: bigint;
  /** What the payer typed, as the bank shows it. */
  readonly text: string;
  readonly reason: ReviewReason;
  /** The shop's own order ids, best first. What it may be for in other shops is theirs. */
  readonly candidates: readonly string[];
}

/** Deposits in review with a candidate among the shop's orders, the youngest first; one more than `limit`. */
export async function listShopDeposits(
  db: Kysely<Database>,
  shopId: ShopId,
  before: bigint | undefined,
  limit: number,
): Promise<ShopDeposit[]> {
  const bound = before === undefined ? sql`true` : sql`d.row_id < ${before}`;
  const { rows } = await sql<{
    row_id: bigint;
    occurred_at: Date;
    amount: bigint;
    remaining: bigint;
    text: string;
    reason: ReviewReason;
    candidates: string[];
  }>`
    select d.row_id, d.occurred_at, d.amount, d.remaining, d.text, d.reason, c.candidates
    from deposit d cross join lateral (
      select array_agg(o.shop_order_id order by array_position(d.candidates, o.order_id)) as candidates
      from shop_order o where o.order_id = any(d.candidates) and o.shop_id = ${shopId}
    ) c
    where d.state = 'in_review' and c.candidates is not null and ${bound}
    order by d.row_id desc limit ${limit + 1}`.execute(db);
  return rows.map((row) => ({
    rowId: row.row_id,
    depositedAt: row.occurred_at,
    amount: row.amount,
    remaining: row.remaining,
    text: row.text,
    reason: row.reason,
    candidates: row.candidates,
  }));
}
