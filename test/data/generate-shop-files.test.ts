import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import iconv from 'iconv-lite';
import { checkFiles } from '../../local/files/check-files.ts';
import type { OrderRow } from '../../local/files/orders-file.ts';
import { readOrdersFile } from '../../local/files/orders-file.ts';
import { readSellersFile } from '../../local/files/sellers-file.ts';
import type { FileStatementRow } from '../../local/files/statement-file.ts';
import { readStatementFile } from '../../local/files/statement-file.ts';
import { mustRead } from '../local/files/temporary-file.ts';
import type { DepositTruth, Truth } from './generate-shop-files.ts';
import { generateShopFiles, writeShopFiles } from './generate-shop-files.ts';
import type { Reason } from './shop-story.ts';
import { countReasons } from './shop-story.ts';

const OPTIONS = { orders: 3000, deposits: 3000, seed: 7 };

/** What is needed to check a truth by the definitions alone. */
interface Case {
  readonly truth: DepositTruth;
  readonly row: FileStatementRow;
  readonly text: string;
  /** The order that is paid or meant. */
  readonly order: OrderRow | undefined;
}

/** The crudest reading of a text that does away with full width, spaces, punctuation and case. */
function plain(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/[^\p{L}\p{N}]/gu, '')
    .toUpperCase();
}

const lettersOf = (name: string) => name.replaceAll(/\d/g, '');

/** Seconds from one instant to another. */
const seconds = (from: Date, to: Date) => (to.getTime() - from.getTime()) / 1000;

/** The window with its tolerance of 60 s. */
function isInWindow(order: OrderRow, at: Date): boolean {
  return (
    seconds(order.orderedAt, at) >= -60 &&
    (order.expiresAt === undefined || seconds(order.expiresAt, at) <= 60)
  );
}

function isLive(order: OrderRow, at: Date): boolean {
  return isInWindow(order, at) && (order.cancelledAt === undefined || order.cancelledAt > at);
}

