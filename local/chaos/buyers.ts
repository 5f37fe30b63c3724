import { setTimeout as delay } from 'node:timers/promises';
import { placeOrders } from '../../functions/orders/order.repository.ts';
import { addSellers } from '../../functions/orders/seller.repository.ts';
import type { Clock } from '../../functions/shared/clock.ts';
import { won, type BasisPoints, type Won } from '../../functions/shared/money.ts';
import { COLLECTION_ACCOUNT, openCollectionAccount, type LocalSystem } from '../system.ts';

const SHOP = 'chaos';
const BANK_CODE = '088';

/** More than two batches of the queue hold, so that while two functions work on a batch each, messages wait in the queue. */
const SELLERS = 24;

const ORDERS_AT_ONCE = 6;
const PAUSE_MS = 150;
const ORDER_LIFE_MS = 24 * 60 * 60_000;

/** An order whose buyer has paid: what the system owes a seller for it is told from this alone, not from the system's own books. */
export interface PaidOrder {
  readonly shopOrderId: string;
  readonly accountNumber: string;
  /** Won, less the fee. */
  readonly owed: Won;
}

export interface Buyers {
  /** The orders that were paid so far. */
  paid(): readonly PaidOrder[];
  /** Ends the trade, and waits for the purchase under way. */
  stop(): Promise<void>;
}

interface ChaosSeller {
  readonly sellerId: string;
  readonly accountNumber: string;
  readonly feeRate: BasisPoints;
}

const SELLER_LIST: readonly ChaosSeller[] = Array.from({ length: SELLERS }, (_, n) => ({
  sellerId: `seller-${n}`,
  accountNumber: `3000000${(n + 10).toString()}`,
  feeRate: ((n % 4) * 110) as BasisPoints,
}));

const NAMES = [
  '김민수',
  '이서연',
  '박지훈',
  '최은주',
  '정하늘',
  '강도윤',
  '조수아',
  '윤지우',
  '임하나',
  '한예린',
];

/** Opens the collection account, which is the payout account too, and approved payout accounts for every seller. */
export async function openShops({ bank, db, vault }: LocalSystem, clock: Clock): Promise<void> {
  openCollectionAccount(bank);
  const sellers = SELLER_LIST.map(({ sellerId, accountNumber, feeRate }) => ({
    sellerId,
    shopId: SHOP,
    name: sellerId,
    feeRate,
    account: { bankCode: BANK_CODE, accountNumber, holder: sellerId },
  }));
  await db
    .transaction()
    .execute(
      async (trx) =>
        await addSellers(
          trx,
          vault,
          sellers,
          { requestedBy: 'chaos shops', approvedBy: 'chaos operator' },
          clock.now(),
        ),
    );
}

/** Places orders all the time, for one seller after another, and pays each at once and rightly. */
export function startBuyers({ bank, db }: LocalSystem, clock: Clock): Buyers {
  const paid: PaidOrder[] = [];
  const stopping = new AbortController();
  let n = 0;

  const buySome = async (): Promise<void> => {
    const wanted = Array.from({ length: ORDERS_AT_ONCE }, () => newOrder((n += 1)));
    const now = clock.now();
    const placed = await db.transaction().execute(
      async (trx) =>
        await placeOrders(
          trx,
          wanted.map(({ seller, ...order }) => ({
            shopId: SHOP,
            ...order,
            sellerId: seller.sellerId,
            opensAt: now,
            expiresAt: new Date(now.getTime() + ORDER_LIFE_MS),
          })),
          now,
          Math.random,
        ),
    );
    for (const { shopOrderId, depositorName } of placed) {
      const order = wanted.find((one) => one.shopOrderId === shopOrderId);
      if (order === undefined) throw new Error(`order ${shopOrderId} was placed and not asked for`);
      bank.deposit({ account: COLLECTION_ACCOUNT, text: depositorName, amount: order.amount });
      const { amount, seller } = order;
      const owed = won(amount - (amount * BigInt(seller.feeRate)) / 10_000n);
      paid.push({ shopOrderId, accountNumber: seller.accountNumber, owed });
    }
  };
  const trade = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // While the database is away no order can be placed. Those customers go elsewhere; their money never moves.
      await buySome().catch(() => undefined);
      await delay(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const trading = trade();
  return {
    paid: () => [...paid],
    async stop() {
      stopping.abort();
      await trading;
    },
  };
}

function newOrder(n: number): {
  shopOrderId: string;
  recipientName: string;
  amount: Won;
  seller: ChaosSeller;
} {
  const seller = SELLER_LIST[n % SELLER_LIST.length];
  const recipientName = NAMES[n % NAMES.length];
  if (seller === undefined || recipientName === undefined) throw new Error('the lists are not empty');
  return {
    shopOrderId: `C-${n}`,
    recipientName,
    amount: won(BigInt(1000 + ((n * 7919) % 97) * 100)),
    seller,
  };
}
