import { won, type Won } from '../../functions/shared/money.ts';

/** What the shop sends to place an order. */
export interface NewOrder {
  readonly shop_order_id: string;
  readonly seller_id: string;
  readonly recipient_name: string;
  /** Won. */
  readonly amount: number;
}

/** What of an order's answer the demo needs. */
export interface PlacedOrder {
  readonly shopOrderId: string;
  readonly recipientName: string;
  readonly depositorName: string;
  readonly amount: Won;
  readonly opensAt: Date;
}

/** A shop's side of the API, over HTTP. */
export interface ShopClient {
  readonly url: string;
  readonly key: string;
  place(order: NewOrder): Promise<PlacedOrder>;
  /** The youngest orders that await their deposit, whoever placed them. */
  listAwaiting(): Promise<PlacedOrder[]>;
}

interface OrderAnswer {
  readonly shop_order_id: string;
  readonly recipient_name: string;
  readonly depositor_name: string;
  readonly amount: number;
  readonly opens_at: string;
}

/** How long an answer may take, ms. */
const ANSWER_MS_MAX = 30_000;

export function createShopClient(url: string, key: string): ShopClient {
  const call = async (path: string, order?: NewOrder): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(order === undefined ? {} : { method: 'POST', body: JSON.stringify(order) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`the API answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  };
  return {
    url,
    key,
    place: async (order) => toPlaced((await call('/v1/orders', order)) as OrderAnswer),
    listAwaiting: async () => {
      const page = (await call('/v1/orders?state=awaiting_deposit&limit=200')) as { orders: OrderAnswer[] };
      return page.orders.map(toPlaced);
    },
  };
}

function toPlaced(answer: OrderAnswer): PlacedOrder {
  return {
    shopOrderId: answer.shop_order_id,
    recipientName: answer.recipient_name,
    depositorName: answer.depositor_name,
    amount: won(BigInt(answer.amount)),
    opensAt: new Date(answer.opens_at),
  };
}
