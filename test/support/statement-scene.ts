import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type {
  Bank,
  BankRefusal,
  Exchange,
  Inquiry,
  InquiryOutcome,
  RemitterPage,
  RemitterRequest,
  StatementRequest,
  StatementRow,
  TransferOrder,
} from '../../functions/bank/bank.ts';
import { kstMidnight } from '../../functions/bank/kst.ts';
import type { CycleContext, CycleSettings } from '../../functions/cycle/cycle-context.ts';
import { takeLease } from '../../functions/cycle/lease.ts';
import type { Database } from '../../functions/database.ts';
import { lookupKeys } from '../../functions/deposits/match.ts';
import {
  insertFreshRows,
  readKnownRows,
  beginCursor,
} from '../../functions/deposits/statement.repository.ts';
import { identifyRows } from '../../functions/deposits/row-identity.ts';
import { createVault } from '../../functions/shared/encryption.ts';
import { won } from '../../functions/shared/money.ts';
import { claim, type Claim, type ClaimContext } from '../../functions/transfers/claim.step.ts';
import { leaveUnknown, recordSuccess } from '../../functions/transfers/outcome.repository.ts';
import type { DispatchedTransfer } from '../../functions/transfers/transfer-queue.client.ts';
import type { TestDatabase } from './database.ts';

/** The collection account of these tests, which is the payout account, too, unless a test says otherwise. */
export const ACCOUNT = '120211385488932372464046';

export const vault = createVault({
  current: 'k1',
  keys: { k1: randomBytes(32).toString('base64') },
  fingerprint: randomBytes(32).toString('base64'),
});

/** The day on which these tests happen, and an instant of it, Korean time: `at('10:00:05')`. */
export const TODAY = '2026-03-10';
export const at = (time: string, date = TODAY) => new Date(`${date}T${time}+09:00`);
export const minutes = (count: number) => count * 60_000;
export const later = (instant: Date, ms: number) => new Date(instant.getTime() + ms);

const SETTINGS: CycleSettings = {
  collectionAccount: ACCOUNT,
  payoutAccount: ACCOUNT,
  organisationCode: 'F123456789',
  cycleMs: minutes(5),
  absenceWaitMs: minutes(15),
  pageSize: 1000,
  maxSends: 5,
  limits: { transfer: undefined, day: undefined },
};

/** An account's statement that is written row by row, with the balances that follow. */
export class Statement {
  readonly rows: StatementRow[] = [];
  #balance: bigint;

  constructor(balance = 1_000_000n) {
    this.#balance = balance;
  }

  in(amount: bigint, text: string, occurredAt: Date, kind = ''): StatementRow {
    return this.#add('in', amount, text, occurredAt, kind);
  }

  out(amount: bigint, text: string, occurredAt: Date, kind = ''): StatementRow {
    return this.#add('out', amount, text, occurredAt, kind);
  }

  #add(direction: 'in' | 'out', amount: bigint, text: string, occurredAt: Date, kind: string): StatementRow {
    this.#balance += direction === 'in' ? amount : -amount;
    const balanceAfter = won(this.#balance);
    const row = { occurredAt, direction, amount: won(amount), balanceAfter, text, kind, branch: '' };
    this.rows.push(row);
    return row;
  }
}

export const exchangeOf = (
  operation: Exchange['operation'],
  bodies: { request?: string; answer?: string } = {},
): Exchange => ({
  operation,
  path: '/v2.0/test',
  requestBody: bodies.request ?? '',
  requestedAt: at('10:00:00'),
  httpStatus: 200,
  responseBody: bodies.answer ?? '{}',
  elapsedMs: 3,
});

export const refusal = (operation: Exchange['operation'] = 'transaction_list'): BankRefusal => ({
  outcome: 'refused',
  cause: 'unavailable',
  detail: 'ECONNREFUSED',
  exchange: exchangeOf(operation),
});

