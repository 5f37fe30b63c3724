import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { accountFingerprint } from '../../functions/orders/payout-account.ts';
import { chainHash, GENESIS, type ChainedPosting } from '../../functions/ledger/chain.ts';
import type { SimulatedTransfer } from '../bank-simulator/bank-state.ts';
import type { SimulatedBank } from '../bank-simulator/simulated-bank.ts';
import type { Vault } from '../../functions/shared/encryption.ts';
import type { NamedAccounts } from './named-accounts.ts';
import type { Violation } from './world-state.ts';

/** What became of a world's money, held against what the bank itself knows. */
export interface Account {
  /** Rows of `transfer`: payouts that were planned, retries among them. */
  readonly transfers: number;
  /** Sums of money that left the bank and are not known as paid, went elsewhere or for nothing, or that are owed and that nothing pays, holds or names. */
  readonly lost: number;
  /** Transfers, orders, or deposits, for which money left more than once and did not come back. */
  readonly paidTwice: number;
  /** Transfers that wait for a person, by what they wait for. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly succeeded: number;
  readonly violations: readonly Violation[];
}

interface KnownTransfer {
  readonly transfer_id: bigint;
  readonly kind: 'payout' | 'refund';
  /** The deposit that it refunds. */
  readonly deposit_row_id: bigint | null;
  readonly state: string;
  readonly reason: string | null;
  readonly amount: bigint;
  readonly orders: bigint[];
  /** The payout account that it is to, if two people have approved it for its seller. */
  readonly approved_account: string | null;
  /** Another transfer has taken its place. */
  readonly retried: boolean;
}

/**
 * Counts at a world's end, when nothing goes wrong any more and nothing is open.
 *
 * Lost: a transfer that the bank has executed and that is not `succeeded` or `returned` here; one that is `succeeded` here and that the bank has not
 * executed; one that is still open; a paid order that no transfer pays and for which none has failed or come back, is held for a reason or was cancelled by a
 * person; money that was paid to an account which no two people have named, or for an order that nobody has paid.
 * Paid twice: more than one execution, less those that came back, for one transfer, for one order by way of several, or for one deposit by way of refunds and
 * of the orders that it pays. A refund is money that leaves rightly, once.
 */
