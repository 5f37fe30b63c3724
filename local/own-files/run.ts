import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kstDate } from '../../functions/bank/kst.ts';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import type { CycleSummary } from '../../functions/cycle/cycle.ts';
import { cancelOrder, placeOrders } from '../../functions/orders/order.repository.ts';
import { addSellers, type SellerToAdd } from '../../functions/orders/seller.repository.ts';
import { won, type BasisPoints } from '../../functions/shared/money.ts';
import type { Faults } from '../bank-simulator/faults.ts';
import { cycleLine, isQuiet, paidBetween } from '../cycle-line.ts';
import type { BadFile } from '../files/bad-file.ts';
import { checkFiles } from '../files/check-files.ts';
import { readOrdersFile, type OrderRow } from '../files/orders-file.ts';
import { readSellersFile, type SellerRow } from '../files/sellers-file.ts';
import { readStatementFile, type StatementFile } from '../files/statement-file.ts';
import type { InvocationResult } from '../function-host/invocation.ts';
import { createSteppedClock, type SteppedClock } from '../stepped-clock.ts';
import {
  ACCOUNT_NUMBERS,
  COLLECTION_ACCOUNT,
  PAYOUT_ACCOUNT,
  startSystem,
  type LocalSystem,
  type LogLine,
} from '../system.ts';
import { openTransfers, transferTotals, type TransferTotals } from '../totals.ts';
import { whileRestarting } from '../while-restarting.ts';
import { checkBooks } from '../check-books.ts';
import { makeReport, type Report } from './report.ts';

const CYCLE_MINUTES = 5;
const SHOP = 'file';
const ORDERS_A_PAGE = 2000;

/** What the simulated payout account holds: more than any file will ask for. */
const PAYOUT_FUNDS = won(900_000_000_000_000n);

/** With the rows used up and nothing moving for a day of the data's time, what is still open waits for a person, cycles. */
const STILL_CYCLES_MAX = 288;

/** A queue that holds a message back (a function was killed) lets it go in real time, while the data's clock runs fast. */
const HELD_BACK_PAUSE_MS = 1000;

/** A killed function's messages come back in real time: a little after the function's own limit of 45 s, instead of a cycle of real time. */
const VISIBILITY_S = 50;

/** A lying bank that never answers is waited for in real time, while the data's clock runs fast: two seconds instead of twenty. */
const LYING_BANK_TIMEOUT_S = 2;

/** The simulated bank shows a late row within five minutes; twice that is surely enough, ms. */
const SHOWN_WITHIN_MS = 10 * 60_000;

/** The fee of a demo payout account, 3 %: what a seller has for whom no sellers file says otherwise. */
const DEMO_FEE = 300 as BasisPoints;

export interface OwnFilesOptions {
  readonly orders: string;
  readonly statement: string;
  readonly sellers?: string;
  readonly report?: string;
  /** Ends after so many cycles, whatever is still open. */
  readonly cycles?: number;
  readonly faults?: Faults;
  readonly faultSeed?: number;
  readonly say: (line: string) => void;
  readonly onLog: (line: LogLine) => void;
  /** Aborts the run: everything is stopped, and no report is written. */
  readonly signal: AbortSignal;
  /** Called once the system runs, for tests that break parts of it. */
  readonly onSystem?: (system: LocalSystem) => void;
}

export type OwnFilesOutcome =
  | {
      readonly outcome: 'finished';
      readonly report: Report;
      readonly openTransfers: number;
      readonly faults: Readonly<Record<string, number>>;
    }
  | { readonly outcome: 'bad_file'; readonly message: string }
  | { readonly outcome: 'interrupted' };

interface Files {
  readonly orders: readonly OrderRow[];
  readonly statement: StatementFile;
  readonly sellers: readonly SellerRow[] | undefined;
}

/**
 * Does the main job on a user's own files: the bank simulator shows the statement's rows as the data's clock reaches them, and the deployed functions
 * confirm deposits and pay sellers out. The database is the run's own, and goes with it.
 */
