import type { Bank, FailureCause, SendOutcome, SendResult } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import { addDays, kstDate, kstMidnight } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import type { Clock } from '../shared/clock.ts';
import type { Trx } from '../shared/postgres.ts';
import { claim, type Claim, type ClaimContext } from './claim.step.ts';
import {
  handBackUnsent,
  keepEvidence,
  leaveUnknown,
  recordSuccess,
  type Evidence,
  type SuccessOutcome,
} from './outcome.repository.ts';
import { raiseStop } from './stops.repository.ts';
import type { StopName, TransferState } from './transfer.table.ts';

/** No byte is written to the bank later than this after the claim, ms: the call's 20 s then still end long before the lease's 90 s. */
const WRITE_WITHIN_MS = 20_000;

/** An outcome whose record was lost with its connection, or to another transaction, is recorded again while the claim is younger than this, ms: the function ends at 45 s. */
const RECORD_AGAIN_WITHIN_MS = 30_000;

/** How long a pause lasts at least before it is looked at again, ms. */
const PAUSE_MS = 10 * 60_000;

export interface SettleContext extends ClaimContext {
  readonly bank: Pick<Bank, 'prepareTransfer' | 'sendTransfer'>;
  readonly clock: Clock;
  /** Told of each claim before the bank is: a log outlives a database that is lost, and then tells which transfer a reference paid. */
  readonly onClaimed?: (claimed: ClaimedTransfer) => void;
}

export interface ClaimedTransfer {
  readonly transferId: string;
  readonly sellerId: string | null;
  readonly bankTranId: string;
}

/** What became of one message from the queue. Every one of these is final for the message: the row goes on from here. */
export type SettleOutcome =
  | { readonly outcome: 'succeeded' | 'unknown' | 'handed_back'; readonly code: string }
  | { readonly outcome: 'late'; readonly known: SuccessOutcome | 'evidence_kept' }
  | { readonly outcome: 'stopped'; readonly stops: readonly StopName[] }
  | { readonly outcome: 'unsendable'; readonly reason: string }
  | { readonly outcome: 'account_not_approved' }
  | { readonly outcome: 'not_claimable'; readonly state: TransferState | 'missing' };

/**
 * Pays one transfer: claims it and commits, calls the bank, records the outcome in a second transaction. A crash between the two leaves
 * a row whose lease runs out; it is then unknown, and never sent again blindly.
 *
 * @throws only when the infrastructure is broken (no database, no secret): then the queue retries the message.
 */
export async function settle(context: SettleContext, transferId: bigint): Promise<SettleOutcome> {
  const began = context.clock.monotonicMs();
  const claimed = await claim(context, transferId, context.clock.now());
  if (claimed.outcome !== 'claimed') return claimed;
  const { claim: own } = claimed;
  const { bankTranId } = own.prepared;
  context.onClaimed?.({ transferId: transferId.toString(), sellerId: own.posted.sellerId, bankTranId });
  const mayStillWrite = () =>
    context.clock.monotonicMs() - began < WRITE_WITHIN_MS &&
    context.clock.now().getTime() - own.claimedAt.getTime() < WRITE_WITHIN_MS;
  const sent = await context.bank.sendTransfer(own.prepared, mayStillWrite);
  try {
    return await record(context, own, sent);
  } catch (error) {
    if (!mayWorkAgain(error) || context.clock.monotonicMs() - began >= RECORD_AGAIN_WITHIN_MS) throw error;
    // Harmless if the first has committed all the same: it is fenced by the claim's token, and a success is known once.
    return await record(context, own, sent);
  }
}

/**
 * The connection is lost (SQLSTATE class 08, 57P: the server ends us, Node's own codes, the driver's words), or this transaction was made to give way to another
 * (class 40, 55P03: a lock was waited for too long).
 */
function mayWorkAgain(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return /^(08|40|55P03|57P|E)/.test(code);
  return error instanceof Error && /connection/i.test(error.message);
}

async function record(context: SettleContext, own: Claim, sent: SendResult): Promise<SettleOutcome> {
  const { posted, token } = own;
  const at = context.clock.now();
  return await context.db.transaction().execute(async (trx): Promise<SettleOutcome> => {
    const [messageId] = await journal(trx, context.vault, [
      { exchange: sent.exchange, part: 'answer', attemptId: posted.attemptId },
    ]);
    const { result } = sent;
    const evidence: Omit<Evidence, 'verdict' | 'code'> = {
      attemptId: posted.attemptId,
      token,
      source: 'send',
      at,
      ...(messageId === undefined ? {} : { messageId }),
    };
    switch (result.outcome) {
      case 'succeeded': {
        const success = await recordSuccess(
          trx,
          { ...evidence, verdict: 'succeeded', code: 'A0000' },
          result.bankDate,
        );
        return success === 'succeeded'
          ? { outcome: 'succeeded', code: 'A0000' }
          : { outcome: 'late', known: success };
      }
      case 'not_sent': {
        await keepEvidence(trx, [
          { ...evidence, verdict: 'not_sent', code: result.code, cause: result.cause },
        ]);
        const handedBack = await handBackUnsent(trx, posted, token, at);
        return handedBack
          ? { outcome: 'handed_back', code: result.code }
          : { outcome: 'late', known: 'evidence_kept' };
      }
      case 'failed':
        await keepEvidence(trx, [{ ...evidence, verdict: 'failed', code: result.code, cause: result.cause }]);
        break;
      case 'ambiguous':
        await keepEvidence(trx, [{ ...evidence, verdict: 'ambiguous', code: result.code }]);
        break;
      default:
        result satisfies never;
    }
    // A failure that is answered to a send proves nothing yet: banks are known to say so and to execute. The statement decides.
    const left = await leaveUnknown(trx, posted.transferId, token);
    if (!left) return { outcome: 'late', known: 'evidence_kept' };
    if (result.outcome === 'failed') await pauseFor(trx, result, posted.transferId, at);
    return { outcome: 'unknown', code: result.code };
  });
}

/** A cause that would fail every other transfer too pauses them all, until it is over. */
async function pauseFor(
  trx: Trx<Database>,
  failed: Extract<SendOutcome, { outcome: 'failed' }>,
  transferId: bigint,
  at: Date,
): Promise<void> {
  const pause = pauseOf(failed.cause, at);
  if (pause === undefined) return;
  await raiseStop(trx, {
    ...pause,
    reason: `the bank answered ${failed.code} to transfer ${transferId.toString()}`,
    by: 'system',
    at,
  });
}

/** The limit of a day is over when the next one begins in Korea. */
function pauseOf(cause: FailureCause, at: Date): { name: StopName; retryAt: Date } | undefined {
  const soon = new Date(at.getTime() + PAUSE_MS);
  if (cause === 'funds') return { name: 'pause_funds', retryAt: soon };
  if (cause === 'maintenance') return { name: 'pause_maintenance', retryAt: soon };
  if (cause === 'limit') return { name: 'pause_limit', retryAt: kstMidnight(addDays(kstDate(at), 1)) };
  return undefined;
}
