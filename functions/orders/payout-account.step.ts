import type { Kysely } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import type { Database } from '../database.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import type { Acting, PersonId, ShopActor } from '../people/person.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import {
  holdPayoutsToOtherAccounts,
  insertRequestedAccount,
  isPaidTo,
  lockAccountsBeside,
  markRejected,
  readWaitingAccount,
  replaceAccount,
  type AccountView,
} from './payout-account.repository.ts';
import { accountFingerprint, whatIsWrongWith } from './payout-account.ts';

type Outcome<Result> = { readonly outcome: 'done'; readonly result: Result } | Refused;

export interface AccountRequest {
  readonly payoutAccountId: bigint;
  readonly masked: string;
  /** What waits now, and since when: an earlier request where that was the same. */
  readonly account: AccountView;
}

/**
 * A person or a shop asks that a seller be paid to another account. It is stored encrypted and pays nobody until a second person approves it. Neither the trace nor
 * a message ever holds its number. While one account waits, no other takes its place: who can ask must not be able to take back what somebody else has asked for, or to
 * change what the second person is looking at.
 */
export async function requestAccount(
  db: Kysely<Database>,
  vault: Vault,
  acting: Acting<PersonId | ShopActor>,
  sellerId: string,
  details: PayeeAccount,
): Promise<Outcome<AccountRequest>> {
  return await act<AccountRequest>(db, acting, async (trx) => {
    const wrong = whatIsWrongWith(details, sellerId);
    if (wrong !== undefined) return refuse('invalid', wrong);
    // Locked, so that the accounts that are looked at here are the seller's when this one is stored.
    const seller = await trx
      .selectFrom('seller')
      .select('seller_id')
      .where('seller_id', '=', sellerId)
      .forUpdate()
      .executeTakeFirst();
    if (seller === undefined) return refuse('not_found', `there is no seller ${sellerId}`);
    const { bankCode, accountNumber, holder } = details;
    const masked = maskAccountNumber(accountNumber);
    const fingerprint = accountFingerprint(vault, bankCode, accountNumber);
    const waiting = await readWaitingAccount(trx, sellerId, { fingerprint, holder });
    if (waiting?.is_same === true) return { outcome: 'unchanged', result: requestOf(waiting) };
    if (waiting !== undefined) {
      return refuse(
        'another_waits',
        `account ${waiting.payout_account_id.toString()} of seller ${sellerId} waits for a decision already: approve or reject that one first (smart-transfer accounts approve|reject)`,
      );
    }
    if (await isPaidTo(trx, sellerId, { fingerprint, holder }))
      return refuse(
        'approved_already',
        `seller ${sellerId} is paid to ${masked} at bank ${bankCode} already`,
      );
    const account = await insertRequestedAccount(trx, {
      sellerId,
      bankCode,
      number: vault.encrypt('account-number', accountNumber),
      masked,
      fingerprint,
      holder,
      by: acting.by,
      at: acting.at,
    });
    return {
      outcome: 'done',
      result: requestOf(account),
      deed: {
        action: 'accounts request',
        subject: subjectOf(account),
        detail: { bank_code: bankCode, masked, holder },
      },
    };
  });
}

function requestOf(account: AccountView): AccountRequest {
  return {
    payoutAccountId: account.payout_account_id,
    masked: account.account_number_masked,
    account,
  };
}

export interface ApprovedAccount {
  readonly account: AccountView;
  /** Payouts that were planned to the former account and now wait for the next release. */
  readonly heldPayouts: bigint;
}

/** A second person approves an account. It takes the former one's place at once, also for payouts that are planned and not claimed yet. */
export async function approveAccount(
  db: Kysely<Database>,
  acting: Acting,
  payoutAccountId: bigint,
): Promise<Outcome<ApprovedAccount>> {
  return await decide<ApprovedAccount>(db, acting, payoutAccountId, async (trx, account) => {
    if (account.requested_by === acting.by) {
      return refuse(
        'needs_second_person',
        `${acting.by} asked for account ${payoutAccountId.toString()}, so somebody else has to approve it`,
      );
    }
    await replaceAccount(trx, account, acting.by, acting.at);
    const heldPayouts = await holdPayoutsToOtherAccounts(trx, account);
    return {
      outcome: 'done',
      result: { account, heldPayouts },
      deed: {
        action: 'accounts approve',
        subject: subjectOf(account),
        detail: { requested_by: account.requested_by, held_payouts: heldPayouts },
      },
    };
  });
}

/** An account that was asked for is not approved. Whoever asked may reject it, too. */
export async function rejectAccount(
  db: Kysely<Database>,
  acting: Acting,
  payoutAccountId: bigint,
): Promise<Outcome<AccountView>> {
  return await decide<AccountView>(db, acting, payoutAccountId, async (trx, account) => {
    await markRejected(trx, payoutAccountId);
    return {
      outcome: 'done',
      result: account,
      deed: {
        action: 'accounts reject',
        subject: subjectOf(account),
        detail: { requested_by: account.requested_by },
      },
    };
  });
}

async function decide<Result>(
  db: Kysely<Database>,
  acting: Acting,
  payoutAccountId: bigint,
  work: (
    trx: Parameters<Parameters<typeof act<Result>>[2]>[0],
    account: AccountView,
  ) => ReturnType<Parameters<typeof act<Result>>[2]>,
): Promise<Outcome<Result>> {
  return await act<Result>(db, acting, async (trx) => {
    const accounts = await lockAccountsBeside(trx, payoutAccountId);
    const account = accounts.find((one) => one.payout_account_id === payoutAccountId);
    const id = payoutAccountId.toString();
    if (account === undefined)
      return refuse('not_found', `there is no payout account ${id}; see smart-transfer accounts list`);
    if (account.state !== 'requested')
      return refuse(
        'decided_already',
        `payout account ${id} is ${account.state}: it is not asked for any more`,
      );
    return await work(trx, account);
  });
}

function subjectOf(account: Pick<AccountView, 'payout_account_id' | 'seller_id'>): string {
  return `payout account ${account.payout_account_id.toString()} of seller ${account.seller_id}`;
}
