import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence, LeaseLost } from '../cycle/lease.ts';
import type { Database } from '../database.ts';
import { bankAccount, SUSPENSE } from '../ledger/accounts.ts';
import { insertPostings, readOpening } from '../ledger/ledger.repository.ts';
import { depositPosting, openingCorrection, openingPostings, type NewPosting } from '../ledger/postings.ts';
import type { Trx } from '../shared/postgres.ts';
import { noticeUnknownReference } from '../transfers/restore.repository.ts';
import { haltOnDrift, raiseAlarm } from '../transfers/stops.repository.ts';
import {
  advanceBooked,
  insertDeposits,
  insertWithdrawals,
  needsOpening,
  readAttemptsByReference,
  readReversible,
  readRules,
  readUnbooked,
  type NewDeposit,
  type NewWithdrawal,
} from './book.repository.ts';
import {
  classifyRow,
  isReversalKind,
  referenceIn,
  type KnownAttempt,
  type RowClass,
  type UnbookedRow,
} from './classify.ts';
import { lookupKeys, matchPage, type MatchDecision, type ReviewReason } from './match.ts';
import {
  insertMatches,
  lockNamedOrders,
  readOpenReviews,
  readSimilarOrders,
  updateReviews,
  type Match,
  type MatchableOrder,
} from './match.repository.ts';
import { openingBalance } from './opening-balance.ts';
import { readFirstRows } from './statement.repository.ts';
import { splitName, normaliseDepositorText } from './depositor-text.ts';
import { bookReturn, bookWithdrawal } from './book-own-transfers.step.ts';
import { payOrdersOut } from './pay-orders.step.ts';
import { reverseDeposit } from './reverse.step.ts';

/** What a cycle did with the rows of one account. */
export interface Booked {
  rows: number;
  deposits: number;
  matched: number;
  inReview: Partial<Record<ReviewReason, number>>;
  returned: number;
  reversed: number;
  unexplained: number;
  planned: number;
  held: number;
  /** Whether every stored row is booked. */
  whole: boolean;
}

function nothingBooked(): Booked {
  return {
    rows: 0,
    deposits: 0,
    matched: 0,
    inReview: {},
    returned: 0,
    reversed: 0,
    unexplained: 0,
    planned: 0,
    held: 0,
    whole: true,
  };
}

/**
 * Books an account's stored rows, page by page: says what each is, matches deposits to orders, posts to the ledger and plans the payouts, all
 * of a page in one transaction of a handful of statements. A page that fails as a whole is tried once more, then halved until the row
 * that breaks it stands alone; that row goes to review, and the rest goes on. Where even that fails, an alarm names the row.
 */
export async function book(context: CycleContext, account: string): Promise<Booked> {
  const total = nothingBooked();
  let limit = context.settings.pageSize;
  let failures = 0;
  for (;;) {
    if (!context.hasTime()) return { ...total, whole: false };
    try {
      const alone = limit === 1 && failures >= 2;
      const page = await context.db
        .transaction()
        .execute(async (trx) => await bookPage(trx, context, account, limit, alone));
      if (page.rows === 0) return total;
      add(total, page);
      failures = 0;
      // After the row that broke a page, pages grow again.
      limit = Math.min(limit * 2, context.settings.pageSize);
    } catch (error) {
      if (error instanceof LeaseLost || isInfrastructure(error)) throw error;
      if (limit === 1 && failures >= (isContention(error) ? 1 : 2)) {
        if (!isContention(error)) await raiseRowAlarm(context, account, error);
        throw error;
      }
      failures += 1;
      if (failures >= 2 && limit > 1) {
        limit = Math.ceil(limit / 2);
        failures = 1;
      }
      context.log.warn('a page of deposits could not be booked', { account, limit, error: String(error) });
    }
  }
}

/** A row that cannot even go to review holds up all rows behind it: a person must hear of it. */
async function raiseRowAlarm(
  { db, token, now }: CycleContext,
  account: string,
  error: unknown,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const [row] = await readUnbooked(trx, account, 1);
    // The error's words may quote what the row says; its code does not.
    const detail = { row_id: row?.rowId, code: sqlStateOf(error) ?? 'none' };
    await raiseAlarm(trx, 'row_not_booked', detail, now);
  });
}

/**
 * No row is to blame, and no smaller page helps: SQLSTATE classes 08 (connection), 53 (resources), 57P (the server ends us) and 58 (its system),
 * sessions ended for idleness or age, a server that only reads; Node's own codes, and the driver's words.
 */
function isInfrastructure(error: unknown): boolean {
  const code = sqlStateOf(error);
  if (code === undefined) return error instanceof Error && /connection|timeout/i.test(error.message);
  return /^(08|53|57P|58|E)/.test(code) || ['25P03', '25P04', '25006'].includes(code);
}

