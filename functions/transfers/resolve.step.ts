import type { InquiryOutcome } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { won } from '../shared/money.ts';
import { keepEvidence, recordProvenEnd, recordSuccess, type Evidence } from './outcome.repository.ts';
import { oldestUnproven, readUnknown, takeOverdue, type UnknownAttempt } from './resolve.repository.ts';
import { resolve as resolution } from './resolution.ts';
import { dayBefore, readOpenRestore } from './restore.repository.ts';

/** KFTC's result inquiry takes at most 25 transfers in one call. */
const INQUIRIES = 25;
/** Unknown transfers that one cycle looks at. */
const UNKNOWN_MAX = 1000;

export interface ResolveOutcome {
  readonly asked: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly absent: number;
  readonly stillUnknown: number;
  /** Why the bank did not answer inquiries, when it did not. */
  readonly refusal?: string;
}

/**
 * Ends what is unknown: takes over claims whose lease has run out, asks the bank about each, and weighs what is known. An inquiry changes
 * nothing at the bank, so this may run as often as it likes.
 */
export async function resolveUnknown(context: CycleContext): Promise<ResolveOutcome> {
  await leaveOverdueUnknown(context);
  const unknown = await readUnknown(context.db, context.now, context.settings.absenceWaitMs, UNKNOWN_MAX);
  const asked = await inquire(context, unknown);
  const counts = { succeeded: asked.succeeded, failed: 0, absent: 0 };
  // Read again: the inquiries just made count, and what has succeeded meanwhile is gone from the list.
  const still =
    unknown.length === 0
      ? []
      : await readUnknown(context.db, context.now, context.settings.absenceWaitMs, UNKNOWN_MAX);
  let open = still.length;
  for (const attempt of still) {
    if (!context.hasTime()) break;
    const end = resolution(
      {
        failure: attempt.failure ?? undefined,
        noSuchTransfer: attempt.no_such_transfer,
        absentOnStatement: attempt.absent_by_read !== null,
        sends: attempt.sends,
      },
      context.settings.maxSends,
    );
    if (end.end === 'none') continue;
    const ended = await context.db.transaction().execute(async (trx) => {
      await fence(trx, context.token);
      const outcome = await recordProvenEnd(trx, postedOf(attempt), attempt.token, end, context.now);
      if (outcome !== 'fenced') await keepEvidence(trx, [statementEvidence(attempt, context.now)]);
      return outcome;
    });
    if (ended === 'ended') counts[end.end] += 1;
    if (ended === 'succeeded_before') counts.succeeded += 1;
    if (ended !== 'fenced') open -= 1;
  }
  return {
    asked: asked.asked,
    ...counts,
    stillUnknown: open,
    ...(asked.refusal === undefined ? {} : { refusal: asked.refusal }),
  };
}

function postedOf(attempt: UnknownAttempt) {
  return {
    transferId: attempt.transfer_id,
    attemptId: attempt.attempt_id,
    kind: attempt.kind,
    sellerId: attempt.seller_id,
    amount: won(attempt.amount),
    account: attempt.account,
  };
}

/** A claim whose lease has run out belongs to nobody: its worker died, or can write nothing any more. */
async function leaveOverdueUnknown({ db, now, token, log }: CycleContext): Promise<void> {
  const overdue = await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    return await takeOverdue(trx, now);
  });
  for (const transferId of overdue)
    log.warn('a claim has run out without an outcome', { transferId: transferId.toString() });
}

/** What proved an attempt's end, so that a person can look at that read's rows. */
function statementEvidence(attempt: UnknownAttempt, at: Date): Evidence {
  return {
    attemptId: attempt.attempt_id,
    token: attempt.token,
    source: 'statement',
    verdict: 'absent',
    code: `read ${attempt.absent_by_read?.toString() ?? 'none'}`,
    at,
  };
}

async function inquire(context: CycleContext, unknown: readonly UnknownAttempt[]) {
  let asked = 0;
  let succeeded = 0;
  for (let start = 0; start < unknown.length; start += INQUIRIES) {
    if (!context.hasTime()) break;
    const page = unknown.slice(start, start + INQUIRIES);
    const answer = await context.bank.inquire(
      page.map((attempt) => ({
        bankTranId: attempt.bank_tran_id,
        bankDate: attempt.bank_date,
        amount: won(attempt.amount),
      })),
    );
    succeeded += await recordAnswers(context, page, answer);
    if (answer.outcome === 'refused') return { asked, succeeded, refusal: answer.detail };
    asked += page.length;
  }
  return { asked, succeeded };
}

async function recordAnswers(
  { db, vault, token, now }: CycleContext,
  page: readonly UnknownAttempt[],
  answer: Awaited<ReturnType<CycleContext['bank']['inquire']>>,
): Promise<number> {
  return await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const [messageId] = await journal(trx, vault, [{ exchange: answer.exchange, part: 'exchange' }]);
    if (answer.outcome === 'refused') return 0;
    let succeeded = 0;
    for (const attempt of page) {
      const outcome = answer.byBankTranId.get(attempt.bank_tran_id);
      if (outcome === undefined) continue;
      const evidence = evidenceOf(attempt, outcome, now, messageId);
      if (outcome.outcome === 'succeeded') {
        if ((await recordSuccess(trx, evidence)) === 'succeeded') succeeded += 1;
      } else {
        await keepEvidence(trx, [evidence]);
      }
    }
    return succeeded;
  });
}

function evidenceOf(
  attempt: UnknownAttempt,
  outcome: InquiryOutcome,
  at: Date,
  messageId: bigint | undefined,
): Evidence {
  return {
    attemptId: attempt.attempt_id,
    token: attempt.token,
    source: 'inquiry',
    verdict: outcome.outcome,
    code: 'code' in outcome ? outcome.code : 'A0000',
    at,
    ...(outcome.outcome === 'failed' ? { cause: outcome.cause } : {}),
    ...(messageId === undefined ? {} : { messageId }),
  };
}

/**
 * The oldest KST date over which a statement must be read now, so that an unknown transfer's absence can be proven, or that nothing is missed which a
 * restored database has forgotten.
 */
export async function proofNeededSince(
  { db, now, settings }: CycleContext,
  account: string,
): Promise<string | undefined> {
  const unproven = await oldestUnproven(db, account, new Date(now.getTime() - settings.absenceWaitMs));
  const restore = await readOpenRestore(db);
  if (restore === undefined) return unproven;
  const since = dayBefore(restore.knownUntil);
  return unproven === undefined || since < unproven ? since : unproven;
}
