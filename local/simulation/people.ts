import { cancelOrder, placeOrders, type OrderToPlace } from '../../functions/orders/order.repository.ts';
import { refuse } from '../../functions/people/refusal.ts';
import { won } from '../../functions/shared/money.ts';
import type { SimulatedRow } from '../bank-simulator/bank-state.ts';
import { payBill } from '../demo/buyers.ts';
import type { Command } from './desk.ts';
import type { TroubleName } from './plan.ts';
import { BUYER, CASH_TEXT, changeAccount, OPERATORS } from './operators.ts';
import { MINUTE_MS, nowAndThen, someMomentMs, type People, type Person } from './person.ts';

export const PEOPLE: readonly Person[] = [
  { name: 'shops and buyers', begin: shopsAndBuyers },
  { name: 'the bank takes deposits back', begin: reversals },
  { name: 'the owner takes money', begin: ownersWithdrawals },
  { name: 'somebody takes money', begin: unexplainedWithdrawals },
  { name: 'payees close accounts', begin: closedDestinations },
  { name: 'the owner funds the payout account', begin: topUps },
  ...OPERATORS,
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
    if (state.isTried('order_cancelled')) {
      timeline.after(random.integer(1, 25 * 60) * 1000, () =>
        people.desk.enter('shop', cancelling(shopOrderId, 'order_cancelled')),
      );
    }
  }
}

function pay(people: People, shopOrderId: string, payment: ReturnType<typeof payBill>[number]): void {
  const { state, bank, accounts } = people;
  if (state.hasCeased) return;
  const { random } = state;
  // A bank does not know of each deposit where it came from.
  const sender = { bankCode: '088', accountNumber: random.digits(12), name: BUYER };
  const known = random.chance(0.8) ? { sender } : {};
  const row = bank.deposit({ account: accounts.collection, ...payment, ...known });
  state.record('buyer', `pays ${row.amount.toString()} as ${row.text} for order ${shopOrderId}`, true);
  if (state.isTried('order_cancelled_as_it_is_paid')) {
    state.timeline.after(someMomentMs(people, MINUTE_MS), () =>
      people.desk.enter('shop', cancelling(shopOrderId, 'order_cancelled_as_it_is_paid')),
    );
  }
}

function cancelling(shopOrderId: string, kind: TroubleName): Command {
  return {
    what: `cancel order ${shopOrderId}`,
    kind,
    run: async (db, { at }) => {
      const outcome = await db.transaction().execute((trx) => cancelOrder(trx, 'shop', shopOrderId, at));
      return outcome === 'cancelled'
        ? { outcome: 'done', result: outcome }
        : refuse(outcome, `order ${shopOrderId} is ${outcome}`);
    },
  };
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
    bank.withdraw({ account: accounts.payout, amount, text: CASH_TEXT });
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
    // Some time later it tells of another one.
    state.timeline.after(state.random.integer(5, 40) * MINUTE_MS, () => changeAccount(people, seller));
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
