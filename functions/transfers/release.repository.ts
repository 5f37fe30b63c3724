import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { recordset } from '../shared/postgres.ts';
import { SAID_TO_HAVE_PAID } from './doubt.repository.ts';
import { fitsGivenUpRow } from './plan.repository.ts';
import type { HeldReason, TransferState } from './transfer.table.ts';

/** Pauses of the system's own that are to be looked at again by `now`. */
export async function duePauses(trx: Transaction<Database>, now: Date) {
  const due = await trx
    .selectFrom('payout_stop')
    .select(['name', 'retry_at'])
    .where('active', '=', true)
    .where('name', 'in', ['pause_funds', 'pause_limit', 'pause_maintenance'])
    .where('retry_at', '<=', now)
    .execute();
  return due.map((pause) => pause.name);
}

/** An account's balance as its statement was last read; null before its first row. */
function lastBalance(account: string) {
  return sql<
    bigint | null
  >`(select balance_after from statement_row where account = ${account} order by occurred_at desc, row_id desc limit 1)`;
}

/** Whether the payout account's balance, as last read, covers the smallest transfer that waits or failed for want of it. */
export async function hasFunds(trx: Transaction<Database>, account: string): Promise<boolean> {
  const { rows } = await sql<{ funded: boolean | null }>`
    select ${lastBalance(account)} >= (
      select min(amount) from transfer w where state in ('planned', 'queued', 'unknown') or (state = 'failed' and failed_reason = 'funds' and not exists (select from transfer r where r.retry_of = w.transfer_id))
    ) as funded`.execute(trx);
  return rows[0]?.funded ?? false;
}

export interface Waiting {
  readonly transfer_id: bigint;
  readonly seller_id: string;
  readonly amount: bigint;
  /** What two people approved when they let it go over its limits. */
  readonly approval_id: bigint | null;
}

export interface Decided {
  readonly transfer_id: bigint;
  readonly held_reason: HeldReason | null;
}

/** Transfers that are held for an account, and whose seller has an approved one; oldest first. One that a person is at work on is left to the next cycle. */
export async function readWaitingForAccount(trx: Transaction<Database>, limit: number): Promise<Waiting[]> {
  const { rows: waiting } = await sql<Waiting>`
    select t.transfer_id, t.seller_id, t.amount, t.approval_id
    from transfer t join payout_account p on p.seller_id = t.seller_id and p.state = 'approved'
    where t.state = 'held' and t.held_reason = 'approval'
    order by t.transfer_id limit ${limit}
    for update of t skip locked`.execute(trx);
  return waiting;
}

/**
 * The state of a transfer `t` as it was decided in `r`. One that a row may have paid which was given up after a restore waits for people, whatever it waited for
 * until now. What goes on counts towards this day; what is held goes nowhere.
 */
function goesOn(now: Date) {
  const heldReason = sql`coalesce(r.held_reason, case when ${fitsGivenUpRow('t')} then 'restore' end)`;
  return sql`state = case when ${heldReason} is null then 'planned' else 'held' end, held_reason = ${heldReason},
    let_go_at = case when ${heldReason} is null then ${now}::timestamptz else t.let_go_at end`;
}

/** Gives held transfers their sellers' approved accounts, and the state that was decided. Answers how many go on. */
export async function giveAccounts(
  trx: Transaction<Database>,
  decided: readonly Decided[],
  now: Date,
): Promise<number> {
  const { rows: filled } = await sql<{ state: TransferState }>`
    update transfer t set ${goesOn(now)}, payout_account_id = p.payout_account_id, bank_code = p.bank_code,
      account_number_ciphertext = p.account_number_ciphertext, account_number_key_id = p.account_number_key_id,
      account_number_masked = p.account_number_masked, account_holder = p.account_holder, queue_group = p.account_fingerprint
    from payout_account p, ${recordset('r', 'transfer_id bigint, held_reason text', decided)}
    where t.transfer_id = r.transfer_id and p.seller_id = t.seller_id and p.state = 'approved'
    returning t.state`.execute(trx);
  return filled.filter((transfer) => transfer.state === 'planned').length;
}

/** Sellers with transfers that wait for a debt, and what else of theirs is yet to be claimed, won. */
export async function readDebtors(
  trx: Transaction<Database>,
): Promise<{ readonly seller_id: string; readonly ahead: bigint }[]> {
  const { rows: debtors } = await sql<{ seller_id: string; ahead: bigint }>`
    select seller_id, coalesce(sum(amount) filter (where held_reason is distinct from 'seller_debt'), 0)::bigint as ahead
    from transfer
    where state in ('planned', 'queued', 'held') and seller_id is not null
    group by seller_id having bool_or(held_reason = 'seller_debt')`.execute(trx);
  return debtors;
}

/**
 * Transfers that wait for a debt and that what is free covers, each with all older ones of its seller; oldest first. One with an order that is not paid
 * any more is left out: it would pay that order with the others' money.
 */
