import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Done, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { byTwoPeople, type Requested } from '../people/two-people.step.ts';
import type { Trx } from '../shared/postgres.ts';
import {
  keepEvidence,
  lockAttempt,
  postedOf,
  recordProvenEnd,
  recordSuccess,
  type AttemptAndTransfer,
  type ProvenOutcome,
  type SuccessOutcome,
} from './outcome.repository.ts';
import { readOpenAttempt, readWhatTheStatementShows } from './close.repository.ts';
import { lockTransfer } from './transfer.repository.ts';

/** Two people may close what nothing else has told for so long after its lease ended, ms. */
export const CLOSE_AFTER_MS = 24 * 60 * 60_000;

const EVIDENCE_MIN = 3;
const EVIDENCE_MAX = 500;

export interface Closing {
  readonly transferId: bigint;
  readonly outcome: 'succeeded' | 'failed';
  /** What both people have seen that says so, in the same words: 3 to 500 characters. */
  readonly evidence: string;
  /** The bank's longest processing time and posting lag together, ms. */
  readonly absenceWaitMs: number;
}

export type Closed =
  Requested | { readonly outcome: 'closed'; readonly recorded: SuccessOutcome | ProvenOutcome };

/**
 * Two people end a transfer whose outcome nothing has told for a day, when they mean the same outcome for the same reason. What they approve is the claim
 * that they have looked at: one that was claimed again since is another matter. The statement has the last word, for either outcome.
 *
 * What is closed as failed is paid again by nobody until two people approve that, too.
 */
export async function closeTransfer(
  db: Kysely<Database>,
  acting: Acting,
  closing: Closing,
): Promise<{ readonly outcome: 'done'; readonly result: Closed } | Refused> {
  return await act<Closed>(db, acting, async (trx) => {
    const id = closing.transferId.toString();
    const evidence = closing.evidence.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
    if (evidence.length < EVIDENCE_MIN || evidence.length > EVIDENCE_MAX)
      return refuse(
        'no_evidence',
        `"${evidence}" is no evidence: write 3 to 500 characters that tell what you saw`,
      );
    const locked = await lockTransfer(trx, closing.transferId);
    if (locked === undefined)
      return refuse('not_found', `there is no transfer ${id}; see smart-transfer transfers list`);
    if (locked.transfer.state !== 'unknown')
      return refuse(
        'not_unknown',
        `transfer ${id} is ${locked.transfer.state}: only an unknown one is closed`,
      );
    const attemptId = await readOpenAttempt(trx, closing.transferId);
    if (attemptId === undefined)
      throw new Error(`transfer ${id} is unknown and has no open attempt; nothing is closed`);
    const known = await lockAttempt(trx, attemptId);
    const ripe = new Date(known.attempt.lease_ends_at.getTime() + CLOSE_AFTER_MS);
    if (acting.at < ripe) {
      return refuse(
        'too_early',
        `transfer ${id} may be closed from ${ripe.toISOString()} on, a day after its lease ended: until then the bank and the statement are asked`,
      );
    }
    const otherwise = await whatSpeaksAgainst(trx, known, closing, acting.at);
    if (otherwise !== undefined) return refuse('statement_says_otherwise', otherwise);
    return await closeTogether(trx, acting, known, { ...closing, evidence });
  });
}

async function whatSpeaksAgainst(
  trx: Trx<Database>,
  { attempt, transfer }: AttemptAndTransfer,
  { outcome, absenceWaitMs }: Closing,
  at: Date,
): Promise<string | undefined> {
  const id = transfer.transfer_id.toString();
  const shown = await readWhatTheStatementShows(trx, attempt.attempt_id, at, absenceWaitMs);
  if (outcome === 'succeeded') {
    if (shown.absentByRead === null) return undefined;
    return `transfer ${id} has not left the bank: the statement was read whole long after its send (read ${shown.absentByRead.toString()}), and ${attempt.reference} is not on it`;
  }
  if (shown.rowId !== null)
    return `transfer ${id} has left the bank: row ${shown.rowId.toString()} of the statement shows ${attempt.reference}`;
  if (shown.unexplainedRowId !== null) {
    return `row ${shown.unexplainedRowId.toString()} of the statement took its amount out and nothing explains it: it may be transfer ${id}. Two people explain that row first (ledger correct)`;
  }
  if (shown.saidToHavePaid) return `transfer ${id} was said to have succeeded (transfers show ${id})`;
  return undefined;
}

async function closeTogether(
  trx: Trx<Database>,
  acting: Acting,
  known: AttemptAndTransfer,
  { outcome, evidence }: Closing,
): Promise<Done<Closed> | Refused> {
  const { attempt, transfer } = known;
  const id = transfer.transfer_id.toString();
  const matter = {
    action: 'transfer_close',
    subject: `transfer ${id}, claim ${transfer.token.toString()}`,
    detail: { outcome, evidence, reference: attempt.reference, amount: transfer.amount },
  } as const;
  const deed = { action: 'transfers close', subject: `transfer ${id}` };
  return await byTwoPeople<Closed>(trx, acting, matter, deed, async ({ approvalId }) => {
    const said = {
      attemptId: attempt.attempt_id,
      token: transfer.token,
      source: 'person',
      code: `approval ${approvalId.toString()}`,
      at: acting.at,
    } as const;
    if (outcome === 'succeeded')
      return { outcome: 'closed', recorded: await recordSuccess(trx, { ...said, verdict: 'succeeded' }) };
    await keepEvidence(trx, [{ ...said, verdict: 'failed', cause: 'rejected' }]);
    const failed = { end: 'failed', cause: 'rejected' } as const;
    const recorded = await recordProvenEnd(trx, postedOf(known), transfer.token, failed, acting.at);
    return { outcome: 'closed', recorded };
  });
}
