import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toCsv } from './csv.ts';
import { Random } from './random.ts';
import type { Order, Reason, Row, Story } from './shop-story.ts';
import { tellStory } from './shop-story.ts';

export interface ShopFilesOptions {
  readonly orders: number;
  /** Incoming rows of the statement. The owner's withdrawals come on top. */
  readonly deposits: number;
  readonly seed: number;
  /** 12 unless given. */
  readonly sellers?: number;
  /** 3 unless given. */
  readonly days?: number;
}

/** What is true of one incoming row. `deposit_row` counts the statement's data rows from 1, withdrawals included. */
export type DepositTruth =
  | {
      readonly deposit_row: number;
      readonly outcome: 'matched';
      readonly shop_order_id: string;
      readonly amount: number;
    }
  | {
      readonly deposit_row: number;
      readonly outcome: 'in_review';
      readonly reason: Reason;
      /** The order that the payer meant, where the row can tell. */
      readonly best_candidate?: string;
      readonly amount: number;
    };

/** The truth beside the files. Money is whole won, far below the numbers that JSON cannot hold exactly. */
export interface Truth {
  readonly seed: number;
  readonly orders: { readonly total: number; readonly paid: number };
  readonly deposits: {
    readonly total: number;
    readonly matched: number;
    readonly in_review: number;
    readonly by_reason: Readonly<Partial<Record<Reason, number>>>;
  };
  readonly matched_won: number;
  readonly in_review_won: number;
  readonly withdrawals: { readonly total: number; readonly won: number };
  readonly balance: { readonly opening_won: number; readonly closing_won: number };
  /** An order's fee is its amount times the seller's basis points over 10,000, rounded down; the payout is the rest. */
  readonly sellers: readonly {
    readonly seller_id: string;
    readonly fee_bp: number;
    readonly orders_paid: number;
    readonly matched_won: number;
    readonly fee_won: number;
    readonly payout_won: number;
  }[];
  readonly rows: readonly DepositTruth[];
}

export interface ShopFiles {
  readonly ordersCsv: string;
  readonly sellersCsv: string;
  readonly statementCsv: string;
  readonly truth: Truth;
}

const OPENING_BALANCE = 5_000_000n;
const FEES_BP = [0, 90, 220, 275, 330, 500];
const BANK_CODES = ['003', '004', '011', '020', '081', '088', '090'];
const BRANCHES = ['인터넷', '모바일', '타행이체', ''];

/** Makes orders, sellers, a statement, and the truth about them. The same options give the same text. */
export function generateShopFiles(options: ShopFilesOptions): ShopFiles {
  const { sellers = 12, days = 3, ...counts } = options;
  const story = tellStory({ ...counts, sellers, days });
  const random = new Random(options.seed + 1);
  return {
    ordersCsv: ordersCsv(story.orders, random),
    sellersCsv: sellersCsv(sellers, random),
    statementCsv: statementCsv(story.rows, random),
    truth: truthOf(story, options.seed, sellers),
  };
}

/** Writes `orders.csv`, `sellers.csv`, `statement.csv` and `truth.json` into a folder, and makes the folder if need be. */
export async function writeShopFiles(folder: string, options: ShopFilesOptions): Promise<ShopFiles> {
  const files = generateShopFiles(options);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'orders.csv'), files.ordersCsv);
  await writeFile(join(folder, 'sellers.csv'), files.sellersCsv);
  await writeFile(join(folder, 'statement.csv'), files.statementCsv);
  await writeFile(join(folder, 'truth.json'), `${JSON.stringify(files.truth, undefined, 1)}\n`);
  return files;
}

function ordersCsv(orders: readonly Order[], random: Random): string {
  const header = [
    'shop_order_id',
    'seller_id',
    'recipient_name',
    'amount',
    'ordered_at',
    'depositor_name',
    'expires_at',
    'cancelled_at',
  ];
  const lines = orders.map((order) => [
    order.shopOrderId,
    sellerId(order.seller),
    order.recipient.name,
    random.chance(0.1) ? order.amount.toLocaleString('en-US') : String(order.amount),
    random.chance(0.5) ? isoInSeoul(order.orderedAt) : wallClockInSeoul(order.orderedAt),
    order.depositorName,
    order.expiresAt === undefined ? '' : isoInSeoul(order.expiresAt),
    order.cancelledAt === undefined ? '' : isoInSeoul(order.cancelledAt),
  ]);
  return toCsv(header, lines);
}