/** A bank that shows given rows, and does what a test tells it to do. */
export class ScriptedBank implements Bank {
  readonly requests: StatementRequest[] = [];
  readonly inquiries: Inquiry[] = [];
  /** Rows a page. */
  pageRows = 25;
  /** Rows of the page before that a page repeats. */
  repeats = 0;
  /** Asked before each page, counted from 1: a refusal stands for the page; whatever else it does happens meanwhile. */
  beforePage: (count: number, request: StatementRequest) => BankRefusal | undefined | Promise<undefined> =
    () => undefined;
  answerInquiry: (inquiry: Inquiry) => InquiryOutcome | BankRefusal = () => refusal('transfer_result');
  /** What it was asked about senders, in order, and what it answers. */
  readonly senderRequests: RemitterRequest[] = [];
  answerSenders: (request: RemitterRequest) => RemitterPage | BankRefusal = () => refusal('remitter_list');
  shown: readonly StatementRow[];

  constructor(shown: readonly StatementRow[] = []) {
    this.shown = shown;
  }

  async listTransactions(request: StatementRequest) {
    this.requests.push(request);
    const refused = await this.beforePage(this.requests.length, request);
    if (refused) return refused;
    const start = Number(request.page ?? '0');
    const inRange = this.shown
      .filter((row) => row.occurredAt >= request.from && row.occurredAt <= request.to)
      .sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
    const end = start + this.pageRows;
    const rows = inRange.slice(Math.max(start - this.repeats, 0), end);
    const answer = JSON.stringify(rows.map((row) => [row.text, row.amount.toString()]));
    return {
      outcome: 'page' as const,
      rows,
      ...(end < inRange.length ? { nextPage: end.toString() } : {}),
      exchange: exchangeOf('transaction_list', { request: `account 110-123-456789`, answer }),
    };
  }

  listRemitters(request: RemitterRequest) {
    this.senderRequests.push(request);
    return Promise.resolve(this.answerSenders(request));
  }

  prepareTransfer(): never {
    throw new Error('a cycle prepares no transfer');
  }

  sendTransfer(): never {
    throw new Error('a cycle sends no transfer');
  }

  inquire(inquiries: readonly Inquiry[]) {
    this.inquiries.push(...inquiries);
    const byBankTranId = new Map<string, InquiryOutcome>();
    for (const inquiry of inquiries) {
      const answer = this.answerInquiry(inquiry);
      if (answer.outcome === 'refused') return Promise.resolve(answer);
      byBankTranId.set(inquiry.bankTranId, answer);
    }
    return Promise.resolve({
      outcome: 'answered' as const,
      byBankTranId,
      exchange: exchangeOf('transfer_result'),
    });
  }
}

/** A queue that remembers what it was given. */
export class ScriptedQueue {
  readonly dispatched: DispatchedTransfer[] = [];
  down = false;
  dispatch(transfers: readonly DispatchedTransfer[]): Promise<{ notTaken: number }> {
    if (this.down) return Promise.reject(new Error('the queue is down'));
    this.dispatched.push(...transfers);
    return Promise.resolve({ notTaken: 0 });
  }
}

type Overrides = Partial<Omit<CycleContext, 'settings'>> & { settings?: Partial<CycleSettings> };

/** A cycle's context at an instant, under a lease of its own; the lease before it is lost. */
export async function cycleAt(
  test: TestDatabase,
  now: Date,
  overrides: Overrides = {},
): Promise<CycleContext> {
  const past = new Date(0);
  await test.owner.updateTable('lease').set({ ends_at: past }).execute();
  const token = await takeLease(test.db, 'test', now, minutes(5));
  if (token === undefined) throw new Error('the lease was not free');
  return {
    db: test.db,
    bank: new ScriptedBank(),
    queue: new ScriptedQueue(),
    vault,
    now,
    token,
    hasTime: () => true,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    ...overrides,
    settings: { ...SETTINGS, ...overrides.settings },
  };
}

