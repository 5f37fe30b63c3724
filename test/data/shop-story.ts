import { Random } from './random.ts';
import type { Recipient } from './shop-names.ts';
import { MEMOS, anyRecipient, commonRecipient, disguised, mistyped, withoutNumber } from './shop-names.ts';

/** Why a person must look at a deposit. A bank's possible duplicates cannot be told in a file. */
export type Reason =
  | 'ambiguous'
  | 'duplicate_payment'
  | 'order_cancelled'
  | 'order_expired'
  | 'paid_before_order'
  | 'split'
  | 'combined'
  | 'amount_under'
  | 'amount_over'
  | 'number_mistyped'
  | 'number_missing'
  | 'name_unknown';

/** How many of a thousand deposits have each reason. The rest match. */
export const PER_MILLE: Readonly<Record<Reason, number>> = {
  ambiguous: 8,
  duplicate_payment: 20,
  order_cancelled: 8,
  order_expired: 10,
  paid_before_order: 10,
  split: 20,
  combined: 6,
  amount_under: 12,
  amount_over: 12,
  number_mistyped: 10,
  number_missing: 6,
  name_unknown: 8,
};

/** Times are whole seconds since 1970, amounts whole won. */
export interface Order {
  readonly shopOrderId: string;
  readonly seller: number;
  readonly recipient: Recipient;
  readonly depositorName: string;
  readonly amount: bigint;
  readonly orderedAt: number;
  readonly expiresAt: number | undefined;
  readonly cancelledAt: number | undefined;
}

export type Verdict =
  | { readonly outcome: 'matched'; readonly order: Order }
  | { readonly outcome: 'in_review'; readonly reason: Reason; readonly best: Order | undefined };

/** A row of the statement. A withdrawal has no verdict. Rows of one second stand in the order of `sequence`. */
export interface Row {
  readonly at: number;
  readonly sequence: number;
  readonly amount: bigint;
  readonly text: string;
  readonly verdict: Verdict | undefined;
}

export interface Story {
  readonly orders: readonly Order[];
  /** In the statement's order, oldest first. */
  readonly rows: readonly Row[];
}

export interface StoryOptions {
  readonly orders: number;
  readonly deposits: number;
  readonly sellers: number;
  readonly seed: number;
  /** Over how many days the deposits are spread; parts and repetitions of a payment follow within a day more. */
  readonly days: number;
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Monday, 2 March 2026, 00:00 in Seoul. */
const BEGIN = Date.UTC(2026, 2, 1, 15) / 1000;

/** Bank times have whole seconds: a deposit this many seconds outside an order's window is still inside it. */
const TOLERANCE = 60;

const PRICES = [
  9900n,
  12_000n,
  15_000n,
  19_900n,
  25_000n,
  29_900n,
  33_000n,
  39_000n,
  45_000n,
  59_000n,
  79_000n,
  129_000n,
];
const SHIPPING = [0n, 2500n, 3000n];
const SLIPS = [10n, 100n, 500n, 1000n, 2500n, 3000n];

/**
 * Makes up a shop's orders and its account's rows, together with the truth. What goes wrong goes wrong once only: the orders of a
 * failure have letters and amounts that no other order has, so that no second reason fits by accident. Ordinary orders share
 * amounts and recipients, as they do in life.
 */
export function tellStory(options: StoryOptions): Story {
  return new Storyteller(options).tell();
}

/** How many deposits get each reason: the proportions above, and at least one of each. A split has two parts at least. */
export function countReasons(deposits: number): Record<Reason, number> {
  const counts = Object.entries(PER_MILLE).map(([reason, share]) => {
    const least = reason === 'split' ? 2 : 1;
    return [reason, Math.max(least, Math.round((deposits * share) / 1000))];
  });
  return Object.fromEntries(counts) as Record<Reason, number>;
}

interface Window {
  readonly orderedAt: number;
  readonly expiresAt?: number | undefined;
  readonly cancelledAt?: number | undefined;
}

class Storyteller {
  readonly #options: StoryOptions;
  readonly #end: number;
  readonly #random: Random;
  readonly #orders: Order[] = [];
  readonly #rows: Row[] = [];
  readonly #depositorNames = new Set<string>();
  /** Letters that belong to one failure alone, or to a memo. */
  readonly #ownLetters = new Set<string>(MEMOS);
  readonly #ownAmounts = new Set<bigint>();

