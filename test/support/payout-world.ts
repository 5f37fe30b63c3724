import { randomBytes } from 'node:crypto';
import { sql, type Kysely } from 'kysely';
import type { CycleContext, CycleSettings } from '../../functions/cycle/cycle-context.ts';
import { takeLease } from '../../functions/cycle/lease.ts';
import type { Database } from '../../functions/database.ts';
import { insertMatches } from '../../functions/deposits/match.repository.ts';
import { insertWithdrawals } from '../../functions/deposits/book.repository.ts';
import { reverseDeposit } from '../../functions/deposits/reverse.step.ts';
import { insertPostings } from '../../functions/ledger/ledger.repository.ts';
import { allocationPostings, depositPosting } from '../../functions/ledger/postings.ts';
import {
  createVault,
  maskAccountNumber,
  type DataKeys,
  type Vault,
} from '../../functions/shared/encryption.ts';
import { won, type BasisPoints } from '../../functions/shared/money.ts';
import { dispatch } from '../../functions/transfers/dispatch.step.ts';
import { insertTransfers, readSellers } from '../../functions/transfers/plan.repository.ts';
import { planTransfers, type PaidOrder } from '../../functions/transfers/plan.ts';
import type { SettleContext } from '../../functions/transfers/settle.step.ts';
import { insertRefund } from '../../functions/transfers/refund.repository.ts';
import { raiseStop } from '../../functions/transfers/stops.repository.ts';
import type { StopName, Transfer, TransferAttempt } from '../../functions/transfers/transfer.table.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createRecordingQueue, type RecordingQueue } from './recording-queue.ts';
import { createScriptedBank, type ScriptedBank } from './scripted-bank.ts';
import { createSetClock, type SetClock } from './set-clock.ts';

export const COLLECTION = 'collection-account';
export const PAYOUT = 'payout-account';
export const ORGANISATION = 'T123456789';
/** A Monday morning in Seoul. */
export const MORNING = new Date('2026-03-02T10:00:00+09:00');
export const MINUTE_MS = 60_000;

const SETTINGS: CycleSettings = {
  collectionAccount: COLLECTION,
  payoutAccount: PAYOUT,
  organisationCode: ORGANISATION,
  cycleMs: 5 * MINUTE_MS,
  absenceWaitMs: 15 * MINUTE_MS,
  pageSize: 100,
  maxSends: 3,
  limits: { transfer: undefined, day: undefined },
};

/** All that paying out needs: a database, a bank, a queue and a clock of a test's own. */
export interface PayoutWorld {
  readonly test: TestDatabase;
  readonly db: Kysely<Database>;
  readonly bank: ScriptedBank;
  readonly queue: RecordingQueue;
  readonly clock: SetClock;
  readonly vault: Vault;
  readonly dataKeys: DataKeys;
  /** What was warned of, by message. */
  readonly warnings: string[];
  /** The token of the cycle's lease. */
  readonly token: bigint;
  close(): Promise<void>;
}

export async function openPayoutWorld(at: Date | string = MORNING): Promise<PayoutWorld> {
  const test = await createTestDatabase();
  const clock = createSetClock(at);
  const dataKeys = {
    current: 'key-1',
    keys: { 'key-1': randomBytes(32).toString('base64') },
    fingerprint: randomBytes(32).toString('base64'),
  };
  const token = await takeLease(test.db, 'test', clock.now(), 60 * MINUTE_MS);
  if (token === undefined) throw new Error('a new database has a lease that somebody holds');
  return {
    test,
    db: test.db,
    bank: createScriptedBank(),
    queue: createRecordingQueue(),
    clock,
    vault: createVault(dataKeys),
    dataKeys,
    warnings: [],
    token,
    close: () => test.close(),
  };
}

/** A cycle's context at the clock's time. */
export function cycleContext(world: PayoutWorld, settings: Partial<CycleSettings> = {}): CycleContext {
  return {
    db: world.db,
    bank: world.bank,
    queue: world.queue,
    vault: world.vault,
    now: world.clock.now(),
    token: world.token,
    settings: { ...SETTINGS, ...settings },
    hasTime: () => true,
    log: {
      info: () => undefined,
      warn: (message) => void world.warnings.push(message),
      error: (message) => void world.warnings.push(message),
    },
  };
}

export function settleContext(world: PayoutWorld): SettleContext {
  return {
    db: world.db,
    bank: world.bank,
    clock: world.clock,
    vault: world.vault,
    payoutAccount: PAYOUT,
    organisationCode: ORGANISATION,
  };
}

