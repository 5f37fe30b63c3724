import type { Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import type { PayeeAccount } from '../../functions/bank/payee-account.ts';
import { approveAccount, rejectAccount, requestAccount } from '../../functions/orders/payout-account.step.ts';
import { readAccounts } from '../../functions/orders/payout-account.repository.ts';
import { correctSuspense } from '../../functions/ledger/correct.step.ts';
import type { Refused } from '../../functions/people/refusal.ts';
import type { Decided } from '../../functions/reviews/allocate.step.ts';
import { assignDeposit } from '../../functions/reviews/assign.step.ts';
import { combineDeposits } from '../../functions/reviews/combine.step.ts';
import { ignoreDeposit } from '../../functions/reviews/ignore.step.ts';
import {
  listReviews,
  showReview,
  type Review,
  type ReviewInFull,
} from '../../functions/reviews/queue.repository.ts';
import { refundDeposit, type Refunding } from '../../functions/reviews/refund.step.ts';
import { IGNORED_ACCOUNTS } from '../../functions/reviews/review.table.ts';
import { splitDeposit, type Share } from '../../functions/reviews/split.step.ts';
import { undoDecision } from '../../functions/reviews/undo.step.ts';
import { won } from '../../functions/shared/money.ts';
import { approveTransfer } from '../../functions/transfers/approve.step.ts';
import { cancelTransfer } from '../../functions/transfers/cancel.step.ts';
import { haltPayouts, resumePayouts } from '../../functions/transfers/payouts.step.ts';
import { activeStops } from '../../functions/transfers/stops.repository.ts';
import { listTransfers } from '../../functions/transfers/transfer-view.repository.ts';
import { actingAs, type Command } from './desk.ts';
import {
  AFTERWARDS_MS,
  MINUTE_MS,
  nowAndThen,
  someMomentMs,
  type People,
  type Person,
  type SimulatedSeller,
} from './person.ts';

/** They agree by twos, and each of them errs now and then. */
const NAMES = ['kim', 'lee', 'park'] as const;

/** What the statement says of cash that somebody took. */
export const CASH_TEXT = '현금인출';

/** The holder of the accounts that buyers pay from and want their money back to. */
export const BUYER = '구매자';

/** How many of a list's entries somebody looks through. */
const LISTED_MAX = 20;
/** Few, so that several people meet at one transfer. */
const APPROVABLE_MAX = 5;
/** Within so long the second person does what the first has asked for, ms. */
const SECOND_WITHIN_MS = 6 * MINUTE_MS;
/** Within so long a decision is undone, a transfer cancelled, ms. */
const UNDONE_WITHIN_MS = 10 * MINUTE_MS;

export const OPERATORS: readonly Person[] = [
  { name: 'operators decide on deposits', begin: decisions },
  { name: 'operators let held transfers go, or cancel them', begin: heldTransfers },
  { name: 'operators cancel transfers', begin: cancellations },
  { name: 'operators change payout accounts', begin: accountChanges },
  { name: 'operators halt payouts', begin: halts },
  { name: 'operators let payouts go on', begin: resumptions },
];

/** What operators do until the last buyer has paid. */
function untilTheLast(people: People, everyMinutes: number, happen: () => void): void {
  const { state, untilMs } = people;
  nowAndThen({ state, untilMs: untilMs + AFTERWARDS_MS }, everyMinutes, () => {
    state.timeline.after(someMomentMs(people, everyMinutes * MINUTE_MS), () => {
      if (!state.hasCeased) happen();
    });
  });
}

/** Some time later, if the world is not at its end by then. */
function later({ state }: People, inMs: number, happen: () => void): void {
  state.timeline.after(inMs, () => {
    if (!state.hasCeased) happen();
  });
}

function somebody({ state }: People): string {
  return state.random.pick(NAMES);
}

/** Mostly somebody else, sometimes the same person again: that one must be refused. */
function secondOf({ state: { random } }: People, first: string): string {
  return random.chance(0.2) ? first : random.pick(NAMES.filter((name) => name !== first));
}

function decisions(people: People): void {
  const { state, desk } = people;
  untilTheLast(people, 1, () => {
    if (!state.isTried('review_decided')) return;
    const who = somebody(people);
    desk.lookAndEnter(who, async (db) => {
      const { reviews } = await listReviews(db, { limit: LISTED_MAX });
      return reviews.length === 0 ? undefined : await decide(people, who, db, state.random.pick(reviews));
    });
  });
}

async function decide(
  people: People,
  who: string,
  db: Kysely<Database>,
  review: Review,
): Promise<Command | undefined> {
  const kind = people.state.random.fraction();
  if (kind < 0.1) return ignoring(people, review);
  if (kind < 0.4) return await refunding(people, who, db, review);
  const orders =
    kind < 0.55
      ? splitting(people, review)
      : kind < 0.65
        ? await combining(people, db, review)
        : assigning(people, review);
  return orders ?? assigning(people, review) ?? (await refunding(people, who, db, review));
}

function assigning(people: People, { rowId, candidates }: Review): Command | undefined {
  if (candidates.length === 0) return undefined;
  const { orderId } = people.state.random.pick(candidates);
  return decision(people, `review assign ${rowId.toString()} ${orderId.toString()}`, 'review_decided', {
    run: (db, acting) => assignDeposit(db, acting, { depositRowId: rowId, orderId }),
  });
}

function splitting(people: People, { rowId, candidates }: Review): Command | undefined {
  if (candidates.length < 2) return undefined;
  const { random } = people.state;
  const shares = random
    .shuffle(candidates)
    .slice(0, random.integer(2, 3))
    .map(({ orderId, outstanding }): Share =>
      random.chance(0.5) && outstanding > 1n ? { orderId, amount: won(outstanding / 2n) } : { orderId },
    );
  const named = shares.map((share) => share.orderId.toString()).join(' ');
  return decision(people, `review split ${rowId.toString()} ${named}`, 'review_decided', {
    run: (db, acting) => splitDeposit(db, acting, { depositRowId: rowId, shares }),
  });
}

async function combining(
  people: People,
  db: Kysely<Database>,
  { rowId, candidates }: Review,
): Promise<Command | undefined> {
  const others = (await showReview(db, rowId))?.others.filter((other) => other.state === 'in_review') ?? [];
  if (candidates.length === 0 || others.length === 0) return undefined;
  const { orderId } = people.state.random.pick(candidates);
  const depositRowIds = [rowId, people.state.random.pick(others).rowId];
  return decision(
    people,
    `review combine ${orderId.toString()} ${depositRowIds.join(' ')}`,
    'review_decided',
    {
      run: (db, acting) => combineDeposits(db, acting, { orderId, depositRowIds }),
    },
  );
}

function ignoring(people: People, { rowId }: Review): Command {
  const account = people.state.random.pick(IGNORED_ACCOUNTS);
  return decision(people, `review ignore ${rowId.toString()} as ${account}`, 'review_decided', {
    run: (db, acting) => ignoreDeposit(db, acting, { depositRowId: rowId, account }),
  });
}

/** A decision, which somebody may undo some time later. */
function decision(
  people: People,
  what: string,
  kind: 'review_decided' | 'deposit_refunded',
  { run }: Pick<Command, 'run'>,
): Command {
  return {
    what,
    kind,
    run,
    done: (result) => {
      const decided = decisionOf(result as Decided | Refunding | { readonly outcome: 'requested' });
      if (decided === undefined || !people.state.isTried('review_undone')) return;
      later(people, someMomentMs(people, UNDONE_WITHIN_MS), () =>
        people.desk.enter(somebody(people), undoing(decided)),
      );
    },
  };
}

function decisionOf(result: Decided | Refunding | { readonly outcome: 'requested' }): Decided | undefined {
  if (!('outcome' in result)) return result;
  return result.outcome === 'refunding' ? result.decided : undefined;
}

function undoing({ decisionId }: Decided): Command {
  return {
    what: `review undo ${decisionId.toString()}`,
    kind: 'review_undone',
    run: (db, acting) => undoDecision(db, acting, decisionId),
  };
}

/** The first of two people asks; the other is told, and names the account as they heard it. */
async function refunding(
  people: People,
  who: string,
  db: Kysely<Database>,
  { rowId }: Review,
): Promise<Command | undefined> {
  const { state, bank } = people;
  const { random } = state;
  if (!state.isTried('deposit_refunded')) return undefined;
  const shown = await showReview(db, rowId);
  const sender = shown?.sender === null ? undefined : shown && senderByTheBank(people, shown);
  const isSenders = sender !== undefined && random.chance(0.6);
  const to = isSenders ? sender : { bankCode: '088', accountNumber: random.digits(12), holder: BUYER };
  if (state.befalls('destination_closed')) bank.closeDestination(to.bankCode, to.accountNumber);
  const second = secondOf(people, who);
  const isMisheard = random.chance(0.1);
  const heard = isMisheard ? { ...to, accountNumber: random.digits(12) } : to;
  later(people, someMomentMs(people, SECOND_WITHIN_MS), () =>
    people.desk.enter(second, refundTo(people, second, rowId, heard, isSenders && !isMisheard)),
  );
  return refundTo(people, who, rowId, to, isSenders);
}

/** Whose account the bank itself knows a deposit to have come from. */
function senderByTheBank({ bank }: People, deposit: ReviewInFull): PayeeAccount | undefined {
  const rows = bank
    .rows(deposit.account)
    .filter(
      (row) =>
        row.direction === 'in' &&
        row.occurredAt.getTime() === deposit.occurredAt.getTime() &&
        row.amount === deposit.amount &&
        row.balanceAfter === deposit.bankRow.balanceAfter,
    );
  const [row] = rows;
  if (row?.sender === undefined || rows.length > 1) return undefined;
  const { bankCode, accountNumber, name: holder } = row.sender;
  return { bankCode, accountNumber, holder };
}

function refundTo(people: People, who: string, rowId: bigint, to: PayeeAccount, isSenders: boolean): Command {
  const what = `review refund ${rowId.toString()} to ${isSenders ? 'its sender, ' : ''}${to.accountNumber}`;
  return decision(people, what, 'deposit_refunded', {
    run: (db, acting) => {
      people.named.add(rowId, to, who);
      return refundDeposit(db, people.vault, acting, { depositRowId: rowId, to: isSenders ? 'sender' : to });
    },
  });
}

function heldTransfers(people: People): void {
  const { state, desk } = people;
  untilTheLast(people, 2, () => {
    if (!state.isTried('transfer_approved')) return;
    const who = somebody(people);
    desk.lookAndEnter(who, async (db) => {
      const transferId = await findToApprove(people, db);
      if (transferId === undefined) return undefined;
      // A refusal, in people's words: what is held is cancelled, and stays owed.
      if (state.random.chance(0.2)) return cancelling(transferId);
      later(people, someMomentMs(people, SECOND_WITHIN_MS), () =>
        desk.enter(secondOf(people, who), approving(transferId)),
      );
      return approving(transferId);
    });
  });
}

/** What two people may let go, or pay anew: of some kind that there is, one of the latest. */
async function findToApprove({ state }: People, db: Kysely<Database>): Promise<bigint | undefined> {
  const filters = [
    { held: 'limit' },
    { state: 'held' },
    { state: 'failed' },
    { state: 'returned' },
    { state: 'cancelled' },
  ] as const;
  for (const filter of state.random.shuffle(filters)) {
    const transfers = await listTransfers(db, { ...filter, limit: APPROVABLE_MAX });
    if (transfers.length > 0) return state.random.pick(transfers).transfer_id;
  }
  return undefined;
}

function approving(transferId: bigint): Command {
  return {
    what: `transfers approve ${transferId.toString()}`,
    kind: 'transfer_approved',
    run: (db, acting) => approveTransfer(db, acting, transferId),
  };
}

function cancelling(transferId: bigint): Command {
  return {
    what: `transfers cancel ${transferId.toString()}`,
    kind: 'transfer_cancelled',
    run: (db, acting) => cancelTransfer(db, acting, transferId),
  };
}

function cancellations(people: People): void {
  const { state, desk } = people;
  untilTheLast(people, 2, () => {
    if (!state.isTried('transfer_cancelled')) return;
    desk.lookAndEnter(somebody(people), async (db) => {
      const wanted = state.random.pick(['planned', 'queued', 'sending', 'unknown', 'held'] as const);
      const transfers = await listTransfers(db, { state: wanted, limit: LISTED_MAX });
      return transfers.length === 0 ? undefined : cancelling(state.random.pick(transfers).transfer_id);
    });
  });
}

/** Sellers ask to be paid elsewhere: those that came without an account, those whose account was closed, and now and then another. */
function accountChanges(people: People): void {
  const { state, sellers } = people;
  for (const seller of sellers)
    if (seller.accountNumber === undefined)
      state.timeline.after(state.random.integer(5, 50) * MINUTE_MS, () => changeAccount(people, seller));
  untilTheLast(people, 5, () => {
    if (state.isTried('account_changed')) changeAccount(people, state.random.pick(sellers));
  });
}

/** Somebody asks for another account of a seller; somebody else approves it some minutes later, or does not. */
export function changeAccount(people: People, seller: SimulatedSeller): void {
  const { state, desk, vault } = people;
  if (state.hasCeased) return;
  const { random } = state;
  const { sellerId, bankCode, holder } = seller;
  const who = somebody(people);
  const second = secondOf(people, who);
  const accountNumber = random.digits(12);
  const isApproved = random.chance(0.8);
  desk.enter(who, {
    what: `accounts request ${sellerId}`,
    kind: 'account_changed',
    run: (db, acting) => requestAccount(db, vault, acting, sellerId, { bankCode, accountNumber, holder }),
  });
  later(people, someMomentMs(people, SECOND_WITHIN_MS), () =>
    desk.lookAndEnter(second, async (db) => {
      const waiting = (await readAccounts(db, sellerId)).find((account) => account.state === 'requested');
      if (waiting === undefined) return undefined;
      const id = waiting.payout_account_id;
      return {
        what: `accounts ${isApproved ? 'approve' : 'reject'} ${id.toString()}`,
        kind: 'account_changed',
        run: (db, acting) => (isApproved ? approveAccount(db, acting, id) : rejectAccount(db, acting, id)),
        done: () => {
          if (isApproved) seller.accountNumber = accountNumber;
        },
      };
    }),
  );
}

function halts(people: People): void {
  const { state, desk } = people;
  nowAndThen(people, 15, () => {
    if (!state.isTried('payouts_halted')) return;
    state.timeline.after(someMomentMs(people, 5 * MINUTE_MS), () =>
      desk.enter(somebody(people), {
        what: 'payouts halt',
        kind: 'payouts_halted',
        run: (db, acting) => haltPayouts(db, acting),
      }),
    );
  });
}

/** Some minutes after a halt somebody lets payouts go on; where its cause still stands, two people do so despite it. */
function resumptions(people: People): void {
  const { desk, state } = people;
  nowAndThen(people, 9, () => {
    const who = somebody(people);
    desk.lookAndEnter(who, async (db) => {
      const halts = (await activeStops(db)).filter((stop) => stop === 'halt_person' || stop === 'halt_drift');
      if (halts.length === 0) return undefined;
      const second = secondOf(people, who);
      later(people, someMomentMs(people, MINUTE_MS), () => desk.enter(second, resuming(true)));
      return resuming(state.random.chance(0.7));
    });
  });
}

function resuming(despite: boolean): Command {
  return {
    what: `payouts resume${despite ? ' despite' : ''}`,
    run: (db, acting) => resumePayouts(db, acting, despite),
  };
}

/** What people do at the end: say whose it is what nothing explains, and let payouts go on. */
export async function explainAndResume(people: Pick<People, 'db' | 'state'>): Promise<void> {
  await explainWithdrawals(people);
  await endHalts(people);
}

/**
 * Two people say of the cash that somebody took, having asked, that it was the owner's. Until then it may be the payout of a transfer in
 * doubt, whose absence nobody can prove.
 */
async function explainWithdrawals({ db, state }: Pick<People, 'db' | 'state'>): Promise<void> {
  const rows = await db
    .selectFrom('withdrawal')
    .select(['row_id', 'text'])
    .where('state', '=', 'unexplained')
    .orderBy('row_id')
    .execute();
  for (const { row_id: rowId, text } of rows) {
    if (text !== CASH_TEXT) continue;
    for (const who of NAMES.slice(0, 2)) {
      const correction = { rowId, to: 'owner', amount: undefined };
      required(await correctSuspense(db, actingAs(who, state.timeline.now()), correction));
    }
  }
}

/** Lets payouts go on, whatever stands in the way: two people do it, of whom one may have asked for something else before. */
async function endHalts({ db, state }: Pick<People, 'db' | 'state'>): Promise<void> {
  for (const who of [...NAMES, ...NAMES]) {
    const outcome = await resumePayouts(db, actingAs(who, state.timeline.now()), true);
    if (outcome.outcome === 'refused' && outcome.code === 'not_halted') return;
  }
}

/** Gives a seller a new approved account, whatever was asked for before. */
export async function giveAccount(people: People, seller: SimulatedSeller): Promise<void> {
  const { db, vault, state } = people;
  const [first, second] = NAMES;
  const acting = (who: string) => actingAs(who, state.timeline.now());
  for (const { state: was, payout_account_id: id } of await readAccounts(db, seller.sellerId))
    if (was === 'requested') required(await rejectAccount(db, acting(first), id));
  const accountNumber = state.random.digits(12);
  const { bankCode, holder, sellerId } = seller;
  const asked = required(
    await requestAccount(db, vault, acting(first), sellerId, { bankCode, accountNumber, holder }),
  );
  required(await approveAccount(db, acting(second), asked.payoutAccountId));
  seller.accountNumber = accountNumber;
}

function required<Result>(outcome: { readonly outcome: 'done'; readonly result: Result } | Refused): Result {
  if (outcome.outcome === 'refused')
    throw new Error(`what nothing stands against was refused: ${outcome.message}`);
  return outcome.result;
}