/** Stores a statement's rows as a read of them all would. */
export async function storeStatement(
  db: Kysely<Database>,
  rows: readonly StatementRow[],
  account = ACCOUNT,
  readThrough = at('23:59:59'),
): Promise<bigint[]> {
  return await db.transaction().execute(async (trx) => {
    await beginCursor(trx, account, kstMidnight(TODAY));
    const range = { from: new Date(0), to: at('23:59:59', '2099-12-31') };
    const known = await readKnownRows(trx, account, range);
    const { fresh } = identifyRows(rows, known.rows);
    await insertFreshRows(trx, account, fresh, readThrough);
    await trx
      .updateTable('collect_cursor')
      .set({ read_through: readThrough })
      .where('account', '=', account)
      .execute();
    const stored = await trx
      .selectFrom('statement_row')
      .select('row_id')
      .where('account', '=', account)
      .orderBy('row_id')
      .execute();
    return stored.map((row) => row.row_id);
  });
}

let sellers = 0;

export async function addSeller(
  db: Kysely<Database>,
  seller: {
    feeBp?: number;
    grouping?: 'page' | 'order';
    account?: boolean;
    dailyLimit?: bigint;
    mayOwe?: boolean;
  } = {},
): Promise<string> {
  sellers += 1;
  const sellerId = `seller-${sellers}`;
  await db
    .insertInto('seller')
    .values({
      seller_id: sellerId,
      name: sellerId,
      fee_bp: seller.feeBp ?? 100,
      payout_grouping: seller.grouping ?? 'page',
      transfer_limit_won: null,
      daily_limit_won: seller.dailyLimit ?? null,
      may_owe: seller.mayOwe ?? false,
      created_at: at('00:00:00'),
    })
    .execute();
  if (seller.account === false) return sellerId;
  const encrypted = vault.encrypt('account-number', '11012345678');
  await db
    .insertInto('payout_account')
    .values({
      seller_id: sellerId,
      bank_code: '088',
      account_number_ciphertext: encrypted.ciphertext,
      account_number_key_id: encrypted.keyId,
      account_number_masked: '*******5678',
      account_fingerprint: vault.fingerprint(sellerId),
      account_holder: '홍길동',
      state: 'approved',
      requested_by: 'a',
      requested_at: at('00:00:00'),
      approved_by: 'b',
      approved_at: at('00:00:00'),
    })
    .execute();
  return sellerId;
}

let orders = 0;

export interface NewOrder {
  readonly sellerId: string;
  readonly name: string;
  readonly amount: bigint;
  readonly opensAt?: Date;
  readonly expiresAt?: Date | null;
  readonly issued?: boolean;
  readonly createdAt?: Date;
}

export async function addOrders(db: Kysely<Database>, wanted: readonly NewOrder[]): Promise<bigint[]> {
  const values = wanted.map((order) => {
    orders += 1;
    const letters = order.name.replaceAll(/[0-9]/g, '');
    return {
      shop_id: 'shop',
      shop_order_id: `order-${orders}`,
      seller_id: order.sellerId,
      recipient_name: letters,
      recipient_letters: letters,
      depositor_name: order.name,
      depositor_letters: letters,
      depositor_name_issued: order.issued ?? false,
      amount: order.amount,
      outstanding: order.amount,
      state: 'awaiting_deposit' as const,
      opens_at: order.opensAt ?? at('09:00:00'),
      expires_at: order.expiresAt === undefined ? at('22:00:00') : order.expiresAt,
      paid_at: null,
      closed_at: null,
      created_at: order.createdAt ?? at('09:00:00'),
    };
  });
  const inserted = await db.insertInto('shop_order').values(values).returning('order_id').execute();
  return inserted.map((row) => row.order_id);
}

export async function addOrder(db: Kysely<Database>, order: NewOrder): Promise<bigint> {
  const [orderId] = await addOrders(db, [order]);
  return orderId!;
}

