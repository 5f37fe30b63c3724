import { sql, type RawBuilder, type Transaction } from 'kysely';
import { kstDate, kstMidnight } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import { won, type BasisPoints, type Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import type { PayableSeller, PlannedTransfer } from './plan.ts';
import type { Transfer } from './transfer.table.ts';

/** The key of the advisory lock under which payouts are planned; the migrations' own lock has another. */
const PLANNING_LOCK = 1;

/**
 * Lets payouts be planned, let go or held by this transaction alone until it ends. A statement of its own: the next one must see what the holder before has
 * committed.
 */
export async function lockPlanning(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${PLANNING_LOCK})`.execute(trx);
}

/**
 * What planning needs to know of sellers: rates, limits, whether an account is approved, what was let go today, and who may owe. Whoever plans payouts holds
 * the planning lock until the transaction ends, so that no two count up to the same limit at once. While a restored
 * database is halted each order gets a transfer of its own: what was paid in the life that it forgot can then be told apart, however it was grouped there.
 */
export async function readSellers(
  trx: Transaction<Database>,
  sellerIds: readonly string[],
  now: Date,
): Promise<Map<string, PayableSeller>> {
  if (sellerIds.length === 0) return new Map();
  await lockPlanning(trx);
  const goingOutToday = sql`(
    select coalesce(sum(t.amount), 0)::bigint from transfer t
    where t.kind = 'payout' and coalesce(t.let_go_at, t.planned_at) >= ${kstMidnight(kstDate(now))} and t.approval_id is null
      and t.state not in ('held', 'cancelled', 'failed')`;
  const { rows } = await sql<{
    seller_id: string;
    fee_bp: number;
    payout_grouping: 'page' | 'order';
    transfer_limit_won: bigint | null;
    daily_limit_won: bigint | null;
    may_owe: boolean;
    has_account: boolean;
    going_out: bigint;
    all_transfer_limit_won: bigint | null;
    all_daily_limit_won: bigint | null;
    all_going_out: bigint;
  }>`
    select s.seller_id, s.fee_bp, case when (select active from payout_stop where name = 'halt_restore') then 'order' else s.payout_grouping end as payout_grouping,
      s.transfer_limit_won, s.daily_limit_won, s.may_owe,
      exists (select from payout_account p where p.seller_id = s.seller_id and p.state = 'approved') as has_account,
      case when s.daily_limit_won is null then 0 else ${goingOutToday} and t.seller_id = s.seller_id) end as going_out,
      l.transfer_limit_won as all_transfer_limit_won, l.daily_limit_won as all_daily_limit_won,
      case when l.daily_limit_won is null then 0 else ${goingOutToday}) end as all_going_out
    from seller s cross join payout_limit l where s.seller_id = any(${[...sellerIds]})`.execute(trx);
  return new Map(
    rows.map((row) => [
      row.seller_id,
      {
        sellerId: row.seller_id,
        feeRate: row.fee_bp as BasisPoints,
        grouping: row.payout_grouping,
        transferLimit: limitOf(row.transfer_limit_won),
        dailyLimit: limitOf(row.daily_limit_won),
        hasApprovedAccount: row.has_account,
        goingOutToday: won(row.going_out),
        mayOwe: row.may_owe,
        allSellers: {
          transferLimit: limitOf(row.all_transfer_limit_won),
          dailyLimit: limitOf(row.all_daily_limit_won),
          goingOutToday: won(row.all_going_out),
        },
      },
    ]),
  );
}

function limitOf(amount: bigint | null): Won | undefined {
  return amount === null ? undefined : won(amount);
}

/**
 * Those orders that a live transfer pays out. The caller holds the orders' locks. What is paid anew by a deposit meanwhile is planned by nobody: if the
 * transfer succeeds, that deposit makes up the debt; if it fails, its retry pays the order; if it is absent, it is sent again.
 */
export async function readOrdersPaidOut(
  trx: Transaction<Database>,
  orderIds: readonly bigint[],
): Promise<Set<bigint>> {
  if (orderIds.length === 0) return new Set();
  const { rows } = await sql<{ order_id: bigint }>`
    select order_id from transfer_item where live and order_id = any(${orderIds.map(String)}::bigint[])`.execute(
    trx,
  );
  return new Set(rows.map((row) => row.order_id));
}

/**
 * Whether a transfer, with its amount and the time of its deposit in the columns of `transfer`, may be what a row has paid that people have given up after a
 * restore: the row has its amount, and left after its deposit had come.
 */
export function fitsGivenUpRow(transfer: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from withdrawal w
    where w.state = 'classified' and w.ledger_account = 'suspense' and w.amount = ${sql.ref(`${transfer}.amount`)}
      and w.occurred_at >= ${sql.ref(`${transfer}.deposited_at`)}
  )`;
}