function sellersCsv(count: number, random: Random): string {
  const header = ['seller_id', 'name', 'bank_code', 'account_number', 'account_holder', 'fee_bp'];
  const lines = Array.from({ length: count }, (_, index) => {
    const account = `${random.digits(3)}-${String(index + 1).padStart(3, '0')}-${random.digits(6)}`;
    return [
      sellerId(index + 1),
      `상점 ${index + 1}`,
      random.pick(BANK_CODES),
      account,
      `대표 ${index + 1}`,
      String(feeBp(index + 1)),
    ];
  });
  return toCsv(header, lines);
}

function statementCsv(rows: readonly Row[], random: Random): string {
  const header = ['at', 'type', 'amount', 'balance_after', 'text', 'counterparty', 'branch'];
  let balance = OPENING_BALANCE;
  const lines = rows.map(({ at, amount, text }) => {
    balance += amount;
    const [type, won] = amount > 0n ? ['in', amount] : ['out', -amount];
    return [wallClockInSeoul(at), type, String(won), String(balance), text, '', random.pick(BRANCHES)];
  });
  return toCsv(header, lines);
}

function truthOf({ orders, rows }: Story, seed: number, sellers: number): Truth {
  const deposits = rows.flatMap((row, index) =>
    row.verdict === undefined ? [] : [depositTruth(row, row.verdict, index + 1)],
  );
  const paid = rows.flatMap(({ verdict }) => (verdict?.outcome === 'matched' ? [verdict.order] : []));
  const withdrawn = rows.filter((row) => row.verdict === undefined);
  const inReview = deposits.filter((deposit) => deposit.outcome === 'in_review');
  const moved = sum(rows.map((row) => row.amount));
  return {
    seed,
    orders: { total: orders.length, paid: paid.length },
    deposits: {
      total: deposits.length,
      matched: paid.length,
      in_review: inReview.length,
      by_reason: countBy(inReview.map(({ reason }) => reason)),
    },
    matched_won: Number(sum(paid.map((order) => order.amount))),
    in_review_won: Number(sum(inReview.map(({ amount }) => BigInt(amount)))),
    withdrawals: { total: withdrawn.length, won: Number(-sum(withdrawn.map((row) => row.amount))) },
    balance: { opening_won: Number(OPENING_BALANCE), closing_won: Number(OPENING_BALANCE + moved) },
    sellers: Array.from({ length: sellers }, (_, index) => sellerTruth(index + 1, paid)),
    rows: deposits,
  };
}

function depositTruth(row: Row, verdict: NonNullable<Row['verdict']>, depositRow: number): DepositTruth {
  const amount = Number(row.amount);
  if (verdict.outcome === 'matched')
    return { deposit_row: depositRow, outcome: 'matched', shop_order_id: verdict.order.shopOrderId, amount };
  const best = verdict.best === undefined ? {} : { best_candidate: verdict.best.shopOrderId };
  return { deposit_row: depositRow, outcome: 'in_review', reason: verdict.reason, ...best, amount };
}

function sellerTruth(seller: number, paid: readonly Order[]): Truth['sellers'][number] {
  const amounts = paid.filter((order) => order.seller === seller).map((order) => order.amount);
  const fee = sum(amounts.map((amount) => (amount * BigInt(feeBp(seller))) / 10_000n));
  const matched = sum(amounts);
  return {
    seller_id: sellerId(seller),
    fee_bp: feeBp(seller),
    orders_paid: amounts.length,
    matched_won: Number(matched),
    fee_won: Number(fee),
    payout_won: Number(matched - fee),
  };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function countBy<T extends string>(values: readonly T[]): Partial<Record<T, number>> {
  const counts: Partial<Record<T, number>> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function sellerId(seller: number): string {
  return `seller-${String(seller).padStart(2, '0')}`;
}

function feeBp(seller: number): number {
  return FEES_BP[seller % FEES_BP.length] ?? 0;
}

function wallClockInSeoul(seconds: number): string {
  return new Date((seconds + 9 * 3600) * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

function isoInSeoul(seconds: number): string {
  return `${wallClockInSeoul(seconds).replace(' ', 'T')}+09:00`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      orders: { type: 'string', default: '10000' },
      deposits: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '7' },
      sellers: { type: 'string', default: '12' },
      out: { type: 'string' },
    },
  });
  if (values.out === undefined)
    throw new Error('--out FOLDER is missing: the folder in which the files are written');
  const { truth } = await writeShopFiles(values.out, {
    orders: wholeNumber('orders', values.orders),
    deposits: wholeNumber('deposits', values.deposits),
    seed: wholeNumber('seed', values.seed),
    sellers: wholeNumber('sellers', values.sellers),
  });
  console.log(
    `${values.out}: ${truth.orders.total} orders, ${truth.deposits.matched} deposits to match, ${truth.deposits.in_review} to review`,
  );
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new Error(`--${name} ${text} is no whole number; write digits, such as 10000`);
  return Number(text);
}

if (import.meta.main) await main();