/** A smaller page may help, but no row is to blame: a deadlock or a conflict (class 40), a lock or a statement that took too long. */
function isContention(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code !== undefined && (code.startsWith('40') || code === '55P03' || code === '57014');
}

function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

/** What a page needs of the cycle that it is booked in. */
type PageContext = Pick<CycleContext, 'now' | 'token' | 'settings'>;

/** Books one page in a transaction of the caller's, who holds the cycle's lease. */
export async function bookPage(
  trx: Trx<Database>,
  context: PageContext,
  account: string,
  limit: number,
  alone: boolean,
): Promise<Booked> {
  await fence(trx, context.token);
  const rows = untilReversal(await readUnbooked(trx, account, limit));
  const booked = nothingBooked();
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return booked;

  const postings = await openAccount(trx, account);
  const classes = alone ? aloneClass(first) : await classify(trx, account, rows);
  const withdrawals = await bookOutgoing(trx, context, rows, classes, postings, booked);
  const deposits = await bookIncomingNotToMatch(trx, context, rows, classes, postings, booked);
  const toMatch = inTime(rows.filter((row) => classes.get(row.rowId)?.class === 'deposit'));
  for (const row of toMatch) postings.push(depositPosting(account, row.rowId, row.amount));

  if (alone) {
    deposits.push(...toMatch.map((row) => reviewOf(row, { reason: 'unprocessable', candidates: [] })));
    countReasons(
      booked,
      toMatch.map(() => 'unprocessable'),
    );
  } else {
    await matchAndPlan(trx, context, toMatch, { deposits, postings, booked });
  }
  await insertWithdrawals(trx, withdrawals, context.now);
  await insertDeposits(trx, deposits, context.now);
  await insertPostings(trx, postings, context.now);
  await advanceBooked(trx, account, last.rowId);
  booked.rows = rows.length;
  booked.deposits = toMatch.length;
  return booked;
}

/** A deposit that is taken back must be stored before that: a row that may do so begins a page of its own. */
function untilReversal(rows: readonly UnbookedRow[]): readonly UnbookedRow[] {
  const next = rows.findIndex(
    (row, index) => index > 0 && row.direction === 'out' && isReversalKind(row.kind),
  );
  return next === -1 ? rows : rows.slice(0, next);
}

/** Posts the balance before an account's first row, once; and what it is off by, when its first rows prove another since. */
async function openAccount(trx: Trx<Database>, account: string): Promise<NewPosting[]> {
  const rows = await readFirstRows(trx, account);
  if (await needsOpening(trx, account)) return openingPostings(account, openingBalance(rows));
  const booked = await readOpening(trx, account);
  return openingCorrection(account, openingBalance(rows, booked) - booked);
}

function inTime(rows: readonly UnbookedRow[]): UnbookedRow[] {
  return [...rows].sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
}

async function classify(
  trx: Trx<Database>,
  account: string,
  rows: readonly UnbookedRow[],
): Promise<Map<bigint, RowClass>> {
  const references = rows.map((row) => referenceIn(row.text)).filter((reference) => reference !== undefined);
  const attempts = await readAttemptsByReference(trx, [...new Set(references)]);
  const rules = await readRules(trx, account);
  const reversible = await readReversible(
    trx,
    rows.filter((row) => row.direction === 'out' && isReversalKind(row.kind)),
  );
  const classes = new Map<bigint, RowClass>();
  for (const row of rows) {
    const rowClass = classifyRow(row, attempts, rules, reversible);
    classes.set(row.rowId, rowClass);
    // One row explains one attempt: a second row of the page must find it used. A reversal is alone of its kind in a page.
    if (rowClass.class === 'withdrawal')
      attempts.set(rowClass.attempt.reference, { ...rowClass.attempt, withdrawn: true });
    if (rowClass.class === 'return')
      attempts.set(rowClass.attempt.reference, { ...rowClass.attempt, returned: true });
  }
  return classes;
}

/** What a row becomes on which booking has failed, alone, again and again: a person's business, with the money accounted for. */
function aloneClass(row: UnbookedRow): Map<bigint, RowClass> {
  return new Map([[row.rowId, row.direction === 'in' ? { class: 'deposit' } : { class: 'unexplained' }]]);
}