  constructor(options: StoryOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#end = BEGIN + Math.round(options.days * DAY);
  }

  tell(): Story {
    const counts = countReasons(this.#options.deposits);
    const failures = Object.values(counts).reduce((total, count) => total + count, 0);
    const matched = this.#options.deposits - failures;
    if (matched < counts.duplicate_payment)
      throw new Error(`${this.#options.deposits} deposits are too few to hold every reason; ask for 100`);
    this.#tellFailures(counts);
    for (let told = 0; told < matched; told += 1) this.#matched();
    this.#duplicates(counts.duplicate_payment);
    this.#withdrawals(Math.max(2, Math.round(this.#options.deposits / 400)));
    this.#neverPaid();
    const rows = this.#rows.toSorted((a, b) => a.at - b.at || a.sequence - b.sequence);
    return { orders: this.#orders.toSorted((a, b) => a.orderedAt - b.orderedAt), rows };
  }

  #tellFailures(counts: Record<Reason, number>): void {
    const repeat = (count: number, tell: () => void) => Array.from({ length: count }, tell);
    repeat(counts.ambiguous, () => this.#ambiguous());
    repeat(counts.order_cancelled, () => this.#cancelled());
    repeat(counts.order_expired, () => this.#expired());
    repeat(counts.paid_before_order, () => this.#paidBefore());
    this.#splits(counts.split);
    repeat(counts.combined, () => this.#combined());
    repeat(counts.amount_under, () => this.#wrongAmount('amount_under'));
    repeat(counts.amount_over, () => this.#wrongAmount('amount_over'));
    repeat(counts.number_mistyped, () => this.#wrongName('number_mistyped', mistyped));
    repeat(counts.number_missing, () => this.#wrongName('number_missing', withoutNumber));
    for (let told = 0; told < counts.name_unknown; told += 1) this.#unknown(told % 2 === 0);
  }

  #matched(): void {
    const at = this.#time();
    const order = this.#ordinaryOrder(this.#windowAround(at));
    this.#deposit(at, order.amount, disguised(order.depositorName, this.#random), {
      outcome: 'matched',
      order,
    });
  }

  /** A second deposit for an order that is paid: mostly later, sometimes in the same second, after a withdrawal made the rows equal. */
  #duplicates(count: number): void {
    const paid = this.#random
      .shuffle(this.#rows.filter((row) => row.verdict?.outcome === 'matched'))
      .slice(0, count);
    for (const [index, first] of paid.entries()) {
      if (first.verdict?.outcome !== 'matched') continue;
      const { order } = first.verdict;
      const verdict = { outcome: 'in_review', reason: 'duplicate_payment', best: order } as const;
      if (index % 10 === 0) {
        const { at, sequence, amount, text } = first;
        this.#rows.push({ at, sequence: sequence + 0.1, amount: -amount, text: '출금', verdict: undefined });
        this.#rows.push({ at, sequence: sequence + 0.2, amount, text, verdict });
      } else {
        this.#deposit(
          first.at + this.#random.integer(1, DAY),
          order.amount,
          disguised(order.depositorName, this.#random),
          verdict,
        );
      }
    }
  }

  #ambiguous(): void {
    const at = this.#time();
    const one = this.#ownOrder(this.#windowWellAround(at));
    this.#order({ ...one, seller: this.#seller(), ...this.#windowWellAround(at) });
    this.#review(at, one.amount, disguised(one.depositorName, this.#random), 'ambiguous', undefined);
  }

  #cancelled(): void {
    const at = this.#time();
    const cancelledAt = at - this.#random.integer(10 * MINUTE, 4 * HOUR);
    const orderedAt = cancelledAt - this.#random.integer(10 * MINUTE, 10 * HOUR);
    const order = this.#ownOrder({
      orderedAt,
      cancelledAt,
      expiresAt: this.#random.chance(0.5) ? orderedAt + 2 * DAY : undefined,
    });
    this.#reviewOf(at, order, 'order_cancelled');
  }

  #expired(): void {
    const at = this.#time();
    const expiresAt = at - this.#random.pick([TOLERANCE + 1, this.#random.integer(2 * MINUTE, 20 * HOUR)]);
    this.#reviewOf(at, this.#ownOrder({ orderedAt: expiresAt - DAY, expiresAt }), 'order_expired');
  }

  #paidBefore(): void {
    const at = this.#time();
    const orderedAt = at + this.#random.pick([TOLERANCE + 1, this.#random.integer(2 * MINUTE, 5 * HOUR)]);
    this.#reviewOf(at, this.#ownOrder({ orderedAt, expiresAt: orderedAt + 2 * DAY }), 'paid_before_order');
  }

  /** `parts` deposits that pay orders in two or three parts each. */
  #splits(parts: number): void {
    for (let left = parts; left > 0;) {
      const count = left === 2 || left === 4 ? 2 : left === 3 ? 3 : this.#random.integer(2, 3);
      this.#split(count);
      left -= count;
    }
  }

