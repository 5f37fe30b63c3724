import type { Transaction } from 'kysely';
import type { FailureCause } from '../bank/bank.ts';
import type { Database } from '../database.ts';
import {
  giveRefundBack,
  isOfReversedDeposit,
  markRefunded,
  readRefund,
  retakeRefund,
} from '../deposits/refunded-deposit.repository.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import {
  holdPosting,
  postPosting,
  voidPosting,
  type NewPosting,
  type PostedTransfer,
} from '../ledger/postings.ts';
import { won } from '../shared/money.ts';
import { assertRows } from '../shared/postgres.ts';
import { lockPlanning } from './plan.repository.ts';
import { haltOnDrift, raiseAlarm } from './stops.repository.ts';
import type { EvidenceVerdict, Transfer, TransferAttempt } from './transfer.table.ts';

export interface Evidence {
  readonly attemptId: bigint;
  readonly token: bigint;
  readonly source: 'send' | 'inquiry' | 'statement' | 'person';
  readonly verdict: EvidenceVerdict;
  readonly code: string;
  readonly at: Date;
  readonly cause?: string;
  readonly messageId?: bigint;
  readonly rowId?: bigint;
}

/** Keeps what somebody said of an attempt. It is never dropped, also when it comes late. */
export async function keepEvidence(trx: Transaction<Database>, evidence: readonly Evidence[]): Promise<void> {
  if (evidence.length === 0) return;
  await trx
    .insertInto('attempt_evidence')
    .values(
      evidence.map((one) => ({
        attempt_id: one.attemptId,
        token: one.token,
        source: one.source,
        verdict: one.verdict,
        cause: one.cause ?? null,
        code: one.code,
        at: one.at,
        message_id: one.messageId ?? null,
        row_id: one.rowId ?? null,
      })),
    )
    .execute();
}

export interface AttemptAndTransfer {
  readonly attempt: TransferAttempt;
  readonly transfer: Transfer;
}

/** Locks a transfer and reads one of its attempts with it. */
export async function lockAttempt(
  trx: Transaction<Database>,
  attemptId: bigint,
): Promise<AttemptAndTransfer> {
  const { transfer_id } = await trx
    .selectFrom('transfer_attempt')
    .select('transfer_id')
    .where('attempt_id', '=', attemptId)
    .executeTakeFirstOrThrow();
  const transfer = await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', transfer_id)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const attempt = await trx
    .selectFrom('transfer_attempt')
    .selectAll()
    .where('attempt_id', '=', attemptId)
    .executeTakeFirstOrThrow();
  return { attempt, transfer };
}

/** What the postings of an attempt name. */
export function postedOf({ attempt, transfer }: AttemptAndTransfer): PostedTransfer {
  return {
    transferId: transfer.transfer_id,
    attemptId: attempt.attempt_id,
    kind: transfer.kind,
    sellerId: transfer.seller_id,
    amount: won(transfer.amount),
    account: attempt.account,
  };
}

export type SuccessOutcome =
  /** The transfer is now succeeded. */
  | 'succeeded'
  /** It was known before. */
  | 'already_known'
  /** Money may have gone twice, or a cancelled transfer was executed: payouts are halted. What is sure is recorded all the same. */
  | 'halted';

/**
 * Takes note that an attempt has surely succeeded, whoever says it and however late: the answer to the send, an inquiry, or the row on the
 * statement. It may come when the attempt was already taken for absent or failed; then what was given back is taken again, and a
 * retry that nobody has claimed is cancelled in the same transaction. Where that is too late, payouts halt; and they halt too when the
 * transfer was claimed once more after the send that this speaks of.
 */
export async function recordSuccess(
  trx: Transaction<Database>,
  evidence: Evidence,
  bankDate?: string,
): Promise<SuccessOutcome> {
  const known = await lockAttempt(trx, evidence.attemptId);
  await keepEvidence(trx, [evidence]);
  const outcome = await recordKnownSuccess(trx, known, evidence.at, bankDate);
  if (outcome === 'halted' || known.transfer.state === 'returned') return outcome;
  if (evidence.token === known.transfer.token) return outcome;
  return await halt(trx, known, 'it was claimed again after that', evidence.at);
}

