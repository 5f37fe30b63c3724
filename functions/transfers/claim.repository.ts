import { sql, type Transaction } from 'kysely';
import { kstDate } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import { attemptIds } from './attempt-id.ts';
import type { Transfer, TransferState } from './transfer.table.ts';

/**
 * Takes a queued transfer for whoever asks first: a new token and a lease. Nothing when it is in any other state, and nothing when it is a payout to an account
 * that is no longer approved. The account is share-locked until the claim commits, before the transfer: no claim pays to a former account once another
 * is approved.
 */
export async function takeQueued(
  trx: Transaction<Database>,
  transferId: bigint,
  leaseEndsAt: Date,
): Promise<Transfer | undefined> {
  const { rows } = await sql<Transfer>`
    with account as materialized (
      select p.state from payout_account p join transfer t on t.payout_account_id = p.payout_account_id
      where t.transfer_id = ${transferId}
      for share of p
    )
    update transfer set state = 'sending', token = token + 1, sends = sends + 1, lease_ends_at = ${leaseEndsAt}
    where transfer_id = ${transferId} and state = 'queued'
      and (kind = 'refund' or exists (select from account where state = 'approved'))
    returning *`.execute(trx);
  return rows[0];
}

/** Holds a queued transfer of which no message can be built. Answers whether it was still queued. */
export async function holdUnsendable(trx: Transaction<Database>, transferId: bigint): Promise<boolean> {
  const held = await trx
    .updateTable('transfer')
    .set({ state: 'held', held_reason: 'unsendable' })
    .where('transfer_id', '=', transferId)
    .where('state', '=', 'queued')
    .executeTakeFirst();
  return held.numUpdatedRows === 1n;
}

/** Holds a queued payout whose account is not approved any more. Answers whether it was one. */
export async function holdForAccount(trx: Transaction<Database>, transferId: bigint): Promise<boolean> {
  const held = await trx
    .updateTable('transfer')
    .set({ state: 'held', held_reason: 'approval' })
    .where('transfer_id', '=', transferId)
    .where('kind', '=', 'payout')
    .where('state', '=', 'queued')
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('payout_account as p')
            .select('p.payout_account_id')
            .whereRef('p.payout_account_id', '=', 'transfer.payout_account_id')
            .where('p.state', '=', 'approved'),
        ),
      ),
    )
    .executeTakeFirst();
  return held.numUpdatedRows === 1n;
}

export async function stateOf(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<TransferState | 'missing'> {
  const row = await trx
    .selectFrom('transfer')
    .select('state')
    .where('transfer_id', '=', transferId)
    .executeTakeFirst();
  return row?.state ?? 'missing';
}

export interface OpenAttempt {
  readonly attemptId: bigint;
  readonly bankTranId: string;
  readonly reference: string;
}

/**
 * On the bank date of an attempt that is proven absent the same attempt is sent again, under its own id; on a later date, or from another
 * account, a new one, with a new id. At most one attempt of a transfer is unproven: the database refuses a second.
 */
export async function openAttempt(
  trx: Transaction<Database>,
  own: { readonly payoutAccount: string; readonly organisationCode: string },
  transfer: Transfer,
  now: Date,
): Promise<OpenAttempt> {
  const bankDate = kstDate(now);
  if (transfer.lease_ends_at === null)
    throw new Error(`transfer ${transfer.transfer_id.toString()} is not leased; claim it before its attempt`);
  const claimed = {
    token: transfer.token,
    sent_at: now,
    lease_ends_at: transfer.lease_ends_at,
    state: 'open' as const,
  };
  const last = await trx
    .selectFrom('transfer_attempt')
    .selectAll()
    .where('transfer_id', '=', transfer.transfer_id)
    .orderBy('n', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last?.state === 'absent' && last.bank_date === bankDate && last.account === own.payoutAccount) {
    await trx
      .updateTable('transfer_attempt')
      .set(claimed)
      .where('attempt_id', '=', last.attempt_id)
      .execute();
    return { attemptId: last.attempt_id, bankTranId: last.bank_tran_id, reference: last.reference };
  }
  const { rows } = await sql<{ number: bigint; id_epoch: number }>`
    select bank_ids_from + nextval('bank_id_sequence') as number, id_epoch from installation`.execute(trx);
  const [next] = rows;
  if (next === undefined) throw new Error('the installation row is missing; run the migration function');
  const ids = attemptIds(own.organisationCode, next.id_epoch, next.number);
  const inserted = await trx
    .insertInto('transfer_attempt')
    .values({
      transfer_id: transfer.transfer_id,
      n: (last?.n ?? 0) + 1,
      bank_tran_id: ids.bankTranId,
      reference: ids.reference,
      account: own.payoutAccount,
      bank_date: bankDate,
      amount: transfer.amount,
      answered_bank_date: null,
      ...claimed,
    })
    .returning('attempt_id')
    .executeTakeFirstOrThrow();
  return { attemptId: inserted.attempt_id, ...ids };
}
