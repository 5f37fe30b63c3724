import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { PersonId, ShopActor } from '../people/person.ts';
import type { Encrypted } from '../shared/encryption.ts';
import { assertRows } from '../shared/postgres.ts';
import type { PayoutAccountTable } from './seller.table.ts';

/** A payout account as a person may see it: without its number. */
export interface AccountView extends Pick<
  PayoutAccountTable,
  | 'seller_id'
  | 'bank_code'
  | 'account_number_masked'
  | 'account_holder'
  | 'state'
  | 'requested_by'
  | 'requested_at'
  | 'approved_by'
  | 'approved_at'
> {
  readonly payout_account_id: bigint;
}

const VIEW = [
  'payout_account_id',
  'seller_id',
  'bank_code',
  'account_number_masked',
  'account_holder',
  'state',
  'requested_by',
  'requested_at',
  'approved_by',
  'approved_at',
] as const;

/** A seller's accounts, the latest first. */
export async function readAccounts(
  db: Kysely<Database> | Transaction<Database>,
  sellerId: string,
): Promise<AccountView[]> {
  return await db
    .selectFrom('payout_account')
    .select(VIEW)
    .where('seller_id', '=', sellerId)
    .orderBy('payout_account_id', 'desc')
    .execute();
}

/** Whether a seller is paid to this very account already. */
export async function isPaidTo(
  trx: Transaction<Database>,
  sellerId: string,
  account: { readonly fingerprint: string; readonly holder: string },
): Promise<boolean> {
  const same = await trx
    .selectFrom('payout_account')
    .select('payout_account_id')
    .where('seller_id', '=', sellerId)
    .where('state', '=', 'approved')
    .where('account_fingerprint', '=', account.fingerprint)
    .where('account_holder', '=', account.holder)
    .executeTakeFirst();
  return same !== undefined;
}

/** The account that waits for a decision on the seller, if one does, and whether it is the very one that is asked for now. */
export async function readWaitingAccount(
  trx: Transaction<Database>,
  sellerId: string,
  asked: { readonly fingerprint: string; readonly holder: string },
): Promise<(AccountView & { readonly is_same: boolean }) | undefined> {
  return await trx
    .selectFrom('payout_account')
    .select(VIEW)
    .select((eb) =>
      eb
        .and([eb('account_fingerprint', '=', asked.fingerprint), eb('account_holder', '=', asked.holder)])
        .$castTo<boolean>()
        .as('is_same'),
    )
    .where('seller_id', '=', sellerId)
    .where('state', '=', 'requested')
    .executeTakeFirst();
}

/** Accounts that somebody asked for and nobody has decided on yet, the oldest first. */
export async function readRequestedAccounts(db: Kysely<Database>): Promise<AccountView[]> {
  return await db
    .selectFrom('payout_account')
    .select(VIEW)
    .where('state', '=', 'requested')
    .orderBy('payout_account_id')
    .execute();
}

/** Locks all accounts of the seller whose account this is, in the order of their ids, so that two decisions come one after the other. */
export async function lockAccountsBeside(
  trx: Transaction<Database>,
  payoutAccountId: bigint,
): Promise<AccountView[]> {
  return await trx
    .selectFrom('payout_account')
    .select(VIEW)
    .where('seller_id', '=', (eb) =>
      eb.selectFrom('payout_account').select('seller_id').where('payout_account_id', '=', payoutAccountId),
    )
    .orderBy('payout_account_id')
    .forUpdate()
    .execute();
}

export interface NewAccountRequest {
  readonly sellerId: string;
  readonly bankCode: string;
  readonly number: Encrypted;
  readonly masked: string;
  readonly fingerprint: string;
  readonly holder: string;
  readonly by: PersonId | ShopActor;
  readonly at: Date;
}

/** Stores an account that somebody asks for. The caller has locked the seller, and no other account of the seller's waits. */
export async function insertRequestedAccount(
  trx: Transaction<Database>,
  request: NewAccountRequest,
): Promise<AccountView> {
  return await trx
    .insertInto('payout_account')
    .values({
      seller_id: request.sellerId,
      bank_code: request.bankCode,
      account_number_ciphertext: request.number.ciphertext,
      account_number_key_id: request.number.keyId,
      account_number_masked: request.masked,
      account_fingerprint: request.fingerprint,
      account_holder: request.holder,
      state: 'requested',
      requested_by: request.by,
      requested_at: request.at,
      approved_by: null,
      approved_at: null,
    })
    .returning(VIEW)
    .executeTakeFirstOrThrow();
}

/** Retires the seller's former account and approves this one in its place. The caller holds the locks of both. */
export async function replaceAccount(
  trx: Transaction<Database>,
  account: Pick<AccountView, 'payout_account_id' | 'seller_id'>,
  by: string,
  at: Date,
): Promise<void> {
  await trx
    .updateTable('payout_account')
    .set({ state: 'retired' })
    .where('seller_id', '=', account.seller_id)
    .where('state', '=', 'approved')
    .execute();
  const approved = await trx
    .updateTable('payout_account')
    .set({ state: 'approved', approved_by: by, approved_at: at })
    .where('payout_account_id', '=', account.payout_account_id)
    .where('state', '=', 'requested')
    .executeTakeFirst();
  assertRows('payout account approved', Number(approved.numUpdatedRows), 1);
}

export async function markRejected(trx: Transaction<Database>, payoutAccountId: bigint): Promise<void> {
  const rejected = await trx
    .updateTable('payout_account')
    .set({ state: 'rejected' })
    .where('payout_account_id', '=', payoutAccountId)
    .where('state', '=', 'requested')
    .executeTakeFirst();
  assertRows('payout account rejected', Number(rejected.numUpdatedRows), 1);
}

/**
 * Takes payouts that are not claimed yet, and that were planned to another account, back until the next release gives them their seller's approved one.
 *
 * @returns how many.
 */
export async function holdPayoutsToOtherAccounts(
  trx: Transaction<Database>,
  account: Pick<AccountView, 'payout_account_id' | 'seller_id'>,
): Promise<bigint> {
  const held = await trx
    .updateTable('transfer')
    .set({ state: 'held', held_reason: 'approval' })
    .where('seller_id', '=', account.seller_id)
    .where('state', 'in', ['planned', 'queued'])
    .where(sql<boolean>`payout_account_id is distinct from ${account.payout_account_id}::bigint`)
    .executeTakeFirst();
  return held.numUpdatedRows;
}
