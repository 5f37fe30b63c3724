import type { Database } from '../database.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { returnPosting } from '../ledger/postings.ts';
import type { Trx } from '../shared/postgres.ts';
import { keepEvidence, lockAttempt, postedOf, recordSuccess } from '../transfers/outcome.repository.ts';
import { raiseAlarm } from '../transfers/stops.repository.ts';
import type { KnownAttempt, UnbookedRow } from './classify.ts';
import { giveRefundBack } from './refunded-deposit.repository.ts';

/**
 * A row shows one of our transfers leaving the account: the strongest evidence there is. In most cases the transfer is known to have succeeded;
 * where it is not, this ends the doubt.
 *
 * @returns whether the books have it as this transfer's payment. Where they cannot (another attempt has paid it, or it was cancelled), payouts are halted,
 * and the amount has left all the same: it belongs into suspense until people say whose it is.
 */
export async function bookWithdrawal(
  trx: Trx<Database>,
  attempt: KnownAttempt,
  row: UnbookedRow,
  now: Date,
): Promise<boolean> {
  if (attempt.succeeded) return true;
  const { token } = await trx
    .selectFrom('transfer_attempt')
    .select('token')
    .where('attempt_id', '=', attempt.attemptId)
    .executeTakeFirstOrThrow();
  await recordSuccess(trx, {
    attemptId: attempt.attemptId,
    token,
    source: 'statement',
    verdict: 'succeeded',
    code: 'statement',
    at: now,
    rowId: row.rowId,
  });
  const { attempt: known } = await lockAttempt(trx, attempt.attemptId);
  return known.state === 'succeeded';
}

/**
 * A transfer that was paid came back: the seller is owed the amount again, the transfer is `returned`, and an alarm asks a person to find out why
 * before anybody pays it once more.
 *
 * @returns false when the attempt cannot have been what paid the transfer; then the row is a deposit, and a person decides.
 */
export async function bookReturn(
  trx: Trx<Database>,
  attempt: KnownAttempt,
  row: UnbookedRow,
  now: Date,
): Promise<boolean> {
  const before = await lockAttempt(trx, attempt.attemptId);
  const evidence = {
    attemptId: attempt.attemptId,
    token: before.attempt.token,
    source: 'statement',
    code: 'statement',
    at: now,
    rowId: row.rowId,
  } as const;
  // What came back must have left, even if nobody has seen it leave yet. Where another attempt has paid, this halts payouts.
  if (before.attempt.state !== 'succeeded') await recordSuccess(trx, { ...evidence, verdict: 'succeeded' });
  const known = await lockAttempt(trx, attempt.attemptId);
  if (known.attempt.state !== 'succeeded' || known.transfer.state !== 'succeeded') return false;
  await keepEvidence(trx, [{ ...evidence, verdict: 'returned' }]);
  await trx
    .updateTable('transfer')
    .set({ state: 'returned' })
    .where('transfer_id', '=', attempt.transferId)
    .execute();
  await trx
    .updateTable('transfer_item')
    .set({ live: false })
    .where('transfer_id', '=', attempt.transferId)
    .execute();
  if (known.transfer.kind === 'refund') await giveRefundBack(trx, known.transfer, now);
  await insertPostings(
    trx,
    [returnPosting(postedOf(known), { account: row.account, rowId: row.rowId })],
    now,
  );
  await raiseAlarm(
    trx,
    'transfer_returned',
    { transferId: attempt.transferId, rowId: row.rowId, amount: row.amount },
    now,
  );
  return true;
}