describe('generated shop files', () => {
  let folder: string;
  let orders: readonly OrderRow[];
  let rows: readonly FileStatementRow[];
  let truth: Truth;
  let cases: readonly Case[];
  const ofReason = (reason: Reason) =>
    cases.filter(({ truth }) => truth.outcome === 'in_review' && truth.reason === reason);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-shop-'));
    await writeShopFiles(folder, OPTIONS);
    orders = mustRead(await readOrdersFile(join(folder, 'orders.csv'))).rows;
    rows = mustRead(await readStatementFile(join(folder, 'statement.csv'))).rows;
    truth = JSON.parse(await readFile(join(folder, 'truth.json'), 'utf8')) as Truth;
    const byId = new Map(orders.map((order) => [order.shopOrderId, order]));
    const byRow = new Map(rows.map((row) => [row.fileRow, row]));
    cases = truth.rows.map((truth) => {
      const row = byRow.get(truth.deposit_row)!;
      const id = truth.outcome === 'matched' ? truth.shop_order_id : truth.best_candidate;
      return { truth, row, text: plain(row.text), order: id === undefined ? undefined : byId.get(id)! };
    });
  });

  after(() => rm(folder, { recursive: true }));

  it('are the same for the same seed and others for another', () => {
    const small = { orders: 300, deposits: 200, seed: 1 };
    assert.deepEqual(generateShopFiles(small), generateShopFiles(small));
    assert.notEqual(
      generateShopFiles(small).statementCsv,
      generateShopFiles({ ...small, seed: 2 }).statementCsv,
    );
  });

  it('are read back by the readers without loss', async () => {
    const sellers = mustRead(await readSellersFile(join(folder, 'sellers.csv')));
    const ordersFile = mustRead(await readOrdersFile(join(folder, 'orders.csv')));
    assert.equal(checkFiles({ orders: ordersFile, sellers }), undefined);
    assert.equal(orders.length, OPTIONS.orders);
    assert.equal(rows.filter((row) => row.direction === 'in').length, OPTIONS.deposits);
    assert.deepEqual(
      sellers.rows.map((seller) => [seller.sellerId, seller.feeRate]),
      truth.sellers.map((seller) => [seller.seller_id, seller.fee_bp]),
    );
  });

  it('have a statement whose balances form a chain in the order of the file, from the opening to the closing one', async () => {
    const statement = mustRead(await readStatementFile(join(folder, 'statement.csv')));
    assert.deepEqual(statement.chainBreaks, []);
    assert.deepEqual(
      rows.map((row) => row.fileRow),
      rows.map((_, index) => index + 1),
    );
    assert.equal(statement.openingBalance, BigInt(truth.balance.opening_won));
    assert.equal(rows.at(-1)!.balanceAfter, BigInt(truth.balance.closing_won));
  });

  it('carry no text that is longer than a bank carries', () => {
    assert.deepEqual(
      rows.map((row) => row.text).filter((text) => iconv.encode(text, 'cp949').length > 20),
      [],
    );
  });

  it('have one truth for each incoming row, in known proportions', () => {
    const incoming = rows.filter((row) => row.direction === 'in').map((row) => row.fileRow);
    assert.deepEqual(
      truth.rows.map((row) => row.deposit_row),
      incoming,
    );
    assert.deepEqual(truth.deposits.by_reason, countReasons(OPTIONS.deposits));
    assert.equal(truth.deposits.matched + truth.deposits.in_review, truth.deposits.total);
    assert.equal(
      Object.values(truth.deposits.by_reason).reduce((total, count) => total + count, 0),
      truth.deposits.in_review,
    );
    assert.ok(cases.every(({ truth, row }) => BigInt(truth.amount) === row.amount));
  });

  it('have totals that add up, by deposit and by seller', () => {
    const matched = cases.filter(({ truth }) => truth.outcome === 'matched');
    const sum = (cases: readonly Case[]) => cases.reduce((total, { truth }) => total + truth.amount, 0);
    assert.equal(sum(matched), truth.matched_won);
    assert.equal(sum(cases) - sum(matched), truth.in_review_won);
    assert.equal(truth.balance.opening_won + sum(cases) - truth.withdrawals.won, truth.balance.closing_won);
    for (const seller of truth.sellers) {
      const own = matched.filter(({ order }) => order!.sellerId === seller.seller_id);
      const fees = own.map(({ row }) => (row.amount * BigInt(seller.fee_bp)) / 10_000n);
      assert.equal(own.length, seller.orders_paid);
      assert.equal(
        fees.reduce((total, fee) => total + fee, 0n),
        BigInt(seller.fee_won),
      );
      assert.equal(seller.matched_won - seller.fee_won, seller.payout_won);
      assert.equal(sum(own), seller.matched_won);
    }
  });

  it('match one deposit an order, by its whole name and exact amount, while it is live', () => {
    const matched = cases.filter(({ truth }) => truth.outcome === 'matched');
    assert.equal(new Set(matched.map(({ order }) => order)).size, matched.length);
    for (const { text, row, order } of matched) {
      assert.ok(text.endsWith(order!.depositorName!), `${row.text} for ${order!.depositorName}`);
      assert.equal(row.amount, order!.amount);
      assert.ok(isLive(order!, row.occurredAt));
    }
  });

  it('have depositor names of seven characters, each but the ambiguous ones only once', () => {
    const byName = Map.groupBy(orders, (order) => order.depositorName!);
    assert.ok([...byName.keys()].every((name) => name.length === 7));
    const twice = [...byName.values()].filter((same) => same.length > 1);
    assert.equal(twice.length, truth.deposits.by_reason.ambiguous);
    for (const { text, row } of ofReason('ambiguous')) {
      const fitting = orders.filter(
        (order) => text.endsWith(order.depositorName!) && order.amount === row.amount,
      );
      assert.equal(fitting.filter((order) => isLive(order, row.occurredAt)).length, 2);
    }
  });

  it('have no order whose name is the text of a deposit for another one', () => {
    const names = new Map(orders.map((order) => [order.depositorName!, order]));
    for (const { text, order, truth } of cases) {
      const named = [0, 1, 2, 3, 4, 5].flatMap((start) => names.get(text.slice(start)) ?? []);
      const isNamed =
        truth.outcome === 'matched' ||
        !['number_mistyped', 'number_missing', 'name_unknown', 'ambiguous'].includes(truth.reason);
      assert.deepEqual(
        named.filter(
          (found) => !(truth.outcome === 'in_review' && truth.reason === 'ambiguous') && found !== order,
        ),
        [],
      );
      if (isNamed) assert.equal(named.length, 1);
    }
  });

  it('pay a second time only what was paid before, in the order of the file', () => {
    const paidAt = new Map(
      cases.flatMap(({ truth, row, order }) =>
        truth.outcome === 'matched' ? [[order!, row.fileRow] as const] : [],
      ),
    );
    for (const { row, order, text } of ofReason('duplicate_payment')) {
      assert.ok(paidAt.get(order!)! < row.fileRow);
      assert.equal(row.amount, order!.amount);
      assert.ok(text.endsWith(order!.depositorName!));
    }
    const twin = ofReason('duplicate_payment').filter(({ row }) =>
      cases.some(
        (other) =>
          other.row.fileRow === row.fileRow - 2 &&
          other.row.balanceAfter === row.balanceAfter &&
          other.row.text === row.text,
      ),
    );
    assert.ok(twin.length > 0);
  });

  it('miss the window by more than the tolerance, on the side that the reason names', () => {
    for (const { row, order } of ofReason('order_cancelled'))
      assert.ok(order!.cancelledAt! < row.occurredAt && isInWindow(order!, row.occurredAt));
    for (const { row, order } of ofReason('order_expired'))
      assert.ok(seconds(order!.expiresAt!, row.occurredAt) > 60 && !order!.cancelledAt);
    for (const { row, order } of ofReason('paid_before_order'))
      assert.ok(seconds(row.occurredAt, order!.orderedAt) > 60 && !order!.cancelledAt);
    for (const { row, order, truth } of cases.filter(
      ({ order, truth }) => order && truth.outcome === 'in_review' && truth.reason !== 'duplicate_payment',
    )) {
      const isOutside = ['order_cancelled', 'order_expired', 'paid_before_order'].includes(
        (truth as { reason: string }).reason,
      );
      assert.equal(isLive(order!, row.occurredAt), !isOutside);
    }
  });

  it('split an order into two or three parts that make up its amount', () => {
    const parts = Map.groupBy(ofReason('split'), ({ order }) => order!);
    assert.ok(parts.size > 0);
    for (const [order, cases] of parts) {
      assert.ok(cases.length === 2 || cases.length === 3);
      assert.equal(
        cases.reduce((total, { row }) => total + row.amount, 0n),
        order.amount,
      );
      assert.ok(cases.every(({ row }) => row.amount > 0n));
    }
  });

  it('combine all the live orders of one recipient, and no other sum of a recipient equals a deposit by accident', () => {
    const byLetters = Map.groupBy(orders, (order) => lettersOf(order.depositorName!));
    for (const { row, order } of ofReason('combined')) {
      const own = byLetters.get(lettersOf(order!.depositorName!))!;
      assert.ok(own.length >= 2 && own.length <= 3);
      assert.ok(own.every((one) => isLive(one, row.occurredAt)));
      assert.equal(
        own.reduce((total, one) => total + one.amount, 0n),
        row.amount,
      );
    }
    const alone = (
      ['amount_under', 'amount_over', 'number_mistyped', 'number_missing', 'split'] as const
    ).flatMap(ofReason);
    for (const { order } of alone) assert.equal(byLetters.get(lettersOf(order!.depositorName!))!.length, 1);
  });

  it('differ in the amount alone, on the side that the reason names', () => {
    for (const { row, order } of ofReason('amount_under')) assert.ok(row.amount < order!.amount);
    for (const { row, order } of ofReason('amount_over')) assert.ok(row.amount > order!.amount);
    for (const { text, order } of [...ofReason('amount_under'), ...ofReason('amount_over')])
      assert.ok(text.endsWith(order!.depositorName!));
  });

  it('have the right letters and no right number where the number is wrong or missing', () => {
    const names = orders.map((order) => order.depositorName!);
    for (const { text, row, order } of [...ofReason('number_mistyped'), ...ofReason('number_missing')]) {
      assert.ok(lettersOf(text).endsWith(lettersOf(order!.depositorName!)));
      assert.ok(!names.some((name) => text.endsWith(name) && text.length === name.length));
      assert.equal(row.amount, order!.amount);
    }
    assert.ok(ofReason('number_missing').every(({ text }) => !/\d/.test(text)));
    assert.ok(ofReason('number_mistyped').every(({ text }) => /\d/.test(text)));
  });

  it('have no letters of any order where the name is unknown', () => {
    const letters = new Set(orders.map((order) => lettersOf(order.depositorName!)));
    for (const { text, row, order } of ofReason('name_unknown')) {
      assert.ok([0, 1, 2, 3, 4, 5].every((start) => !letters.has(lettersOf(text).slice(start))));
      const sameAmount = orders.filter((one) => one.amount === row.amount);
      assert.deepEqual(sameAmount, order === undefined ? [] : [order]);
    }
  });

  it('hold every disguise, the edges of the window, and rows of the same second', () => {
    const matched = cases.filter(({ truth }) => truth.outcome === 'matched');
    const some = (found: (one: Case) => boolean) => assert.ok(matched.some(found));
    some(({ row }) => /[０-９]/.test(row.text));
    some(({ row }) => /[ａ-ｚＡ-Ｚ]/.test(row.text));
    some(({ row }) => / /.test(row.text));
    some(({ row }) => /[-_.(,"]/.test(row.text));
    some(({ row }) => /[a-z]/.test(row.text));
    some(({ text }) => text.startsWith('카카오뱅크'));
    some(({ row, order }) => row.occurredAt < order!.orderedAt);
    some(({ row, order }) => order!.expiresAt !== undefined && row.occurredAt > order!.expiresAt);
    some(({ order }) => order!.cancelledAt !== undefined);
    const perSecond = Map.groupBy(matched, ({ row }) => row.occurredAt.getTime());
    assert.ok([...perSecond.values()].some((same) => same.length > 1));
    const paid = new Set(matched.map(({ order }) => order));
    assert.ok(orders.some((order) => !paid.has(order)));
  });

  it('are refused when there are too few orders or deposits to tell the truth about', () => {
    assert.throws(
      () => generateShopFiles({ orders: 10, deposits: 1000, seed: 1 }),
      /1000 deposits need \d+ orders; ask for as many/,
    );
    assert.throws(
      () => generateShopFiles({ orders: 10, deposits: 10, seed: 1 }),
      /too few to hold every reason/,
    );
  });

  it('are written by the command line', async () => {
    const script = new URL('generate-shop-files.ts', import.meta.url).pathname;
    const out = join(folder, 'cli');
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      '--orders',
      '300',
      '--deposits',
      '200',
      '--seed',
      '7',
      '--out',
      out,
    ]);
    assert.match(stdout, /300 orders, \d+ deposits to match, \d+ to review/);
    assert.equal(
      await readFile(join(out, 'statement.csv'), 'utf8'),
      generateShopFiles({ orders: 300, deposits: 200, seed: 7 }).statementCsv,
    );
  });
});