/** Which cluster this is, without which nothing can be claimed. */
export async function install(test: TestDatabase): Promise<void> {
  await test.owner
    .insertInto('installation')
    .values({ database_identity: 'test', id_epoch: 0, installed_at: at('00:00:00') })
    .onConflict((oc) => oc.doNothing())
    .execute();
}

/** Sets an order's state as whoever cancels it does. */
export const cancelOrder = (db: Kysely<Database>, orderId: bigint) =>
  db
    .updateTable('shop_order')
    .set({ state: 'cancelled', closed_at: at('12:00:00') })
    .where('order_id', '=', orderId)
    .where('state', '=', 'awaiting_deposit')
    .executeTakeFirstOrThrow();

export const namesOf = (text: string) => lookupKeys(text).names;

/** Every balance, computed from all postings, as a replay would. */
export async function replayedBalances(db: Kysely<Database>): Promise<Record<string, bigint>> {
  const postings = await db.selectFrom('posting').select(['debit', 'credit', 'amount']).execute();
  const balances: Record<string, bigint> = {};
  const add = (account: string, amount: bigint) => {
    balances[account] = (balances[account] ?? 0n) + amount;
  };
  for (const { debit, credit, amount } of postings) {
    add(debit, debit.startsWith('bank:') ? amount : -amount);
    add(credit, credit.startsWith('bank:') ? -amount : amount);
  }
  return balances;
}

/** The signed invariant: what the bank holds, and all others that have a claim on it. Zero, whatever happens. */
export function imbalance(balances: Readonly<Record<string, bigint>>): bigint {
  return Object.entries(balances).reduce(
    (sum, [account, balance]) => (account.startsWith('bank:') ? sum + balance : sum - balance),
    0n,
  );
}

/** What a settlement function claims with. */
export function claimContext(test: TestDatabase): ClaimContext {
  return {
    db: test.db,
    bank: {
      prepareTransfer: ({ bankTranId, amount }: TransferOrder) => ({
        bankTranId,
        amount,
        path: '',
        body: '',
      }),
    },
    vault,
    payoutAccount: ACCOUNT,
    organisationCode: SETTINGS.organisationCode,
  };
}

/** Every transfer that is planned goes through the queue and is claimed at an instant, in the order of their ids. */
export async function claimPlanned(test: TestDatabase, now: Date): Promise<Claim[]> {
  await install(test);
  const planned = await test.db
    .updateTable('transfer')
    .set({ state: 'queued', dispatched_at: now })
    .where('state', '=', 'planned')
    .returning('transfer_id')
    .execute();
  const claims: Claim[] = [];
  for (const { transfer_id } of planned.sort((a, b) => (a.transfer_id < b.transfer_id ? -1 : 1))) {
    const claimed = await claim(claimContext(test), transfer_id, now);
    if (claimed.outcome !== 'claimed') throw new Error(`the claim was ${claimed.outcome}`);
    claims.push(claimed.claim);
  }
  return claims;
}

/** The bank has answered a claim with success. */
export const succeed = async (test: TestDatabase, { posted, token }: Claim, now: Date) =>
  await test.db.transaction().execute(
    async (trx) =>
      await recordSuccess(trx, {
        attemptId: posted.attemptId,
        token,
        source: 'send',
        verdict: 'succeeded',
        code: 'A0000',
        at: now,
      }),
  );

/** The bank's answer to a claim never came. */
export const leaveInDoubt = async (test: TestDatabase, { posted, token }: Claim) =>
  await test.db.transaction().execute(async (trx) => await leaveUnknown(trx, posted.transferId, token));

/** The text of a claim's withdrawal on our statement. */
export async function referenceOf(test: TestDatabase, { posted }: Claim): Promise<string> {
  const attempt = await test.db
    .selectFrom('transfer_attempt')
    .select('reference')
    .where('attempt_id', '=', posted.attemptId)
    .executeTakeFirstOrThrow();
  return attempt.reference;
}
