import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { referenceIn } from '../deposits/classify.ts';
import { bankAccount, SUSPENSE } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { act, refuse, type Done, type Refused } from '../people/act.step.ts';
import { askOrApprove } from '../people/approval.repository.ts';
import type { Acting } from '../people/person.ts';
import { won } from '../shared/money.ts';
import {
  explainOutgoing,
  insertForgottenAttempt,
  isCaughtUp,
  joinTransfers,
  lockOutgoing,
  lockTransfers,
  readOpenTransfers,
  readReference,
  readUnexplained,
  type OutgoingRow,
} from './adopt.repository.ts';
import { keepEvidence, postedOf, recordProvenEnd, recordSuccess } from './outcome.repository.ts';
import { ADOPTABLE, proposePayments, UNSENT } from './propose-payments.ts';
import { readOpenRestore } from './restore.repository.ts';
import type { Transfer } from './transfer.table.ts';

/** Rows that one listing shows: a person works through them and lists again. */
const ROWS_MAX = 200;

/** A row that a person has to explain, and what it may have paid, best first; each choice is one transfer, or several of one seller. */
export interface UnexplainedRow extends OutgoingRow {
  readonly reference: string | undefined;
  readonly proposals: readonly (readonly bigint[])[];
}

/** What went out without an explanation, oldest first, with proposals. Nothing is decided by itself, also where one choice alone fits. */
export async function listUnexplained(db: Kysely<Database>): Promise<UnexplainedRow[]> {
  const rows = await readUnexplained(db, ROWS_MAX);
  if (rows.length === 0) return [];
  const largest = rows.reduce((most, row) => (row.amount > most ? row.amount : most), 0n);
  const transfers = await readOpenTransfers(db, largest);
  return rows.map((row) => ({
    ...row,
    reference: referenceIn(row.text),
    proposals: proposePayments(row, transfers),
  }));
}

export type Explained =
  /** Somebody else has to say the same. */
  | { readonly outcome: 'requested'; readonly approvalId: bigint }
  | { readonly outcome: 'explained'; readonly approvedRequestOf: string; readonly transferId?: bigint };

export type ExplainOutcome = { readonly outcome: 'done'; readonly result: Explained } | Refused;

/**
 * Says which transfer a withdrawal paid that the database has forgotten: the transfer is then paid, by an attempt with the row's reference, and the row
 * leaves suspense. Several transfers of one seller that went out together become one.
 *
 * It takes two people. The statement does not show whom a withdrawal paid; where two transfers have one amount, the wrong choice pays one seller twice
 * and the other not at all.
 */
export async function adopt(
  db: Kysely<Database>,
  acting: Acting,
  { rowId, transferIds }: { readonly rowId: bigint; readonly transferIds: readonly bigint[] },
): Promise<ExplainOutcome> {
  return await act<Explained>(db, acting, async (trx) => {
    const row = await lockOutgoing(trx, rowId);
    const found = await readForgotten(trx, rowId, row);
    if ('outcome' in found) return found;
    const ids = [...new Set(transferIds)].sort((a, b) => (a < b ? -1 : 1));
    const transfers = ids.length === 0 ? [] : await lockTransfers(trx, ids);
    const problem = whyNotPaid(found.row, ids, transfers);
    if (problem !== undefined) return problem;
    const paid = { paid: ids.map(String) };
    return await withTwoPeople(trx, acting, found.row, paid, async () => {
      const transfer = transfers.length === 1 ? transfers[0] : await joinTransfers(trx, transfers, acting.at);
      if (transfer === undefined) throw new Error('no transfer is left to adopt');
      const outcome = await recordPaid(trx, acting, found, transfer);
      return outcome ?? { transferId: transfer.transfer_id };
    });
  });
}

/**
 * Says that a withdrawal paid something that the database no longer has: an order that was placed in the minutes that are lost. The row stays in
 * suspense, explained. It takes two people, and it is refused while transfers fit that nobody has ruled out: one of them would be paid again.
 *
 * @param notPaid the transfers that fit, each of which the two people rule out.
 */