  #split(count: number): void {
    let at = this.#time();
    const orderedAt = at - this.#random.integer(MINUTE, 10 * HOUR);
    const order = this.#ownOrder({
      orderedAt,
      expiresAt: this.#random.chance(0.5) ? orderedAt + 3 * DAY : undefined,
    });
    for (const part of this.#partsOf(order.amount, count)) {
      this.#review(at, part, disguised(order.depositorName, this.#random), 'split', order);
      at += this.#random.integer(MINUTE, 4 * HOUR);
    }
  }

  #partsOf(amount: bigint, count: number): bigint[] {
    const share = Number(amount) / count;
    const parts = Array.from({ length: count - 1 }, () =>
      BigInt(this.#random.integer(1000, Math.floor(share))),
    );
    return [...parts, amount - parts.reduce((sum, part) => sum + part, 0n)];
  }

  /** One deposit, under one order's name, for two or three orders of the same recipient. */
  #combined(): void {
    const at = this.#time();
    const named = this.#ownOrder(this.#windowWellAround(at));
    const others = Array.from({ length: this.#random.integer(1, 2) }, () =>
      this.#order({
        seller: this.#seller(),
        recipient: named.recipient,
        depositorName: this.#depositorName(named.recipient),
        amount: this.#ownAmount(),
        ...this.#windowWellAround(at),
      }),
    );
    const sum = others.reduce((total, order) => total + order.amount, named.amount);
    this.#review(at, sum, disguised(named.depositorName, this.#random), 'combined', named);
  }

  #wrongAmount(reason: 'amount_under' | 'amount_over'): void {
    const at = this.#time();
    const order = this.#ownOrder(this.#windowWellAround(at));
    const slip = this.#random.pick(SLIPS);
    const amount = reason === 'amount_under' ? order.amount - slip : order.amount + slip;
    this.#review(at, amount, disguised(order.depositorName, this.#random), reason, order);
  }

  #wrongName(
    reason: 'number_mistyped' | 'number_missing',
    write: (name: string, random: Random) => string,
  ): void {
    const at = this.#time();
    const order = this.#ownOrder(this.#windowWellAround(at));
    this.#review(at, order.amount, write(order.depositorName, this.#random), reason, order);
  }

  /** A memo in place of the name: with the amount of one open order, or with nobody's amount. */
  #unknown(isForAnOrder: boolean): void {
    const at = this.#time();
    const order = isForAnOrder ? this.#ownOrder(this.#windowWellAround(at)) : undefined;
    this.#review(at, order?.amount ?? this.#ownAmount(), this.#random.pick(MEMOS), 'name_unknown', order);
  }

  #withdrawals(count: number): void {
    for (let told = 0; told < count; told += 1) {
      const amount = BigInt(this.#random.integer(100, 900)) * -1000n;
      this.#deposit(this.#time(), amount, this.#random.pick(['사장님출금', '카드대금', '월세']), undefined);
    }
  }

  /** Fills up to the number of orders that was asked for. */
  #neverPaid(): void {
    const missing = this.#options.orders - this.#orders.length;
    if (missing < 0)
      throw new Error(
        `${this.#options.deposits} deposits need ${this.#orders.length} orders; ask for as many`,
      );
    for (let told = 0; told < missing; told += 1) {
      const orderedAt = this.#random.integer(BEGIN - DAY, this.#end);
      const cancelledAt = this.#random.chance(0.3)
        ? orderedAt + this.#random.integer(MINUTE, DAY)
        : undefined;
      this.#ordinaryOrder({ orderedAt, cancelledAt, expiresAt: this.#expiry(orderedAt) });
    }
  }

  #reviewOf(at: number, order: Order, reason: Reason): void {
    this.#review(at, order.amount, disguised(order.depositorName, this.#random), reason, order);
  }

  #review(at: number, amount: bigint, text: string, reason: Reason, best: Order | undefined): void {
    this.#deposit(at, amount, text, { outcome: 'in_review', reason, best });
  }

  #deposit(at: number, amount: bigint, text: string, verdict: Verdict | undefined): void {
    this.#rows.push({ at, sequence: this.#rows.length, amount, text, verdict });
  }

  /** A second of those days; now and then one that another row has already. */
  #time(): number {
    if (this.#rows.length > 0 && this.#random.chance(0.03)) return this.#random.pick(this.#rows).at;
    return this.#random.integer(BEGIN + HOUR, this.#end - 1);
  }

  /** A window that holds the instant, now and then only because of the tolerance at its ends. */
  #windowAround(at: number): Window {
    const kind = this.#random.integer(1, 100);
    if (kind <= 2) {
      const orderedAt = at + this.#random.integer(0, TOLERANCE);
      return { orderedAt, expiresAt: orderedAt + DAY };
    }
    if (kind <= 4) {
      const expiresAt = at - this.#random.integer(0, TOLERANCE);
      return { orderedAt: expiresAt - DAY, expiresAt };
    }
    const window = this.#windowWellAround(at);
    // A shop that cancels an order after it was paid is too late: the deposit stays matched.
    return kind === 5 ? { ...window, cancelledAt: at + this.#random.integer(HOUR, DAY) } : window;
  }

  /** A window whose ends are minutes or more away from the instant. */
  #windowWellAround(at: number): Window {
    const orderedAt = at - this.#random.integer(2 * MINUTE, 20 * HOUR);
    return { orderedAt, expiresAt: this.#expiry(orderedAt) };
  }

  #expiry(orderedAt: number): number | undefined {
    return this.#random.chance(0.15) ? undefined : orderedAt + this.#random.integer(1, 3) * DAY;
  }

  /** An order like any other: its amount and its recipient may be others' too, its depositor name is its own. */
  #ordinaryOrder(window: Window): Order {
    let recipient = anyRecipient(this.#random);
    while (this.#ownLetters.has(recipient.letters)) recipient = anyRecipient(this.#random);
    const amount =
      this.#random.pick(PRICES) * BigInt(this.#random.integer(1, 3)) + this.#random.pick(SHIPPING);
    return this.#order({
      seller: this.#seller(),
      recipient,
      depositorName: this.#depositorName(recipient),
      amount,
      ...window,
    });
  }

  /** An order whose letters and amount no other order has. */
  #ownOrder(window: Window): Order {
    let recipient = commonRecipient(this.#random);
    while (this.#ownLetters.has(recipient.letters)) recipient = commonRecipient(this.#random);
    this.#ownLetters.add(recipient.letters);
    return this.#order({
      seller: this.#seller(),
      recipient,
      depositorName: this.#depositorName(recipient),
      amount: this.#ownAmount(),
      ...window,
    });
  }

  #order(order: Omit<Order, 'shopOrderId' | 'expiresAt' | 'cancelledAt'> & Window): Order {
    const shopOrderId = `ORD-${String(this.#orders.length + 1).padStart(6, '0')}`;
    const made: Order = { ...order, shopOrderId, expiresAt: order.expiresAt, cancelledAt: order.cancelledAt };
    this.#orders.push(made);
    return made;
  }

  #seller(): number {
    return this.#random.integer(1, this.#options.sellers);
  }

  /** Seven characters that no order has yet: the recipient's letters, and digits. */
  #depositorName(recipient: Recipient): string {
    const name = recipient.letters + this.#random.digits(7 - recipient.letters.length);
    if (this.#depositorNames.has(name)) return this.#depositorName(recipient);
    this.#depositorNames.add(name);
    return name;
  }

  /** Ordinary amounts are whole hundreds. These are not, nor do they become so when a slip is added or taken away. */
  #ownAmount(): bigint {
    const amount = BigInt(this.#random.integer(100, 3999)) * 100n + BigInt(this.#random.integer(11, 89));
    if (this.#ownAmounts.has(amount)) return this.#ownAmount();
    this.#ownAmounts.add(amount);
    return amount;
  }
}