export interface SellerOptions {
  readonly feeBp?: number;
  readonly grouping?: 'page' | 'order';
  readonly transferLimit?: bigint;
  readonly dailyLimit?: bigint;
  readonly mayOwe?: boolean;
  /** Without one, payouts are held until an account is approved. */
  readonly accountNumber?: string | undefined;
}

const DEFAULT_ACCOUNT = '110222333444';

/** The part of a world in which sellers live. */
export type SellersWorld = Pick<PayoutWorld, 'db' | 'clock' | 'vault'>;

/** A seller, with an approved payout account unless `accountNumber` is given as `undefined`. */
export async function addSeller(
  world: SellersWorld,
  sellerId: string,
  options: SellerOptions = {},
): Promise<void> {
  await world.db
    .insertInto('seller')
    .values({
      seller_id: sellerId,
      name: `판매자 ${sellerId}`,
      fee_bp: options.feeBp ?? 0,
      payout_grouping: options.grouping ?? 'page',
      transfer_limit_won: options.transferLimit ?? null,
      daily_limit_won: options.dailyLimit ?? null,
      may_owe: options.mayOwe ?? false,
      created_at: world.clock.now(),
    })
    .execute();
  const number = 'accountNumber' in options ? options.accountNumber : DEFAULT_ACCOUNT;
  if (number !== undefined) await approveAccount(world, sellerId, number);
}

/** Approves an account as the seller's only one. */
export async function approveAccount(
  world: SellersWorld,
  sellerId: string,
  accountNumber: string,
): Promise<bigint> {
  await retireAccounts(world, sellerId);
  const encrypted = world.vault.encrypt('account-number', accountNumber);
  const { payout_account_id } = await world.db
    .insertInto('payout_account')
    .values({
      seller_id: sellerId,
      bank_code: '088',
      account_number_ciphertext: encrypted.ciphertext,
      account_number_key_id: encrypted.keyId,
      account_number_masked: maskAccountNumber(accountNumber),
      account_fingerprint: world.vault.fingerprint(accountNumber),
      account_holder: `예금주 ${sellerId}`,
      state: 'approved',
      requested_by: 'kim',
      requested_at: world.clock.now(),
      approved_by: 'lee',
      approved_at: world.clock.now(),
    })
    .returning('payout_account_id')
    .executeTakeFirstOrThrow();
  return payout_account_id;
}

export async function retireAccounts(world: SellersWorld, sellerId: string): Promise<void> {
  await world.db
    .updateTable('payout_account')
    .set({ state: 'retired' })
    .where('seller_id', '=', sellerId)
    .where('state', '=', 'approved')
    .execute();
}

let depositRows = 0n;

/** An order that a deposit has paid, with the deposit and its allocation in the books. */
export async function addPaidOrder(world: PayoutWorld, sellerId: string, amount: bigint): Promise<PaidOrder> {
  depositRows += 1n;
  const rowId = 1_000_000n + depositRows;
  const now = world.clock.now();
  return await world.db.transaction().execute(async (trx) => {
    const depositorName = `홍길동${rowId.toString()}`;
    const { order_id } = await trx
      .insertInto('shop_order')
      .values({
        shop_id: 'shop',
        shop_order_id: `order-${rowId.toString()}`,
        seller_id: sellerId,
        recipient_name: '홍길동',
        recipient_letters: '홍길동',
        depositor_name: depositorName,
        depositor_letters: '홍길동',
        depositor_name_issued: false,
        amount,
        outstanding: amount,
        state: 'awaiting_deposit',
        opens_at: now,
        expires_at: null,
        paid_at: null,
        closed_at: null,
        created_at: now,
      })
      .returning('order_id')
      .executeTakeFirstOrThrow();
    const row = {
      rowId,
      account: COLLECTION,
      occurredAt: now,
      direction: 'in',
      amount: won(amount),
      balanceAfter: amount,
      text: depositorName,
      kind: '',
      possibleDuplicate: false,
    } as const;
    const order = {
      orderId: order_id,
      sellerId,
      depositorName,
      recipientName: '홍길동',
      amount: won(amount),
      state: 'awaiting_deposit',
      opensAt: now,
      expiresAt: undefined,
    } as const;
    await insertMatches(trx, [{ row, names: [depositorName], order }], now);
    const seller = await trx
      .selectFrom('seller')
      .select('fee_bp')
      .where('seller_id', '=', sellerId)
      .executeTakeFirstOrThrow();
    const paid = { orderId: order_id, sellerId, parts: [{ rowId, amount: won(amount) }] };
    await insertPostings(
      trx,
      [
        depositPosting(COLLECTION, rowId, won(amount)),
        ...allocationPostings(paid, seller.fee_bp as BasisPoints),
      ],
      now,
    );
    return { orderId: order_id, sellerId, amount: won(amount), depositedAt: now };
  });
}