export async function explainAsLost(
  db: Kysely<Database>,
  acting: Acting,
  { rowId, notPaid }: { readonly rowId: bigint; readonly notPaid: readonly bigint[] },
): Promise<ExplainOutcome> {
  return await act<Explained>(db, acting, async (trx) => {
    const row = await lockOutgoing(trx, rowId);
    if (row === undefined) return notFound(rowId);
    if (row.state !== 'unexplained') return alreadyExplained(row);
    const restore = await readOpenRestore(trx);
    if (restore !== undefined && !(await isCaughtUp(trx, restore.noticedAt)))
      return refuse(
        'not_read_yet',
        `the statement is not read and booked up to ${restore.noticedAt.toISOString()} yet, so that what row ${rowId.toString()} paid may still turn up; wait for the next cycle`,
      );
    const fitting = new Set(proposePayments(row, await readOpenTransfers(trx, row.amount)).flat());
    const open = [...fitting].filter((transferId) => !notPaid.includes(transferId));
    if (open.length > 0)
      return refuse(
        'transfers_fit',
        `row ${rowId.toString()} may have paid transfer ${open.map(String).join(', ')}, which would then be paid again; adopt it with --transfer, or rule each one out with --not`,
      );
    const lost = { lost: [...notPaid].map(String).sort() };
    return await withTwoPeople(trx, acting, row, lost, async () => {
      await explainOutgoing(trx, rowId, { ledgerAccount: SUSPENSE }, acting.at);
      return {};
    });
  });
}

/** Two people say the same of a row before it is done. `work` answers what it did, or why it cannot be done. */
async function withTwoPeople(
  trx: Transaction<Database>,
  acting: Acting,
  row: OutgoingRow,
  said: object,
  work: () => Promise<{ readonly transferId?: bigint } | Refused>,
): Promise<Done<Explained> | Refused> {
  const subject = `withdrawal ${row.rowId.toString()}`;
  const detail = { ...said, amount: row.amount.toString() };
  const approval = await askOrApprove(trx, acting, { action: 'transfer_close', subject, detail });
  switch (approval.outcome) {
    case 'requested':
      return {
        outcome: 'done',
        result: { outcome: 'requested', approvalId: approval.approvalId },
        deed: { action: 'payouts explain: asked', subject, detail },
      };
    case 'needs_second_person':
      return refuse(
        'needs_second_person',
        `you have asked for this yourself; somebody else has to say the same of row ${row.rowId.toString()}`,
      );
    case 'asked_otherwise':
      return refuse(
        'asked_otherwise',
        `${approval.requestedBy} has said something else of row ${row.rowId.toString()}: ${JSON.stringify(approval.asked)}; agree on one`,
      );
    case 'approved': {
      const done = await work();
      if ('outcome' in done) return done;
      const result = { outcome: 'explained', approvedRequestOf: approval.requestedBy, ...done } as const;
      return { outcome: 'done', result, deed: { action: 'payouts explain', subject, detail } };
    }
    default:
      approval satisfies never;
      throw new Error('an approval of no known kind');
  }
}

interface Forgotten {
  readonly row: OutgoingRow;
  readonly reference: string;
}

/** A row that can be adopted: in suspense, with a reference of ours that no attempt has, and whose money has not come back. */
async function readForgotten(
  trx: Transaction<Database>,
  rowId: bigint,
  row: OutgoingRow | undefined,
): Promise<Forgotten | Refused> {
  if (row === undefined) return notFound(rowId);
  const inSuspense = row.state === 'classified' && row.ledgerAccount === SUSPENSE;
  if (row.state !== 'unexplained' && !inSuspense) return alreadyExplained(row);
  const reference = referenceIn(row.text);
  if (reference === undefined)
    return refuse(
      'no_reference',
      `row ${rowId.toString()} ("${row.text}") shows no reference of ours, so no transfer of ours is known to have made it; add a rule for it, or say --lost`,
    );
  const known = await readReference(trx, reference, row.occurredAt);
  if (known.attempt_id !== null)
    return refuse(
      'reference_known',
      `reference ${reference} of row ${rowId.toString()} belongs to attempt ${known.attempt_id.toString()}; look at that attempt's transfer`,
    );
  if (known.returned_by !== null)
    return refuse(
      'came_back',
      `row ${known.returned_by.toString()} brought the money of row ${rowId.toString()} back, so its transfer is still to be paid; say --lost, and settle the two rows`,
    );
  return { row, reference };
}