/** The same of a transfer that is there. */
export async function mayBePaidByGivenUpRow(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<boolean> {
  const row = await trx
    .selectFrom('transfer as t')
    .select(fitsGivenUpRow('t').as('fits'))
    .where('t.transfer_id', '=', transferId)
    .executeTakeFirstOrThrow();
  return row.fits;
}

/** What a new transfer follows, and what two people have let go with it. */
export interface Following {
  readonly retryOf?: bigint | undefined;
  readonly approvalId?: bigint | undefined;
}

const TRANSFER_COLUMNS =
  'n integer, seller_id text, amount bigint, fee bigint, held_reason text, retry_of bigint, approval_id bigint, deposited_at timestamptz';

/**
 * Writes planned transfers with their orders and a snapshot of where they pay to. The planned row is the outbox: dispatch finds it, whatever
 * becomes of this process. A seller whose account was retired since it was read has its transfers held for approval. One that may have been paid before a
 * restore is held, too: people have given up a row of its amount that left after its deposit had come.
 *
 * @returns the new transfers' ids, in the order of the plan.
 * @throws when a transfer was not written as planned: its orders must not be joined to another's amount.
 */
export async function insertTransfers(
  trx: Transaction<Database>,
  planned: readonly (PlannedTransfer & Following)[],
  now: Date,
): Promise<bigint[]> {
  if (planned.length === 0) return [];
  const rows = planned.map((transfer, n) => ({
    n,
    seller_id: transfer.sellerId,
    amount: transfer.amount,
    fee: transfer.fee,
    held_reason: transfer.held ?? null,
    retry_of: transfer.retryOf ?? null,
    approval_id: transfer.approvalId ?? null,
    deposited_at: transfer.depositedAt,
  }));
  const { rows: inserted } = await sql<Pick<Transfer, 'transfer_id' | 'seller_id' | 'amount' | 'fee'>>`
    insert into transfer (kind, seller_id, amount, fee, payout_account_id, bank_code, account_number_ciphertext, account_number_key_id,
      account_number_masked, account_holder, queue_group, state, held_reason, retry_of, approval_id, planned_at, deposited_at)
    select 'payout', r.seller_id, r.amount, r.fee, p.payout_account_id, p.bank_code, p.account_number_ciphertext, p.account_number_key_id,
      p.account_number_masked, p.account_holder, p.account_fingerprint,
      case when h.held_reason is null then 'planned' else 'held' end, h.held_reason, r.retry_of, r.approval_id, ${now}, r.deposited_at
    from ${recordset('r', TRANSFER_COLUMNS, rows)}
    left join payout_account p on p.seller_id = r.seller_id and p.state = 'approved'
    cross join lateral (
      select case
        when p.payout_account_id is null then 'approval'
        when r.held_reason is null and ${fitsGivenUpRow('r')} then 'restore'
        else r.held_reason
      end as held_reason
    ) h
    order by r.n
    returning transfer_id, seller_id, amount, fee`.execute(trx);
  assertRows('transfers planned', inserted.length, planned.length);
  const items = planned.flatMap((transfer, index) => {
    const row = inserted[index];
    if (row?.seller_id !== transfer.sellerId || row.amount !== transfer.amount || row.fee !== transfer.fee) {
      throw new Error(
        `transfer ${row?.transfer_id.toString() ?? 'none'} of seller ${transfer.sellerId} was written otherwise than planned; nothing is kept`,
      );
    }
    return transfer.items.map((item) => ({
      transfer_id: row.transfer_id,
      order_id: item.orderId,
      amount: item.amount,
      fee: item.fee,
    }));
  });
  await sql`
    insert into transfer_item (transfer_id, order_id, amount, fee)
    select transfer_id, order_id, amount, fee
    from ${recordset('i', 'transfer_id bigint, order_id bigint, amount bigint, fee bigint', items)}`.execute(
    trx,
  );
  return inserted.map((row) => row.transfer_id);
}