export async function accountFor(
  db: Kysely<Database>,
  {
    bank,
    accounts,
    vault,
    named,
    now,
  }: {
    readonly bank: SimulatedBank;
    /** Those that are read. */
    readonly accounts: readonly string[];
    readonly vault: Vault;
    readonly named: NamedAccounts;
    readonly now: Date;
  },
): Promise<Account> {
  const violations: Violation[] = [];
  const say = (invariant: string, detail: string) => violations.push({ invariant, detail });
  const transfers = await readTransfers(db);
  const byReference = await readAttempts(db);
  const executed = bank.transfers().filter((transfer) => transfer.executed);

  let lost = 0;
  let paidTwice = 0;
  const executions = new Map<bigint, SimulatedTransfer[]>();
  for (const transfer of executed) {
    const id = byReference.get(transfer.bankTranId);
    if (id === undefined) {
      lost += 1;
      say('lost', `the bank has executed ${transfer.bankTranId}, which nobody here knows`);
      continue;
    }
    executions.set(id, [...(executions.get(id) ?? []), transfer]);
  }
  const paidByOrder = new Map<bigint, bigint[]>();
  const refundsOfDeposit = new Map<bigint, { readonly id: bigint; readonly won: bigint }[]>();
  for (const known of transfers) {
    const gone = executions.get(known.transfer_id) ?? [];
    const away = gone.filter((transfer) => transfer.returnAt === undefined || transfer.returnAt > now);
    const name = `transfer ${known.transfer_id.toString()} (${known.state})`;
    if (away.length > 1) {
      paidTwice += 1;
      say('paid_twice', `${name} was executed ${away.length} times`);
    }
    const knownAsPaid = known.state === 'succeeded' || known.state === 'returned';
    if (gone.length > 0 !== knownAsPaid) {
      lost += 1;
      say('lost', `${name} was executed ${gone.length} times`);
    }
    if ((known.state === 'returned') !== (gone.length > 0 && away.length === 0)) {
      lost += 1;
      say('lost', `${name}: ${away.length} of ${gone.length} executions are still away`);
    }
    if (['planned', 'queued', 'sending', 'unknown'].includes(known.state)) {
      lost += 1;
      say('open_at_the_end', `${name} is still open although nothing goes wrong any more`);
    }
    for (const { toBankCode, toAccountNumber, toHolder } of gone) {
      const to = { bankCode: toBankCode, accountNumber: toAccountNumber, holder: toHolder };
      const isNamed =
        known.kind === 'refund'
          ? known.deposit_row_id !== null && named.peopleWhoNamed(known.deposit_row_id, to) >= 2
          : known.approved_account === accountFingerprint(vault, toBankCode, toAccountNumber);
      if (isNamed) continue;
      lost += 1;
      say('paid_elsewhere', `${name} was paid to an account that no two people have named`);
    }
    if (away.length === 0) continue;
    for (const order of known.orders)
      paidByOrder.set(order, [...(paidByOrder.get(order) ?? []), known.transfer_id]);
    if (known.deposit_row_id !== null)
      refundsOfDeposit.set(known.deposit_row_id, [
        ...(refundsOfDeposit.get(known.deposit_row_id) ?? []),
        { id: known.transfer_id, won: known.amount * BigInt(away.length) },
      ]);
  }
  for (const [order, ids] of paidByOrder) {
    if (ids.length < 2) continue;
    paidTwice += 1;
    say('paid_twice', `order ${order.toString()} was paid out by transfers ${ids.join(', ')}`);
  }
  for (const [deposit, refunds] of refundsOfDeposit) {
    if (refunds.length < 2) continue;
    paidTwice += 1;
    const ids = refunds.map((refund) => refund.id).join(', ');
    say('refunded_twice', `deposit ${deposit.toString()} was refunded by transfers ${ids}`);
  }
  for (const { row_id, amount, allocated } of await readAllocatedOf(db, [...refundsOfDeposit.keys()])) {
    const refunded = (refundsOfDeposit.get(row_id) ?? []).reduce((sum, refund) => sum + refund.won, 0n);
    if (allocated + refunded <= amount) continue;
    paidTwice += 1;
    const gone = `${allocated.toString()} won to orders, and ${refunded.toString()} back to whoever paid it`;
    say('refunded_twice', `of deposit ${row_id.toString()} of ${amount.toString()} won went ${gone}`);
  }
  for (const order of await readPaidForNothing(db, [...paidByOrder.keys()])) {
    lost += 1;
    say(
      'lost',
      `order ${order.toString()} was paid out, though nobody has paid it, and its deposit was not taken back`,
    );
  }

  const unpaid = await readUncovered(db);
  for (const order of unpaid) {
    lost += 1;
    say('lost', `order ${order.toString()} is paid, and nothing pays it out or says why not`);
  }
  violations.push(...(await compareStatements(db, bank, accounts)), ...(await replayChain(db)));

  const waiting: Record<string, number> = {};
  for (const { state, reason, retried, kind } of transfers) {
    if (state === 'succeeded' || state === 'cancelled' || retried) continue;
    // The deposit of a refund that was not paid is in review again, and waits there.
    if (kind === 'refund' && state !== 'held') continue;
    const key = reason === null ? state : `${state}(${reason})`;
    waiting[key] = (waiting[key] ?? 0) + 1;
  }
  const succeeded = transfers.filter((transfer) => transfer.state === 'succeeded').length;
  return { transfers: transfers.length, lost, paidTwice, waiting, succeeded, violations };
}

async function readTransfers(db: Kysely<Database>): Promise<KnownTransfer[]> {
  const { rows } = await sql<KnownTransfer>`
    select t.transfer_id, t.kind, t.deposit_row_id, t.state, coalesce(t.held_reason, t.failed_reason) as reason, t.amount,
      (select p.account_fingerprint from payout_account p
       where p.payout_account_id = t.payout_account_id and p.seller_id = t.seller_id and p.approved_by <> p.requested_by) as approved_account,
      exists (select from transfer r where r.retry_of = t.transfer_id and r.state <> 'cancelled') as retried,
      coalesce(array_agg(i.order_id) filter (where i.order_id is not null), '{}') as orders
    from transfer t left join transfer_item i on i.transfer_id = t.transfer_id
    group by t.transfer_id order by t.transfer_id`.execute(db);
  return rows;
}

async function readAttempts(db: Kysely<Database>): Promise<Map<string, bigint>> {
  const rows = await db.selectFrom('transfer_attempt').select(['bank_tran_id', 'transfer_id']).execute();
  return new Map(rows.map((row) => [row.bank_tran_id, row.transfer_id]));
}

/** What of refunded deposits is allocated to orders, won. Those that the bank took back are left out: that loss has an alarm. */
async function readAllocatedOf(db: Kysely<Database>, deposits: readonly bigint[]) {
  const { rows } = await sql<{ row_id: bigint; amount: bigint; allocated: bigint }>`
    select d.row_id, d.amount,
      coalesce((select sum(a.amount) from allocation a where a.deposit_row_id = d.row_id and a.live), 0)::bigint as allocated
    from deposit d where d.row_id = any(${deposits.map(String)}::bigint[]) and d.state <> 'reversed' order by d.row_id`.execute(
    db,
  );
  return rows;
}