/** The bank takes an order's deposit back. */
export async function takeDepositBack(world: PayoutWorld, orderId: bigint): Promise<void> {
  const now = world.clock.now();
  await world.db.transaction().execute(async (trx) => {
    const { deposit_row_id, amount } = await trx
      .selectFrom('allocation')
      .select(['deposit_row_id', 'amount'])
      .where('order_id', '=', orderId)
      .executeTakeFirstOrThrow();
    const row = {
      rowId: deposit_row_id + 1_000_000n,
      account: COLLECTION,
      occurredAt: now,
      direction: 'out',
      amount: won(amount),
      balanceAfter: 0n,
      text: '',
      kind: '취소',
      possibleDuplicate: false,
    } as const;
    await reverseDeposit(trx, { now }, row, deposit_row_id);
    await insertWithdrawals(trx, [{ row, state: 'reversal' }], now);
  });
}

/** Plans paid orders, as a cycle's page does. Answers the new transfers' ids. */
export async function plan(world: PayoutWorld, paid: readonly PaidOrder[]): Promise<bigint[]> {
  return await world.db.transaction().execute(async (trx) => {
    const { last } = await trx
      .selectFrom('transfer')
      .select((eb) => eb.fn.coalesce(eb.fn.max('transfer_id'), sql<bigint>`0::bigint`).as('last'))
      .executeTakeFirstOrThrow();
    const sellers = await readSellers(
      trx,
      [...new Set(paid.map((order) => order.sellerId))],
      world.clock.now(),
    );
    await insertTransfers(trx, planTransfers(paid, sellers), world.clock.now());
    const rows = await trx
      .selectFrom('transfer')
      .select('transfer_id')
      .where('transfer_id', '>', last)
      .orderBy('transfer_id')
      .execute();
    return rows.map((row) => row.transfer_id);
  });
}

/** One planned transfer of one order of this amount, of a seller who is added unless known. */
export async function planOne(world: PayoutWorld, amount: bigint, sellerId = 'seller'): Promise<bigint> {
  const known = await world.db
    .selectFrom('seller')
    .select('seller_id')
    .where('seller_id', '=', sellerId)
    .executeTakeFirst();
  if (known === undefined) await addSeller(world, sellerId);
  const [transferId] = await plan(world, [await addPaidOrder(world, sellerId, amount)]);
  if (transferId === undefined) throw new Error(`an order of ${amount.toString()} won was not planned`);
  return transferId;
}

/** A refund of a deposit that nobody's order took, as two people plan it. */
export async function refundOne(world: PayoutWorld, amount: bigint): Promise<bigint> {
  depositRows += 1n;
  const rowId = 5_000_000n + depositRows;
  const now = world.clock.now();
  return await world.db.transaction().execute(async (trx) => {
    await insertPostings(trx, [depositPosting(COLLECTION, rowId, won(amount))], now);
    await trx
      .insertInto('deposit')
      .values({
        row_id: rowId,
        account: COLLECTION,
        occurred_at: now,
        amount,
        remaining: 0n,
        text: '김철수',
        names: [],
        state: 'refund_pending',
        reason: 'name_unknown',
        return_of_transfer_id: null,
        decided_at: now,
      })
      .execute();
    const to = { bankCode: '088', accountNumber: '220333444555', holder: '김철수' };
    const refund = { depositRowId: rowId, amount: won(amount), to };
    return (await insertRefund(trx, world.vault, refund, now)).transferId;
  });
}

/** The same as `planOne`, dispatched. */
export async function queueOne(world: PayoutWorld, amount: bigint, sellerId = 'seller'): Promise<bigint> {
  const transferId = await planOne(world, amount, sellerId);
  await dispatch(cycleContext(world));
  return transferId;
}

export async function transferOf(world: PayoutWorld, transferId: bigint): Promise<Transfer> {
  return await world.db
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', transferId)
    .executeTakeFirstOrThrow();
}