/** Rows that went out: withdrawals of our own first, since a return in the same page is of one of them. */
async function bookOutgoing(
  trx: Trx<Database>,
  context: PageContext,
  rows: readonly UnbookedRow[],
  classes: ReadonlyMap<bigint, RowClass>,
  postings: NewPosting[],
  booked: Booked,
): Promise<NewWithdrawal[]> {
  const withdrawals: NewWithdrawal[] = [];
  for (const row of rows.filter((one) => one.direction === 'out')) {
    const rowClass = classes.get(row.rowId);
    switch (rowClass?.class) {
      case 'withdrawal':
        withdrawals.push(await bookOwnTransfer(trx, context, row, rowClass.attempt, postings));
        break;
      case 'classified':
        postings.push(outgoingPosting(row, rowClass.ledgerAccount, 'classified'));
        withdrawals.push({ row, state: 'classified', ledgerAccount: rowClass.ledgerAccount });
        break;
      case 'reversal':
        await reverseDeposit(trx, context, row, rowClass.depositRowId);
        withdrawals.push({ row, state: 'reversal' });
        booked.reversed += 1;
        break;
      default:
        postings.push(outgoingPosting(row, SUSPENSE, 'unexplained'));
        withdrawals.push({ row, state: 'unexplained', ledgerAccount: SUSPENSE });
        booked.unexplained += 1;
        await haltFor(trx, row, rowClass, context.now);
    }
  }
  return withdrawals;
}

/** Money has left and nothing says why: payouts halt, for drift, or for a restore where the reference is one that this database has forgotten. */
async function haltFor(
  trx: Trx<Database>,
  { rowId, amount, text, occurredAt }: UnbookedRow,
  rowClass: RowClass | undefined,
  now: Date,
): Promise<void> {
  const what = `row ${rowId.toString()} took ${amount.toString()} won out`;
  const epoch = rowClass?.class === 'unexplained' ? rowClass.unknownEpoch : undefined;
  if (epoch === undefined) {
    const reason = `${what}, and neither a transfer nor a rule explains it`;
    await haltOnDrift(trx, 'unexplained_withdrawal', reason, { rowId, amount }, now);
    return;
  }
  const reference = referenceIn(text);
  const detail = { rowId, amount, reference };
  const reason = `${what} under our reference ${reference ?? ''}, which no attempt has`;
  if (await noticeUnknownReference(trx, { epoch, occurredAt }, now))
    await raiseAlarm(trx, 'unknown_reference', { reason, ...detail }, now);
  else await haltOnDrift(trx, 'unknown_reference', reason, detail, now);
}

/** What has left under our reference and cannot be its transfer's payment is in suspense, so that the books are true whatever happened. */
async function bookOwnTransfer(
  trx: Trx<Database>,
  { now }: PageContext,
  row: UnbookedRow,
  attempt: KnownAttempt,
  postings: NewPosting[],
): Promise<NewWithdrawal> {
  const { attemptId } = attempt;
  if (await bookWithdrawal(trx, attempt, row, now)) return { row, state: 'transfer', attemptId };
  postings.push(outgoingPosting(row, SUSPENSE, 'unexplained'));
  return { row, state: 'unexpected', attemptId, ledgerAccount: SUSPENSE };
}

function outgoingPosting(
  row: UnbookedRow,
  ledgerAccount: string,
  kind: 'classified' | 'unexplained',
): NewPosting {
  return {
    debit: ledgerAccount,
    credit: bankAccount(row.account),
    amount: row.amount,
    kind,
    rowId: row.rowId,
  };
}

/** Rows that came in and are nobody's payment: a payout that bounced, interest. */
async function bookIncomingNotToMatch(
  trx: Trx<Database>,
  context: PageContext,
  rows: readonly UnbookedRow[],
  classes: Map<bigint, RowClass>,
  postings: NewPosting[],
  booked: Booked,
): Promise<NewDeposit[]> {
  const deposits: NewDeposit[] = [];
  for (const row of rows) {
    const rowClass = classes.get(row.rowId);
    if (rowClass?.class === 'return') {
      if (!(await bookReturn(trx, rowClass.attempt, row, context.now))) {
        classes.set(row.rowId, { class: 'deposit' });
        continue;
      }
      deposits.push({ row, names: [], state: 'return_of', returnOfTransferId: rowClass.attempt.transferId });
      booked.returned += 1;
    } else if (rowClass?.class === 'classified' && row.direction === 'in') {
      const debit = bankAccount(row.account);
      postings.push({
        debit,
        credit: rowClass.ledgerAccount,
        amount: row.amount,
        kind: 'classified',
        rowId: row.rowId,
      });
      deposits.push({ row, names: [], state: 'classified' });
    }
  }
  return deposits;
}

interface PageInWork {
  readonly deposits: NewDeposit[];
  readonly postings: NewPosting[];
  readonly booked: Booked;
}