/** Of orders for which money has left, those that are not paid, without a deposit that the bank took back. */
async function readPaidForNothing(db: Kysely<Database>, orders: readonly bigint[]): Promise<bigint[]> {
  const { rows } = await sql<{ order_id: bigint }>`
    select o.order_id from shop_order o
    where o.order_id = any(${orders.map(String)}::bigint[]) and o.state <> 'paid' and not exists (
      select from allocation a join deposit d on d.row_id = a.deposit_row_id where a.order_id = o.order_id and d.state = 'reversed')
    order by o.order_id`.execute(db);
  return rows.map((row) => row.order_id);
}

/** Paid orders with a payout to come that are in no live transfer, and in none that failed, came back or was cancelled by a person. */
async function readUncovered(db: Kysely<Database>): Promise<bigint[]> {
  const { rows } = await sql<{ order_id: bigint }>`
    select o.order_id from shop_order o join seller s on s.seller_id = o.seller_id
    where o.state = 'paid' and o.amount > o.amount * s.fee_bp / 10000
      and not exists (
        select from transfer_item i join transfer t on t.transfer_id = i.transfer_id
        where i.order_id = o.order_id and (i.live or t.state in ('failed', 'returned') or exists (
          select from audit u where u.action = 'transfers cancel' and u.subject = 'transfer ' || t.transfer_id)))
    order by o.order_id`.execute(db);
  return rows.map((row) => row.order_id);
}

/** Every row of the bank is stored once and booked, and the books end with the bank's own balance. */
async function compareStatements(
  db: Kysely<Database>,
  bank: SimulatedBank,
  accounts: readonly string[],
): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const account of accounts) {
    const truth = new Map<string, number>();
    for (const row of bank.rows(account)) count(truth, rowKey(row), 1);
    const stored = await db
      .selectFrom('statement_row')
      .select(['occurred_at', 'direction', 'amount', 'balance_after', 'text'])
      .where('account', '=', account)
      .execute();
    for (const row of stored)
      count(truth, rowKey({ ...row, occurredAt: row.occurred_at, balanceAfter: row.balance_after }), -1);
    for (const [row, difference] of truth) {
      if (difference === 0) continue;
      const detail = `${row} is ${difference > 0 ? 'not stored' : 'stored although the bank never had it, or too often'}`;
      violations.push({ invariant: 'statement_row', detail });
    }
    const balance = bank.balance(account) ?? 0n;
    const { rows } = await sql<{ won: bigint }>`
      select coalesce(sum(case when debit = ${`bank:${account}`} then amount else -amount end), 0)::bigint as won
      from posting where debit = ${`bank:${account}`} or credit = ${`bank:${account}`}`.execute(db);
    const booked = rows[0]?.won ?? 0n;
    if (booked !== balance && stored.length > 0)
      violations.push({
        invariant: 'bank_balance',
        detail: `account ${account} holds ${balance.toString()} at the bank and ${booked.toString()} in the books`,
      });
  }
  return violations;
}

function count(counts: Map<string, number>, key: string, times: number): void {
  counts.set(key, (counts.get(key) ?? 0) + times);
}

function rowKey(row: {
  readonly occurredAt: Date;
  readonly direction: string;
  readonly amount: bigint;
  readonly balanceAfter: bigint;
  readonly text: string;
}): string {
  return [
    row.occurredAt.toISOString(),
    row.direction,
    row.amount.toString(),
    row.balanceAfter.toString(),
    row.text,
  ].join(' ');
}

/** The chain of hashes, computed anew from the postings. */
async function replayChain(db: Kysely<Database>): Promise<Violation[]> {
  const { rows } = await sql<ChainedPosting & { position: bigint; hash: Buffer }>`
    select s.position, s.hash, p.posting_id, p.debit, p.credit, p.amount, p.kind, p.row_id, p.order_id, p.transfer_id, p.attempt_id, p.at
    from posting_seal s join posting p on p.posting_id = s.posting_id order by s.position`.execute(db);
  let previous: Uint8Array = GENESIS;
  for (const row of rows) {
    const hash = chainHash(previous, row.position, row);
    if (!hash.equals(row.hash))
      return [{ invariant: 'chain', detail: `the hash at position ${row.position.toString()} is another` }];
    previous = hash;
  }
  return [];
}
