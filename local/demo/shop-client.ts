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
  /** Sends a request, and answers what came, whatever it says. */
  request(method: string, path: string, body?: object): Promise<ShopAnswer>;
  /** The same. @throws for an answer that says that it was not done. */
  ask(method: string, path: string, body?: object): Promise<unknown>;
  place(order: NewOrder): Promise<PlacedOrder>;
  /** The youngest orders that await their deposit, whoever placed them. */
  listAwaiting(): Promise<PlacedOrder[]>;
}

export interface ShopAnswer {
  readonly status: number;
  /** Absent where the answer has none. */
  readonly body: unknown;
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
  const request = async (method: string, path: string, body?: object): Promise<ShopAnswer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await request(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    url,
    key,
    request,
    ask,
    place: async (order) => toPlaced((await ask('POST', '/v1/orders', order)) as OrderAnswer),
    listAwaiting: async () => {
      const page = (await ask('GET', '/v1/orders?state=awaiting_deposit&limit=200')) as {
        orders: OrderAnswer[];
      };
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