async function recordKnownSuccess(
  trx: Transaction<Database>,
  known: AttemptAndTransfer,
  at: Date,
  bankDate: string | undefined,
): Promise<SuccessOutcome> {
  const { attempt, transfer } = known;
  switch (transfer.state) {
    case 'sending':
    case 'unknown':
      if (attempt.state !== 'open') return await halt(trx, known, 'a second attempt is under way', at);
      await insertPostings(trx, [postPosting(postedOf(known))], at);
      await settle(trx, known, at, bankDate);
      return 'succeeded';
    case 'planned':
    case 'queued':
    case 'held':
    case 'failed':
      return await succeedAfterAll(trx, known, at, bankDate);
    case 'succeeded':
      if (attempt.state === 'succeeded') return 'already_known';
      return await halt(trx, known, 'two attempts of it have succeeded', at);
    case 'returned':
      if (attempt.state === 'succeeded') return 'already_known';
      return await halt(trx, known, 'another attempt of it has paid, and came back', at);
    case 'cancelled':
      return await halt(trx, known, 'it was cancelled', at);
    default:
      transfer.state satisfies never;
      throw new Error(`transfer ${transfer.transfer_id.toString()} is in no known state`);
  }
}

/** The attempt was taken for absent or failed, and has succeeded after all. */
async function succeedAfterAll(
  trx: Transaction<Database>,
  known: AttemptAndTransfer,
  at: Date,
  bankDate: string | undefined,
): Promise<SuccessOutcome> {
  const { transfer } = known;
  const retry = await trx
    .selectFrom('transfer')
    .select(['transfer_id', 'state'])
    .where('retry_of', '=', transfer.transfer_id)
    .where('state', '<>', 'cancelled')
    .forUpdate()
    .executeTakeFirst();
  if (retry !== undefined) {
    if (retry.state !== 'planned' && retry.state !== 'queued' && retry.state !== 'held')
      return await halt(trx, known, `its retry ${retry.transfer_id.toString()} is ${retry.state}`, at);
    await cancelUnsent(trx, retry.transfer_id, at);
  }
  const other = await otherPayerOfItsOrders(trx, transfer.transfer_id);
  if (other !== undefined)
    return await halt(trx, known, `transfer ${other.toString()} pays an order of it`, at);
  if (transfer.kind === 'refund' && transfer.state === 'failed') {
    const retaken = await retakeRefund(trx, transfer, at);
    if (retaken !== 'retaken')
      return await halt(trx, known, `the deposit that it refunds is ${retaken} by now`, at);
  }
  const posted = postedOf(known);
  await insertPostings(
    trx,
    [holdPosting(posted), postPosting(posted), ...(await takeOutOfSuspense(trx, known))],
    at,
  );
  await trx
    .updateTable('transfer_item')
    .set({ live: true })
    .where('transfer_id', '=', transfer.transfer_id)
    .execute();
  await settle(trx, known, at, bankDate);
  return 'succeeded';
}

/**
 * The row that shows this attempt was booked before the transfer could have it as its payment, and its amount put into suspense, or from there where people
 * said. All of that is given back now that the payment is booked; otherwise it would have left the bank twice in the books.
 */
async function takeOutOfSuspense(
  trx: Transaction<Database>,
  { attempt }: AttemptAndTransfer,
): Promise<NewPosting[]> {
  const row = await trx
    .updateTable('withdrawal')
    .set({ state: 'transfer', ledger_account: null })
    .where('attempt_id', '=', attempt.attempt_id)
    .where('state', '=', 'unexpected')
    .returning('row_id')
    .executeTakeFirst();
  if (row === undefined) return [];
  const booked = await trx
    .selectFrom('posting')
    .select(['debit', 'credit', 'amount'])
    .where('row_id', '=', row.row_id)
    .where('kind', 'in', ['unexplained', 'correction'])
    .orderBy('posting_id', 'desc')
    .execute();
  return booked.map(({ debit, credit, amount }) => ({
    debit: credit,
    credit: debit,
    amount: won(amount),
    kind: 'correction',
    rowId: row.row_id,
  }));
}