/** Why transfers cannot be what a row paid. */
function whyNotPaid(
  row: OutgoingRow,
  ids: readonly bigint[],
  transfers: readonly Transfer[],
): Refused | undefined {
  const missing = ids.find((id) => !transfers.some((transfer) => transfer.transfer_id === id));
  if (ids.length === 0 || missing !== undefined)
    return refuse('not_found', `there is no transfer ${missing?.toString() ?? '(none was named)'}`);
  const states = transfers.length === 1 ? ADOPTABLE : UNSENT;
  for (const { transfer_id, state, deposited_at, account_number_ciphertext } of transfers) {
    const name = `transfer ${transfer_id.toString()}`;
    if (!states.includes(state))
      return refuse(
        'not_payable',
        state === 'sending'
          ? `${name} is being sent; wait for the cycle after its lease`
          : `${name} is ${state}; a withdrawal can be given to one that is ${states.join(', ')}`,
      );
    if (deposited_at !== null && deposited_at > row.occurredAt)
      return refuse(
        'deposited_later',
        `${name} pays out a deposit of ${deposited_at.toISOString()}, after row ${row.rowId.toString()} left (${row.occurredAt.toISOString()})`,
      );
    if (account_number_ciphertext === null)
      return refuse('no_destination', `${name} has no account to pay to; approve the seller's account first`);
  }
  const sellers = new Set(transfers.map((transfer) => transfer.seller_id ?? transfer.transfer_id));
  if (sellers.size > 1)
    return refuse('several_sellers', 'one withdrawal pays one seller; name transfers of one seller only');
  const sum = transfers.reduce((total, transfer) => total + transfer.amount, 0n);
  if (sum !== row.amount)
    return refuse(
      'other_amount',
      `row ${row.rowId.toString()} took ${row.amount.toString()} won out, and the transfers pay ${sum.toString()}`,
    );
  return undefined;
}

/** The transfer has succeeded by the row's attempt, and suspense gives the amount back. */
async function recordPaid(
  trx: Transaction<Database>,
  { at }: Acting,
  { row, reference }: Forgotten,
  transfer: Transfer,
): Promise<Refused | undefined> {
  if (transfer.state === 'unknown') await endDoubt(trx, transfer, at);
  const { attemptId, token } = await insertForgottenAttempt(trx, transfer.transfer_id, reference, row);
  const outcome = await recordSuccess(trx, {
    attemptId,
    token,
    source: 'person',
    verdict: 'succeeded',
    code: 'explained',
    at,
    rowId: row.rowId,
  });
  if (outcome !== 'succeeded')
    return refuse(
      'paid_otherwise',
      `transfer ${transfer.transfer_id.toString()} cannot be what row ${row.rowId.toString()} paid: an order of it is paid by another transfer, or a retry of it was sent`,
    );
  await explainOutgoing(trx, row.rowId, { attemptId }, at);
  await insertPostings(
    trx,
    [
      {
        debit: bankAccount(row.account),
        credit: SUSPENSE,
        amount: won(row.amount),
        kind: 'correction',
        rowId: row.rowId,
        transferId: transfer.transfer_id,
      },
    ],
    at,
  );
  return undefined;
}

/**
 * The attempt that is in doubt here was proven absent in the forgotten life, or the transfer could not have been sent again there. Should it show up all the
 * same, the transfer was paid twice, and payouts halt.
 */
async function endDoubt(trx: Transaction<Database>, transfer: Transfer, at: Date): Promise<void> {
  const attempt = await trx
    .selectFrom('transfer_attempt')
    .selectAll()
    .where('transfer_id', '=', transfer.transfer_id)
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow();
  const { token } = transfer;
  const evidence = { attemptId: attempt.attempt_id, token, source: 'person', code: 'explained', at } as const;
  await keepEvidence(trx, [{ ...evidence, verdict: 'absent' }]);
  await recordProvenEnd(trx, postedOf({ attempt, transfer }), token, { end: 'absent', thenHold: false }, at);
}

function notFound(rowId: bigint): Refused {
  return refuse(
    'not_found',
    `there is no booked row ${rowId.toString()} that went out; payouts unexplained lists them`,
  );
}

function alreadyExplained(row: OutgoingRow): Refused {
  const as = row.state === 'classified' ? `classified (${row.ledgerAccount ?? ''})` : `a ${row.state}`;
  return refuse('already_explained', `row ${row.rowId.toString()} is explained already: it is ${as}`);
}