/** The state alone, with what it was held or failed for: `held(limit)`. */
export async function stateOf(world: PayoutWorld, transferId: bigint): Promise<string> {
  const { state, held_reason, failed_reason } = await transferOf(world, transferId);
  const reason = held_reason ?? failed_reason;
  return reason === null ? state : `${state}(${reason})`;
}

export async function attemptsOf(world: PayoutWorld, transferId: bigint): Promise<TransferAttempt[]> {
  return await world.db
    .selectFrom('transfer_attempt')
    .selectAll()
    .where('transfer_id', '=', transferId)
    .orderBy('n')
    .execute();
}

/** What was said of a transfer's attempts, oldest first: `send:failed`. */
export async function evidenceOf(world: PayoutWorld, transferId: bigint): Promise<string[]> {
  const rows = await world.db
    .selectFrom('attempt_evidence as e')
    .innerJoin('transfer_attempt as a', 'a.attempt_id', 'e.attempt_id')
    .select(['e.source', 'e.verdict'])
    .where('a.transfer_id', '=', transferId)
    .orderBy('e.evidence_id')
    .execute();
  return rows.map((row) => `${row.source}:${row.verdict}`);
}

/** The kinds of a transfer's postings, in their order. */
export async function postingsOf(world: PayoutWorld, transferId: bigint): Promise<string[]> {
  const rows = await world.db
    .selectFrom('posting')
    .select('kind')
    .where('transfer_id', '=', transferId)
    .orderBy('posting_id')
    .execute();
  return rows.map((row) => row.kind);
}

export async function alarmsOf(world: PayoutWorld): Promise<string[]> {
  const rows = await world.db.selectFrom('alarm').select('name').orderBy('alarm_id').execute();
  return rows.map((row) => row.name);
}

/** Raises a stop, as a person or another step does. */
export async function stop(
  world: PayoutWorld,
  name: StopName,
  retryAt?: Date,
  db: Kysely<Database> = world.db,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await raiseStop(trx, {
      name,
      reason: 'a test says so',
      by: 'test',
      at: world.clock.now(),
      ...(retryAt === undefined ? {} : { retryAt }),
    });
  });
}

/** Ends every stop, as two people or the cycle would. */
export async function endStops(world: PayoutWorld): Promise<void> {
  await world.db.updateTable('payout_stop').set({ active: false, retry_at: null }).execute();
}

/** Begins to read an account, unless it is begun. */
export async function beginAccount(world: PayoutWorld, account: string, beginsAt: Date): Promise<void> {
  await world.db
    .insertInto('collect_cursor')
    .values({ account, begins_at: beginsAt, read_through: beginsAt, reread_on: null })
    .onConflict((oc) => oc.column('account').doNothing())
    .execute();
}

/** Another cycle takes the lease over. */
export async function loseLease(world: PayoutWorld): Promise<void> {
  await world.db
    .updateTable('lease')
    .set((eb) => ({ token: eb('token', '+', 1n) }))
    .execute();
}

export interface RowOptions {
  readonly amount: bigint;
  readonly direction?: 'in' | 'out';
  readonly text?: string;
  readonly at?: Date;
  readonly balanceAfter?: bigint;
  readonly account?: string;
  /** Whether booking has gone over it. */
  readonly booked?: boolean;
}

/** Stores a row of the payout account's statement. */
export async function addStatementRow(world: PayoutWorld, row: RowOptions): Promise<bigint> {
  const account = row.account ?? PAYOUT;
  const { row_id } = await world.db
    .insertInto('statement_row')
    .values({
      account,
      occurred_at: row.at ?? world.clock.now(),
      direction: row.direction ?? 'out',
      amount: row.amount,
      balance_after: row.balanceAfter ?? 0n,
      text: row.text ?? '',
      kind: '',
      branch: '',
      ordinal: 1,
      possible_duplicate: false,
      collected_at: world.clock.now(),
    })
    .returning('row_id')
    .executeTakeFirstOrThrow();
  if (row.booked !== false) {
    await world.db
      .updateTable('collect_cursor')
      .set({ booked_through: row_id })
      .where('account', '=', account)
      .execute();
  }
  return row_id;
}

/** How many connections of the world's database wait for a lock at this moment. */
export async function lockWaiters(world: Pick<PayoutWorld, 'test'>): Promise<bigint> {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(world.test.owner);
  return rows[0]?.count ?? 0n;
}