/** The transfer, if there is one, that pays an order which this one has paid too: the order was freed, paid anew and planned anew. */
async function otherPayerOfItsOrders(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<bigint | undefined> {
  const other = await trx
    .selectFrom('transfer_item as own')
    .innerJoin('transfer_item as other', 'other.order_id', 'own.order_id')
    .select('other.transfer_id')
    .where('own.transfer_id', '=', transferId)
    .where('other.transfer_id', '<>', transferId)
    .where('other.live', '=', true)
    .limit(1)
    .executeTakeFirst();
  return other?.transfer_id;
}

/**
 * When a later attempt has ended without paying, a success of an earlier one, which could only be kept as evidence while the later one was under way,
 * ends the transfer: it must not be sent again.
 *
 * @returns whether there was one.
 */
async function recordEarlierSuccess(
  trx: Transaction<Database>,
  transferId: bigint,
  at: Date,
): Promise<boolean> {
  const earlier = await trx
    .selectFrom('attempt_evidence as e')
    .innerJoin('transfer_attempt as a', 'a.attempt_id', 'e.attempt_id')
    .select('a.attempt_id')
    .where('a.transfer_id', '=', transferId)
    .where('a.state', '<>', 'succeeded')
    .where('e.verdict', '=', 'succeeded')
    .limit(1)
    .executeTakeFirst();
  if (earlier === undefined) return false;
  const outcome = await succeedAfterAll(trx, await lockAttempt(trx, earlier.attempt_id), at, undefined);
  return outcome === 'succeeded';
}

async function settle(
  trx: Transaction<Database>,
  { attempt, transfer }: AttemptAndTransfer,
  at: Date,
  bankDate?: string,
): Promise<void> {
  await trx
    .updateTable('transfer')
    .set({ state: 'succeeded', settled_at: at, lease_ends_at: null, held_reason: null, failed_reason: null })
    .where('transfer_id', '=', transfer.transfer_id)
    .execute();
  await trx
    .updateTable('transfer_attempt')
    .set({ state: 'succeeded', ...(bankDate === undefined ? {} : { answered_bank_date: bankDate }) })
    .where('attempt_id', '=', attempt.attempt_id)
    .execute();
  if (transfer.kind === 'refund') await markRefunded(trx, transfer, at);
}

async function halt(
  trx: Transaction<Database>,
  { attempt, transfer }: AttemptAndTransfer,
  why: string,
  at: Date,
): Promise<SuccessOutcome> {
  const reason = `transfer ${transfer.transfer_id.toString()} has left the bank (${attempt.reference}) although ${why}`;
  await haltOnDrift(
    trx,
    'transfer_executed_unexpectedly',
    reason,
    { transferId: transfer.transfer_id, reference: attempt.reference },
    at,
  );
  return 'halted';
}

/**
 * Cancels a transfer that was never sent and frees its orders, or the deposit that it was to refund. The caller holds its lock.
 *
 * @throws when it may have been sent: its orders must not be paid a second time.
 */
export async function cancelUnsent(trx: Transaction<Database>, transferId: bigint, at: Date): Promise<void> {
  const cancelled = await trx
    .updateTable('transfer')
    .set({ state: 'cancelled', held_reason: null })
    .where('transfer_id', '=', transferId)
    .where('state', 'in', ['planned', 'queued', 'held'])
    .executeTakeFirst();
  assertRows(`transfer ${transferId.toString()} cancelled`, Number(cancelled.numUpdatedRows), 1);
  await trx.updateTable('transfer_item').set({ live: false }).where('transfer_id', '=', transferId).execute();
  const refund = await readRefund(trx, transferId);
  if (refund !== undefined) await giveRefundBack(trx, refund, at);
}

/** A transfer that was in flight until now and is to be sent again goes out only if it still may. */
async function lookBeforeSendingAgain(
  trx: Transaction<Database>,
  posted: PostedTransfer,
  at: Date,
): Promise<void> {
  if (posted.kind === 'payout') {
    await holdIfSellerMayOwe(trx, posted);
    return;
  }
  const refund = await readRefund(trx, posted.transferId);
  if (refund !== undefined && (await isOfReversedDeposit(trx, refund)))
    await cancelUnsent(trx, posted.transferId, at);
}

/**
 * Sellers' balances may no longer cover what is planned: what is not claimed yet waits until it is seen to, and so does all that is planned from now on. Whoever
 * plans or releases a payout at this moment has committed it, and it is held here, or begins after, and knows of the debt.
 */
export async function holdPayoutsForDebt(
  trx: Transaction<Database>,
  sellerIds: readonly string[],
): Promise<void> {
  if (sellerIds.length === 0) return;
  await lockPlanning(trx);
  await trx
    .updateTable('seller')
    .set({ may_owe: true })
    .where('seller_id', 'in', [...sellerIds])
    .execute();
  await trx
    .updateTable('transfer')
    .set({ state: 'held', held_reason: 'seller_debt' })
    .where('seller_id', 'in', [...sellerIds])
    .where('state', 'in', ['planned', 'queued'])
    .execute();
}

/**
 * A planned transfer that was in flight until now waits when its seller may owe: it escaped whoever held the seller's others, and its own orders may be
 * unpaid by now. Release frees it when the balance covers it. The seller is locked, so that a reversal at this moment comes before or after.
 */
async function holdIfSellerMayOwe(
  trx: Transaction<Database>,
  { transferId, sellerId }: PostedTransfer,
): Promise<void> {
  if (sellerId === null) return;
  const seller = await trx
    .selectFrom('seller')
    .select('may_owe')
    .where('seller_id', '=', sellerId)
    .forShare()
    .executeTakeFirstOrThrow();
  if (!seller.may_owe) return;
  await trx
    .updateTable('transfer')
    .set({ state: 'held', held_reason: 'seller_debt' })
    .where('transfer_id', '=', transferId)
    .where('state', '=', 'planned')
    .execute();
}

/**
 * Hands a claimed transfer back because the bank has surely heard nothing. Fenced: if the claim is no longer this worker's, nothing changes.
 *
 * @returns whether it was handed back.
 */
export async function handBackUnsent(
  trx: Transaction<Database>,
  posted: PostedTransfer,
  token: bigint,
  at: Date,
): Promise<boolean> {
  const handedBack = await trx
    .updateTable('transfer')
    .set((eb) => ({ state: 'planned', lease_ends_at: null, sends: eb('sends', '-', 1) }))
    .where('transfer_id', '=', posted.transferId)
    .where('state', '=', 'sending')
    .where('token', '=', token)
    .executeTakeFirst();
  if (handedBack.numUpdatedRows === 0n) return false;
  await trx
    .updateTable('transfer_attempt')
    .set({ state: 'absent' })
    .where('attempt_id', '=', posted.attemptId)
    .execute();
  await insertPostings(trx, [voidPosting(posted)], at);
  if (!(await recordEarlierSuccess(trx, posted.transferId, at)))
    await lookBeforeSendingAgain(trx, posted, at);
  return true;
}

/** Leaves a claimed transfer `unknown`: only an inquiry or the statement ends that. Fenced. */
export async function leaveUnknown(
  trx: Transaction<Database>,
  transferId: bigint,
  token: bigint,
): Promise<boolean> {
  const left = await trx
    .updateTable('transfer')
    .set({ state: 'unknown', lease_ends_at: null })
    .where('transfer_id', '=', transferId)
    .where('state', '=', 'sending')
    .where('token', '=', token)
    .executeTakeFirst();
  return left.numUpdatedRows === 1n;
}

export type ProvenEnd =
  | { readonly end: 'failed'; readonly cause: FailureCause }
  | { readonly end: 'absent'; readonly thenHold: boolean };

export type ProvenOutcome =
  | 'ended'
  /** An earlier attempt, taken for absent, is known to have succeeded: the transfer is now succeeded. */
  | 'succeeded_before'
  /** The transfer is not unknown any more, or was claimed again: nothing was changed. */
  | 'fenced';

/**
 * Ends an unknown transfer whose attempt is proven failed or absent: the amount is owed again. Fenced by the token that the evidence was gathered
 * for.
 */
export async function recordProvenEnd(
  trx: Transaction<Database>,
  posted: PostedTransfer,
  token: bigint,
  proven: ProvenEnd,
  at: Date,
): Promise<ProvenOutcome> {
  const next =
    proven.end === 'failed'
      ? { state: 'failed' as const, failed_reason: proven.cause }
      : proven.thenHold
        ? { state: 'held' as const, held_reason: 'attempts' as const }
        : { state: 'planned' as const };
  const ended = await trx
    .updateTable('transfer')
    .set(next)
    .where('transfer_id', '=', posted.transferId)
    .where('state', '=', 'unknown')
    .where('token', '=', token)
    .executeTakeFirst();
  if (ended.numUpdatedRows === 0n) return 'fenced';
  await trx
    .updateTable('transfer_attempt')
    .set({ state: proven.end })
    .where('attempt_id', '=', posted.attemptId)
    .execute();
  await insertPostings(trx, [voidPosting(posted)], at);
  if (proven.end === 'failed') {
    await trx
      .updateTable('transfer_item')
      .set({ live: false })
      .where('transfer_id', '=', posted.transferId)
      .execute();
    const refund = await readRefund(trx, posted.transferId);
    if (refund !== undefined) await giveRefundBack(trx, refund, at);
  }
  if (await recordEarlierSuccess(trx, posted.transferId, at)) return 'succeeded_before';
  const { transferId, sellerId, amount } = posted;
  if (proven.end === 'failed')
    await raiseAlarm(trx, 'transfer_failed', { transferId, sellerId, amount, cause: proven.cause }, at);
  else {
    if (proven.thenHold)
      await raiseAlarm(trx, 'transfer_out_of_attempts', { transferId, sellerId, amount }, at);
    await lookBeforeSendingAgain(trx, posted, at);
  }
  return 'ended';
}
