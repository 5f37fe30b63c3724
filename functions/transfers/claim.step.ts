import type { Bank, PreparedTransfer, TransferOrder } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { holdPosting, type PostedTransfer } from '../ledger/postings.ts';
import { UnknownDataKey, type Vault } from '../shared/encryption.ts';
import { won } from '../shared/money.ts';
import {
  holdForAccount,
  holdUnsendable,
  openAttempt,
  stateOf,
  takeQueued,
  type OpenAttempt,
} from './claim.repository.ts';
import { noticeRestore } from './restore.repository.ts';
import { activeStopsLocked, raiseAlarm } from './stops.repository.ts';
import type { StopName, Transfer, TransferState } from './transfer.table.ts';

/** How long a claim is its worker's own: longer than the function's 45 s, so that a call in flight is over when it ends, ms. */
export const LEASE_MS = 90_000;

export interface ClaimContext {
  readonly db: CycleContext['db'];
  readonly bank: Pick<Bank, 'prepareTransfer'>;
  readonly vault: Vault;
  readonly payoutAccount: string;
  readonly organisationCode: string;
  /** How the deployment names the database's cluster, where it does. */
  readonly databaseCluster?: string | undefined;
}

/** A transfer that this worker alone may send now, with its attempt committed and its message stored. */
export interface Claim {
  readonly posted: PostedTransfer;
  readonly token: bigint;
  readonly prepared: PreparedTransfer;
  readonly claimedAt: Date;
}

export type ClaimOutcome =
  | { readonly outcome: 'claimed'; readonly claim: Claim }
  | { readonly outcome: 'stopped'; readonly stops: readonly StopName[] }
  | { readonly outcome: 'unsendable'; readonly reason: string }
  /** It was planned to an account that is not approved any more: held, until the next release gives it another. */
  | { readonly outcome: 'account_not_approved' }
  | { readonly outcome: 'not_claimable'; readonly state: TransferState | 'missing' };

/** The database finds itself a copy of the one that it remembers to be: nothing is claimed in it. */
interface Restored {
  readonly outcome: 'restored';
}

/** No message can be built of a transfer, now or ever again, until somebody has mended what it says. */
class Unsendable extends Error {
  override readonly name = 'Unsendable';
}

/**
 * Claims a queued transfer: token, attempt, held amount and stored message commit together, before the bank hears of anything. Whoever comes
 * second finds another state than `queued`. One of which no message can be built is held for a person: its message would come back for ever. In a database
 * that was restored or cloned nothing is claimed, from the first claim on: it halts.
 */
export async function claim(context: ClaimContext, transferId: bigint, now: Date): Promise<ClaimOutcome> {
  try {
    const outcome = await claimWithKeys(context, transferId, now);
    if (outcome.outcome !== 'restored') return outcome;
    await noticeRestore(context.db, context.databaseCluster, 'claim', now);
    return { outcome: 'stopped', stops: ['halt_restore'] };
  } catch (error) {
    if (!(error instanceof Unsendable)) throw error;
    const reason = String(error.cause);
    await context.db.transaction().execute(async (trx) => {
      if (await holdUnsendable(trx, transferId))
        await raiseAlarm(trx, 'transfer_unsendable', { transferId, reason }, now);
    });
    return { outcome: 'unsendable', reason };
  }
}

/**
 * Another function may have written the destination with a data key that is newer than the keys read here. They are read again outside the transaction, which is
 * not to wait for anybody else; a key that is in none is for a person.
 */
async function claimWithKeys(
  context: ClaimContext,
  transferId: bigint,
  now: Date,
): Promise<ClaimOutcome | Restored> {
  try {
    return await claimQueued(context, transferId, now);
  } catch (error) {
    const cause = error instanceof Unsendable ? error.cause : undefined;
    if (!(cause instanceof UnknownDataKey) || !(await context.vault.learn(cause.keyId))) throw error;
    return await claimQueued(context, transferId, now);
  }
}

async function claimQueued(
  context: ClaimContext,
  transferId: bigint,
  now: Date,
): Promise<ClaimOutcome | Restored> {
  return await context.db.transaction().execute(async (trx) => {
    const { stops, isWhereItWas } = await activeStopsLocked(trx, context.databaseCluster);
    if (!isWhereItWas) return { outcome: 'restored' };
    if (stops.length > 0) return { outcome: 'stopped', stops };
    const leaseEndsAt = new Date(now.getTime() + LEASE_MS);
    const transfer = await takeQueued(trx, transferId, leaseEndsAt);
    if (transfer === undefined) {
      if (await holdForAccount(trx, transferId)) return { outcome: 'account_not_approved' };
      return { outcome: 'not_claimable', state: await stateOf(trx, transferId) };
    }

    const attempt = await openAttempt(trx, context, transfer, now);
    const posted: PostedTransfer = {
      transferId,
      attemptId: attempt.attemptId,
      kind: transfer.kind,
      sellerId: transfer.seller_id,
      amount: won(transfer.amount),
      account: context.payoutAccount,
    };
    await insertPostings(trx, [holdPosting(posted)], now);
    const prepared = prepare(context, transfer, attempt, now);
    await journal(trx, context.vault, [
      {
        part: 'request',
        attemptId: attempt.attemptId,
        exchange: {
          operation: 'deposit_transfer',
          path: prepared.path,
          requestBody: prepared.body,
          requestedAt: now,
          elapsedMs: 0,
        },
      },
    ]);
    return { outcome: 'claimed', claim: { posted, token: transfer.token, prepared, claimedAt: now } };
  });
}

function prepare(
  context: ClaimContext,
  transfer: Transfer,
  attempt: OpenAttempt,
  now: Date,
): PreparedTransfer {
  try {
    return context.bank.prepareTransfer(orderOf(context, transfer, attempt, now));
  } catch (error) {
    throw new Unsendable(`no message can be built of transfer ${transfer.transfer_id.toString()}`, {
      cause: error,
    });
  }
}

function orderOf(context: ClaimContext, transfer: Transfer, attempt: OpenAttempt, now: Date): TransferOrder {
  const { bank_code, account_number_ciphertext, account_number_key_id, account_holder } = transfer;
  if (
    bank_code === null ||
    account_number_ciphertext === null ||
    account_number_key_id === null ||
    account_holder === null
  ) {
    throw new Error(
      `transfer ${transfer.transfer_id.toString()} has no destination: the database refuses such a row outside held`,
    );
  }
  const encrypted = { ciphertext: account_number_ciphertext, keyId: account_number_key_id };
  return {
    account: context.payoutAccount,
    bankTranId: attempt.bankTranId,
    amount: won(transfer.amount),
    toBankCode: bank_code,
    toAccountNumber: context.vault.decrypt('account-number', encrypted).toString('utf8'),
    toHolder: account_holder,
    reference: attempt.reference,
    recipientText:
      transfer.kind === 'payout'
        ? `정산${transfer.transfer_id.toString()}`
        : `환불${transfer.transfer_id.toString()}`,
    at: now,
  };
}