export async function runOwnFiles(options: OwnFilesOptions): Promise<OwnFilesOutcome> {
  const files = await readFiles(options);
  if ('outcome' in files) return { outcome: 'bad_file', message: files.message };
  const [first] = files.statement.rows;
  if (first === undefined) throw new Error('a statement without rows is refused by its reader');
  options.say(
    `${files.orders.length} orders and ${files.statement.rows.length} statement rows read. Starting the database, the queue, the bank and the functions …`,
  );
  warnOfGaps(files.statement, options.say);

  const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-'));
  const clock = createSteppedClock(join(folder, 'clock'), first.occurredAt);
  let system: LocalSystem | undefined;
  try {
    system = await startSystem({
      folder,
      clock,
      clockFile: clock.file,
      payoutAccount: PAYOUT_ACCOUNT,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.faultSeed === undefined ? {} : { faultSeed: options.faultSeed }),
      cycleMinutes: CYCLE_MINUTES,
      ...(options.faults === undefined ? {} : { bankCallTimeoutS: LYING_BANK_TIMEOUT_S }),
      settlementConcurrency: 2,
      polling: 'short',
      visibilityS: VISIBILITY_S,
      durable: false,
      onLog: options.onLog,
    });
    options.onSystem?.(system);
    await load(system, files, clock);
    const run = await runCycles(system, files, clock, options);
    if (options.signal.aborted) return { outcome: 'interrupted' };
    const report = await makeReport(system.db, COLLECTION_ACCOUNT, files.statement.rows, run);
    if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`);
    return {
      outcome: 'finished',
      report,
      openTransfers: openTransfers(await transferTotals(system.db)),
      faults: system.bank.faultCounts(),
    };
  } finally {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function readFiles(options: OwnFilesOptions): Promise<Files | BadFile> {
  const orders = await readOrdersFile(options.orders);
  if (orders.outcome === 'bad_file') return orders;
  const statement = await readStatementFile(options.statement);
  if (statement.outcome === 'bad_file') return statement;
  const sellers = options.sellers === undefined ? undefined : await readSellersFile(options.sellers);
  if (sellers?.outcome === 'bad_file') return sellers;
  const mismatch = checkFiles({ orders, ...(sellers === undefined ? {} : { sellers }) });
  if (mismatch !== undefined) return mismatch;
  return { orders: orders.rows, statement, sellers: sellers?.rows };
}

function warnOfGaps(statement: StatementFile, say: (line: string) => void): void {
  for (const gap of statement.chainBreaks.slice(0, 5)) {
    say(
      `warning: ${statement.file} line ${gap.after.line}: the balance does not follow from line ${gap.before.line}; a row is missing or wrong, and the reconciliation will show it`,
    );
  }
  const more = statement.chainBreaks.length - 5;
  if (more > 0) say(`warning: ${statement.file}: ${more} more such places`);
}

/** Puts the files' content where it belongs: the bank's rows into the bank, the rest into the database. */
async function load(system: LocalSystem, files: Files, clock: SteppedClock): Promise<void> {
  const { bank, db, vault } = system;
  bank.openAccount({
    fintechUseNum: PAYOUT_ACCOUNT,
    bankCode: '004',
    accountNumber: ACCOUNT_NUMBERS[PAYOUT_ACCOUNT],
    holder: 'smart-transfer',
    openingBalance: PAYOUT_FUNDS,
  });
  bank.openAccount({
    fintechUseNum: COLLECTION_ACCOUNT,
    bankCode: '004',
    accountNumber: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT],
    holder: 'smart-transfer',
    openingBalance: files.statement.openingBalance,
  });
  bank.loadStatement(COLLECTION_ACCOUNT, files.statement.rows);
  const sellers = files.sellers === undefined ? demoSellers(files.orders) : files.sellers.map(toSeller);
  const now = clock.now();
  await db.transaction().execute(async (trx) => {
    await addSellers(
      trx,
      vault,
      sellers,
      { requestedBy: 'sellers file', approvedBy: 'owner of the files' },
      now,
    );
    await trx
      .insertInto('classification_rule')
      .values({
        account: COLLECTION_ACCOUNT,
        direction: 'out',
        text_equals: null,
        kind_equals: null,
        ledger_account: 'owner',
        added_by: 'owner of the files',
        added_at: now,
        reason:
          "what goes out in a file of one's own is one's own business: payouts leave an account of their own here",
        removed_at: null,
      })
      .execute();
  });
  for (let start = 0; start < files.orders.length; start += ORDERS_A_PAGE) {
    const page = files.orders.slice(start, start + ORDERS_A_PAGE);
    await db.transaction().execute(async (trx) => {
      await placeOrders(
        trx,
        page.map((order) => ({
          shopId: SHOP,
          shopOrderId: order.shopOrderId,
          sellerId: order.sellerId,
          recipientName: order.recipientName,
          amount: order.amount,
          opensAt: order.orderedAt,
          expiresAt: order.expiresAt,
          ...(order.depositorName === undefined ? {} : { importedName: order.depositorName }),
        })),
        now,
        Math.random,
      );
    });
  }
}

function toSeller(seller: SellerRow): SellerToAdd {
  const { sellerId, name, feeRate, bankCode, accountNumber, accountHolder } = seller;
  return {
    sellerId,
    shopId: SHOP,
    name,
    feeRate,
    account: { bankCode, accountNumber, holder: accountHolder },
  };
}

/** Without a sellers file each seller of the orders gets a demo payout account. */
function demoSellers(orders: readonly OrderRow[]): SellerToAdd[] {
  const ids = [...new Set(orders.map((order) => order.sellerId))];
  return ids.map((sellerId, index) => ({
    sellerId,
    shopId: SHOP,
    name: sellerId,
    feeRate: DEMO_FEE,
    account: {
      bankCode: '088',
      accountNumber: `200${index.toString().padStart(9, '0')}`,
      holder: sellerId.slice(0, 10),
    },
  }));
}

interface Run {
  readonly count: number;
  readonly last: CycleSummary | undefined;
}

/** Cycles, five minutes of the data's time apart, until the rows are used up and no transfer is open. */
async function runCycles(
  system: LocalSystem,
  files: Files,
  clock: SteppedClock,
  options: OwnFilesOptions,
): Promise<Run> {
  const cancels = files.orders
    .filter((order) => order.cancelledAt !== undefined)
    .sort((a, b) => (a.cancelledAt?.getTime() ?? 0) - (b.cancelledAt?.getTime() ?? 0));
  const lastRow = files.statement.rows.at(-1)?.occurredAt ?? clock.now();
  const lastRowShown = new Date(lastRow.getTime() + SHOWN_WITHIN_MS);
  let before = await whileRestarting(() => transferTotals(system.db));
  let last: CycleSummary | undefined;
  let quiet = 0;
  let still = 0;
  let count = 0;
  let today = kstDate(clock.now());
  while (!options.signal.aborted && count < (options.cycles ?? Infinity)) {
    clock.moveTo(new Date(clock.now().getTime() + CYCLE_MINUTES * 60_000));
    await cancelDue(system, cancels, clock.now());
    const summary = await runOneCycle(system, options);
    count += 1;
    if (kstDate(clock.now()) !== today) {
      today = kstDate(clock.now());
      const line = await checkBooks(system);
      if (line.notable) options.say(line.text);
    }
    const { left } = await system.mapping.idle();
    const after = await whileRestarting(() => transferTotals(system.db));
    if (summary !== undefined) {
      last = summary;
      quiet = sayCycle(summary, before, after, quiet, options.say);
    }
    const moved = paidBetween(before, after).count > 0;
    before = after;
    still =
      moved || (summary !== undefined && (summary.rows_collected > 0 || hasResolved(summary)))
        ? 0
        : still + 1;
    if (clock.now() >= lastRowShown && still >= STILL_CYCLES_MAX) {
      options.say('nothing has moved for a day: what is still open waits for a person, so the run ends here');
      break;
    }
    // A cycle that found no new row any more has seen the last payouts on the statement, too.
    const rowsUsedUp =
      clock.now() >= lastRowShown && summary?.ended === 'complete' && summary.rows_collected === 0;
    if (rowsUsedUp && openTransfers(after) === 0 && !moved) break;
    if (rowsUsedUp && summary.stops.some((stop) => stop.startsWith('halt'))) {
      options.say(`payouts are halted (${summary.stops.join(', ')}): a person decides, so the run ends here`);
      break;
    }
    if (left > 0 && openTransfers(after) > 0) await pause(HELD_BACK_PAUSE_MS, options.signal);
  }
  return { count, last };
}

function hasResolved({ resolved }: CycleSummary): boolean {
  return resolved.succeeded + resolved.failed + resolved.absent > 0;
}

async function cancelDue(system: LocalSystem, cancels: OrderRow[], now: Date): Promise<void> {
  while (cancels[0]?.cancelledAt !== undefined && cancels[0].cancelledAt <= now) {
    const order = cancels.shift();
    if (order?.cancelledAt === undefined) return;
    const at = order.cancelledAt;
    // A paid order stays paid: its cancellation is refused, here as in the API.
    await whileRestarting(() =>
      system.db.transaction().execute((trx) => cancelOrder(trx, SHOP, order.shopOrderId, at)),
    );
  }
}

async function runOneCycle(system: LocalSystem, options: OwnFilesOptions): Promise<CycleSummary | undefined> {
  const result: InvocationResult = await system.matcher.invoke({}, { queueMsMax: 60_000 });
  if (result.outcome !== 'returned') {
    options.say(`a cycle did not end: ${JSON.stringify(result)}; the next one goes on where it stopped`);
    return undefined;
  }
  const summary = result.payload as MatchResult;
  return 'began_at' in summary ? summary : undefined;
}

function sayCycle(
  summary: CycleSummary,
  before: TransferTotals,
  after: TransferTotals,
  quiet: number,
  say: (line: string) => void,
): number {
  const paid = paidBetween(before, after);
  if (isQuiet(summary, paid)) return quiet + 1;
  if (quiet > 0) say(`             … ${quiet} quiet ${quiet === 1 ? 'cycle' : 'cycles'}`);
  say(cycleLine(summary, paid, after.unknown.count));
  return 0;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
