import type { Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { cancelOrder, placeOrders, type OrderToPlace } from '../../functions/orders/order.repository.ts';
import { maskAccountNumber, type Vault } from '../../functions/shared/encryption.ts';
import { won } from '../../functions/shared/money.ts';
import { raiseStop } from '../../functions/transfers/stops.repository.ts';
import type { SimulatedRow } from '../bank-simulator/bank-state.ts';
import type { SimulatedBank } from '../bank-simulator/simulated-bank.ts';
import { payBill } from '../demo/buyers.ts';
import type { SimulatedPool } from './connections.ts';
import type { WorldState } from './world-state.ts';

const MINUTE_MS = 60_000;

export interface SimulatedSeller {
  readonly sellerId: string;
  readonly bankCode: string;
  readonly holder: string;
  /** The number of the account that it is paid to, if it has told one. */
  accountNumber: string | undefined;
}

/** What people see of a world, and what they do it with. */
export interface People {
  readonly state: WorldState;
  readonly bank: SimulatedBank;
  readonly vault: Vault;
  /** A program of theirs, with the application's rights; statements are events of the world. */
  readonly db: Kysely<Database>;
  readonly pool: SimulatedPool;
  readonly accounts: { readonly collection: string; readonly payout: string };
  readonly sellers: readonly SimulatedSeller[];
  /** How long they go on, ms after the beginning. */
  readonly untilMs: number;
  /** Does something now, as one of them; a failure is a mistake of the program. */
  act(who: string, what: string, work: () => Promise<void>): void;
}

/** One kind of people. Whatever it does, it does by events that `begin` schedules; more kinds are added to the list below. */
export interface Person {
  readonly name: string;
  begin(people: People): void;
}

export const PEOPLE: readonly Person[] = [
  { name: 'shops and buyers', begin: shopsAndBuyers },
  { name: 'the bank takes deposits back', begin: reversals },
  { name: 'the owner takes money', begin: ownersWithdrawals },
  { name: 'somebody takes money', begin: unexplainedWithdrawals },
  { name: 'payees close accounts', begin: closedDestinations },
  { name: 'the owner funds the payout account', begin: topUps },
  { name: 'operators halt payouts', begin: halts },
  { name: 'operators end halts', begin: resumptions },
  { name: 'operators approve accounts', begin: approvals },
];

const NAMES = [
  '김민수',
  '이서연',
  '박지훈',
  '최은주',
  '정하늘',
  '남궁민수',
  'John Smith',
  '윤',
  '한예린',
] as const;

export const OWNERS_TEXT = '대표자';

/** Shops place orders by the handful; buyers pay some minutes later, one way or another; some orders are cancelled. */
function shopsAndBuyers(people: People): void {
  const { state, untilMs } = people;
  const { random, timeline } = state;
  let placed = 0;
  while (placed < state.plan.orders) {
    const count = Math.min(random.integer(1, 12), state.plan.orders - placed);
    const first = placed;
    placed += count;
    timeline.after(random.integer(0, untilMs), () =>
      people.act('shop', `places orders ${first + 1} to ${first + count}`, () => place(people, first, count)),
    );
  }
}

async function place(people: People, first: number, count: number): Promise<void> {
  const { state, db, sellers } = people;
  const { random, timeline } = state;
  const now = timeline.now();
  const orders: OrderToPlace[] = Array.from({ length: count }, (_, index) => ({
    shopId: 'shop',
    shopOrderId: `${first + index + 1}`,
    sellerId: random.pick(sellers).sellerId,
    recipientName: random.pick(NAMES),
    amount: won(BigInt(random.integer(1, 200)) * 1000n + BigInt(random.integer(0, 9)) * 100n),
    opensAt: now,
    expiresAt: random.chance(0.9) ? new Date(now.getTime() + random.integer(20, 90) * MINUTE_MS) : undefined,
  }));
  const placed = await db
    .transaction()
    .execute((trx) => placeOrders(trx, orders, now, () => random.fraction()));
  const byShopId = new Map(orders.map((order) => [order.shopOrderId, order]));
  for (const { shopOrderId, depositorName } of placed) {
    const order = byShopId.get(shopOrderId);
    if (order === undefined) throw new Error(`order ${shopOrderId} was placed and not asked for`);
    const bill = { depositorName, recipientName: order.recipientName, amount: order.amount };
    for (const payment of payBill(bill, () => random.fraction())) {
      const inMs = random.chance(0.05)
        ? random.integer(30, 110) * MINUTE_MS
        : random.integer(1, 15 * 60) * 1000;
      timeline.after(inMs, () => pay(people, shopOrderId, payment));
    }
    if (state.befalls('order_cancelled')) {
      timeline.after(random.integer(1, 25 * 60) * 1000, () =>
        people.act('shop', `cancels order ${shopOrderId}`, () => cancel(people, shopOrderId)),
      );
    }
  }
}

function pay(
  { state, bank, accounts }: People,
  shopOrderId: string,
  payment: ReturnType<typeof payBill>[number],
): void {
  if (state.hasCeased) return;
  const row = bank.deposit({ account: accounts.collection, ...payment });
  state.record('buyer', `pays ${row.amount.toString()} as ${row.text} for order ${shopOrderId}`, true);
}

async function cancel({ state, db, pool }: People, shopOrderId: string): Promise<void> {
  const outcome = await db
    .transaction()
    .execute((trx) => cancelOrder(trx, 'shop', shopOrderId, state.timeline.now()));
  if (outcome !== 'cancelled' && pool.rowsWrittenLast > 0)
    state.violate('refused_leaves_no_trace', `cancelling order ${shopOrderId} was answered ${outcome}`);
}

/** Every so many minutes, with this probability, something happens. */
function nowAndThen(people: People, everyMinutes: number, happen: () => void): void {
  const { random, timeline } = people.state;
  for (
    let atMs = random.integer(0, everyMinutes * MINUTE_MS);
    atMs < people.untilMs;
    atMs += everyMinutes * MINUTE_MS
  )
    timeline.after(atMs, happen);
}

function reversals(people: People): void {
  const { state, bank, accounts } = people;
  const undone = new Set<SimulatedRow>();
  nowAndThen(people, 3, () => {
    const rows = bank.rows(accounts.collection).filter((row) => row.direction === 'in' && !undone.has(row));
    if (rows.length === 0 || !state.befalls('deposit_reversed', state.rateOf('deposit_reversed') * 3)) return;
    const row = state.random.pick(rows);
    // A payout that bounced is no deposit that a bank takes back.
    if (row.text.startsWith('ST') || (bank.balance(accounts.collection) ?? 0n) < row.amount) return;
    undone.add(row);
    bank.withdraw({ account: accounts.collection, amount: row.amount, text: row.text, kind: '입금취소' });
    state.record('bank', `takes the deposit of ${row.amount.toString()} as ${row.text} back`, true);
  });
}

function ownersWithdrawals(people: People): void {
  const { state, bank, accounts } = people;
  nowAndThen(people, 10, () => {
    const amount = won(BigInt(state.random.integer(1, 50)) * 10_000n);
    if ((bank.balance(accounts.payout) ?? 0n) < amount || !state.befalls('withdrawal_by_owner')) return;
    bank.withdraw({ account: accounts.payout, amount, text: OWNERS_TEXT });
    state.record('owner', `takes ${amount.toString()}`, true);
  });
}

function unexplainedWithdrawals(people: People): void {
  const { state, bank, accounts } = people;
  nowAndThen(people, 20, () => {
    const amount = won(BigInt(state.random.integer(1, 20)) * 1000n);
    if ((bank.balance(accounts.payout) ?? 0n) < amount || !state.befalls('withdrawal_unexplained')) return;
    bank.withdraw({ account: accounts.payout, amount, text: '현금인출' });
    state.record('somebody', `takes ${amount.toString()}, which nothing explains`, true);
  });
}

function closedDestinations(people: People): void {
  const { state, bank, sellers } = people;
  nowAndThen(people, 5, () => {
    if (!state.befalls('destination_closed')) return;
    const seller = state.random.pick(sellers);
    if (seller.accountNumber === undefined) return;
    bank.closeDestination(seller.bankCode, seller.accountNumber);
    state.record(seller.sellerId, 'closes the account that it is paid to', true);
    // Some time later it tells of another one, which two people approve.
    state.timeline.after(state.random.integer(5, 40) * MINUTE_MS, () =>
      people.act('operator', `approves another account of ${seller.sellerId}`, () => approve(people, seller)),
    );
  });
}

/** Payouts that leave an account of their own need it funded; else they fail for want of funds, and wait. */
function topUps(people: People): void {
  const { state, bank, accounts } = people;
  if (accounts.payout === accounts.collection) return;
  nowAndThen(people, 15, () => {
    const amount = won(BigInt(state.random.integer(100, 3000)) * 1000n);
    bank.deposit({ account: accounts.payout, amount, text: OWNERS_TEXT });
    state.record('owner', `funds the payout account with ${amount.toString()}`, true);
  });
}

function halts(people: People): void {
  const { state, db } = people;
  nowAndThen(people, 15, () => {
    if (!state.befalls('payouts_halted')) return;
    people.act('operator', 'halts payouts', async () => {
      const stop = {
        name: 'halt_person',
        reason: 'a person halts',
        by: 'operator',
        at: state.timeline.now(),
      } as const;
      await db.transaction().execute((trx) => raiseStop(trx, stop));
    });
  });
}

/** Until operators have commands of their own, a halt is ended by hand, some minutes after it was raised. */
function resumptions(people: People): void {
  nowAndThen(people, 9, () => people.act('operator', 'ends halts', () => endHalts(people)));
}

export async function endHalts({ db }: Pick<People, 'db'>): Promise<void> {
  await db
    .updateTable('payout_stop')
    .set({ active: false, reason: 'looked into', changed_by: 'operator', retry_at: null })
    .where('name', 'in', ['halt_person', 'halt_drift'])
    .where('active', '=', true)
    .execute();
}

/** Sellers that came without an account are given one. */
function approvals(people: People): void {
  for (const seller of people.sellers) {
    if (seller.accountNumber !== undefined) continue;
    people.state.timeline.after(people.state.random.integer(5, 50) * MINUTE_MS, () =>
      people.act('operator', `approves an account of ${seller.sellerId}`, () => approve(people, seller)),
    );
  }
}

/** A new account takes the place of the approved one, if there is one. */
export async function approve({ db, vault, state }: People, seller: SimulatedSeller): Promise<void> {
  const number = state.random.digits(12);
  const encrypted = vault.encrypt('account-number', number);
  const now = state.timeline.now();
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('payout_account')
      .set({ state: 'retired' })
      .where('seller_id', '=', seller.sellerId)
      .where('state', '=', 'approved')
      .execute();
    await trx
      .insertInto('payout_account')
      .values({
        seller_id: seller.sellerId,
        bank_code: seller.bankCode,
        account_number_ciphertext: encrypted.ciphertext,
        account_number_key_id: encrypted.keyId,
        account_number_masked: maskAccountNumber(number),
        account_fingerprint: vault.fingerprint(`${seller.bankCode} ${number}`),
        account_holder: seller.holder,
        state: 'approved',
        requested_by: 'seller',
        requested_at: now,
        approved_by: 'operator',
        approved_at: now,
      })
      .execute();
  });
  seller.accountNumber = number;
}