export async function readCovered(
  trx: Transaction<Database>,
  free: readonly { readonly seller_id: string; readonly free: bigint }[],
  limit: number,
): Promise<Waiting[]> {
  const { rows: covered } = await sql<Waiting>`
    with waiting as (
      select transfer_id, seller_id, sum(amount) over (partition by seller_id order by transfer_id) as up_to_here
      from transfer h where state = 'held' and held_reason = 'seller_debt' and not exists (
        select from transfer_item i join shop_order o on o.order_id = i.order_id
        where i.transfer_id = h.transfer_id and i.live and o.state <> 'paid')
    )
    select t.transfer_id, t.seller_id, t.amount, t.approval_id
    from waiting w
    join ${recordset('f', 'seller_id text, free bigint', free)} on f.seller_id = w.seller_id
    join transfer t on t.transfer_id = w.transfer_id
    where w.up_to_here <= f.free and t.state = 'held' and t.held_reason = 'seller_debt'
    order by t.transfer_id limit ${limit}
    for update of t skip locked`.execute(trx);
  return covered;
}

/** Gives held transfers the state that was decided. Answers how many go on. */
export async function applyDecisions(
  trx: Transaction<Database>,
  decided: readonly Decided[],
  now: Date,
): Promise<number> {
  const { rows: released } = await sql<{ state: TransferState }>`
    update transfer t set ${goesOn(now)}
    from ${recordset('r', 'transfer_id bigint, held_reason text', decided)}
    where t.transfer_id = r.transfer_id
    returning t.state`.execute(trx);
  return released.filter((transfer) => transfer.state === 'planned').length;
}

export interface RetryItem {
  readonly transfer_id: bigint;
  readonly order_id: bigint;
  readonly amount: bigint;
  readonly fee: bigint;
}

/** Items of a failed transfer `t` that are still to be paid: the order is paid by a deposit, and no other transfer pays it out. */
const TO_BE_PAID = sql`
  o.state = 'paid' and not exists (select from transfer_item l where l.order_id = i.order_id and l.live)`;

export interface RetryableTransfer {
  readonly transfer_id: bigint;
  readonly seller_id: string;
  readonly deposited_at: Date | null;
  readonly approval_id: bigint | null;
}

/**
 * Failed payouts whose cause is cleared, that were never retried and that still have an order to pay; oldest first, locked. Where an attempt to pay one of its
 * orders is said to have succeeded after all, a person has to look first.
 */
export async function readRetryable(
  trx: Transaction<Database>,
  payoutAccount: string,
  today: string,
  limit: number,
): Promise<RetryableTransfer[]> {
  const { rows: failed } = await sql<RetryableTransfer>`
    select t.transfer_id, t.seller_id, t.deposited_at, t.approval_id from transfer t
    where t.state = 'failed' and t.kind = 'payout'
      and not exists (select from transfer r where r.retry_of = t.transfer_id)
      and not exists (
        select from transfer_item i join transfer_item x on x.order_id = i.order_id and not x.live
        join transfer_attempt a on a.transfer_id = x.transfer_id
        where i.transfer_id = t.transfer_id and ${SAID_TO_HAVE_PAID})
      and exists (
        select from transfer_item i join shop_order o on o.order_id = i.order_id
        where i.transfer_id = t.transfer_id and ${TO_BE_PAID})
      and (
        (t.failed_reason = 'funds' and t.amount <= ${lastBalance(payoutAccount)}
          and not exists (select from payout_stop where name = 'pause_funds' and active))
        or (t.failed_reason = 'limit'
          and not exists (select from payout_stop where name = 'pause_limit' and active)
          and not exists (select from transfer_attempt a where a.transfer_id = t.transfer_id and a.bank_date >= ${today})
          and not exists (select from transfer b where b.transfer_id = t.retry_of and b.failed_reason = 'limit'))
        or (t.failed_reason = 'maintenance' and not exists (select from payout_stop where name = 'pause_maintenance' and active))
        or (t.failed_reason = 'payee' and exists (
          select from payout_account p
          where p.seller_id = t.seller_id and p.state = 'approved' and p.payout_account_id <> t.payout_account_id))
      )
    order by t.transfer_id limit ${limit}
    for update of t`.execute(trx);
  return failed;
}

/**
 * The items of failed transfers that are still to be paid. Their orders are locked, so that whoever takes an order's deposit away at this moment is either
 * seen here or sees the new transfer.
 */
export async function lockItemsToBePaid(
  trx: Transaction<Database>,
  transferIds: readonly bigint[],
): Promise<RetryItem[]> {
  const { rows: items } = await sql<RetryItem>`
    select i.transfer_id, i.order_id, i.amount, i.fee
    from transfer_item i join shop_order o on o.order_id = i.order_id
    where i.transfer_id = any(${[...transferIds]}) and ${TO_BE_PAID}
    order by i.transfer_id, i.order_id
    for share of o`.execute(trx);
  return items;
}