/** Matches the page's deposits, and plans the payouts of the orders that they pay. */
async function matchAndPlan(
  trx: Trx<Database>,
  context: PageContext,
  rows: readonly UnbookedRow[],
  { deposits, postings, booked }: PageInWork,
): Promise<void> {
  if (rows.length === 0) return;
  const names = [...new Set(rows.flatMap((row) => lookupKeys(row.text).names))];
  const named = await lockNamedOrders(trx, names);
  const { decisions, reconsidered, orders } = await decide(trx, rows, named);
  const byRow = new Map(rows.map((row) => [row.rowId, row]));
  const matches: Match[] = [];
  for (const decision of decisions) {
    const row = byRow.get(decision.rowId);
    if (row === undefined)
      throw new Error(`the matcher decided on row ${decision.rowId.toString()}, which is not of this page`);
    if (decision.outcome === 'matched') {
      matches.push({
        row,
        names: lookupKeys(row.text).names,
        order: matchedOrder(orders, row, decision.orderId),
      });
    } else {
      deposits.push(reviewOf(row, decision));
    }
  }
  await insertMatches(trx, matches, context.now);
  await updateReviews(trx, reconsidered, context.now);

  const paidOut = await payOrdersOut(
    trx,
    matches.map(({ row, order }) => ({
      orderId: order.orderId,
      sellerId: order.sellerId,
      parts: [{ rowId: row.rowId, amount: order.amount }],
      depositedAt: row.occurredAt,
    })),
    context.now,
  );
  postings.push(...paidOut.postings);
  booked.matched = matches.length;
  booked.planned = paidOut.planned;
  booked.held = paidOut.held;
  countReasons(
    booked,
    decisions.flatMap((decision) => (decision.outcome === 'in_review' ? [decision.reason] : [])),
  );
}

/**
 * Decides on the named orders alone first; only for deposits that none fits is more read. The rule is pure and matches by named orders only, so
 * that the second run, which knows more orders, matches the same.
 */
async function decide(trx: Trx<Database>, rows: readonly UnbookedRow[], named: readonly MatchableOrder[]) {
  const orders = new Map(named.map((order) => [order.orderId, order]));
  const first = matchPage({ deposits: rows, orders: named, openReviews: [] });
  const unmatched = new Set(
    first.decisions.flatMap((decision) => (decision.outcome === 'in_review' ? [decision.rowId] : [])),
  );
  if (unmatched.size === 0) return { ...first, orders };
  const inDoubt = rows.filter((row) => unmatched.has(row.rowId));
  const doubtfulNames = new Set(inDoubt.flatMap((row) => lookupKeys(row.text).names));
  const similar = await readSimilarOrders(trx, {
    letters: [...new Set(inDoubt.flatMap((row) => lookupKeys(row.text).letters))],
    recipients: named
      .filter((order) => doubtfulNames.has(order.depositorName))
      .map((order) => lettersOf(order.recipientName)),
    amounts: [...new Set(inDoubt.map((row) => row.amount))],
  });
  for (const order of similar) if (!orders.has(order.orderId)) orders.set(order.orderId, order);
  const openReviews = await readOpenReviews(trx, [...doubtfulNames]);
  return { ...matchPage({ deposits: rows, orders: [...orders.values()], openReviews }), orders };
}

/** The letters of a name, as orders are looked up by. */
function lettersOf(recipientName: string): string {
  return splitName(normaliseDepositorText(recipientName)).letters;
}

/** Assertions stay on in production: a match that is not exact is a mistake of the program, and must not be kept. */
function matchedOrder(
  orders: ReadonlyMap<bigint, MatchableOrder>,
  row: UnbookedRow,
  orderId: bigint,
): MatchableOrder {
  const order = orders.get(orderId);
  if (order?.amount !== row.amount) {
    throw new Error(
      `row ${row.rowId.toString()} was matched to order ${orderId.toString()}, whose amount is another`,
    );
  }
  if (!lookupKeys(row.text).names.includes(order.depositorName)) {
    throw new Error(
      `row ${row.rowId.toString()} was matched to order ${orderId.toString()}, whose depositor name is another`,
    );
  }
  return order;
}

function reviewOf(
  row: UnbookedRow,
  review: Pick<Extract<MatchDecision, { outcome: 'in_review' }>, 'reason' | 'candidates'>,
): NewDeposit {
  const names = lookupKeys(row.text).names;
  return { row, names, state: 'in_review', reason: review.reason, candidates: review.candidates };
}

function countReasons(booked: Booked, reasons: readonly ReviewReason[]): void {
  for (const reason of reasons) booked.inReview[reason] = (booked.inReview[reason] ?? 0) + 1;
}

function add(total: Booked, page: Booked): void {
  for (const key of [
    'rows',
    'deposits',
    'matched',
    'returned',
    'reversed',
    'unexplained',
    'planned',
    'held',
  ] as const) {
    total[key] += page[key];
  }
  for (const [reason, count] of Object.entries(page.inReview)) {
    const known = reason as ReviewReason;
    total.inReview[known] = (total.inReview[known] ?? 0) + count;
  }
}
