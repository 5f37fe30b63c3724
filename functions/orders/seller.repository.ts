import { sql, type Transaction } from 'kysely';
import { fitsCp949 } from '../bank/cp949.ts';
import type { Database } from '../database.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import type { BasisPoints, Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';

export interface SellerToAdd {
  readonly sellerId: string;
  /** The shop that sees it by the API. */
  readonly shopId: string;
  readonly name: string;
  readonly feeRate: BasisPoints;
  readonly grouping?: 'page' | 'order';
  readonly transferLimit?: Won;
  readonly dailyLimit?: Won;
  readonly account: {
    readonly bankCode: string;
    readonly accountNumber: string;
    readonly holder: string;
  };
}

/** Two people stand behind a payout account: who asked for it and who approved it. */
export interface Approval {
  readonly requestedBy: string;
  readonly approvedBy: string;
}

/** KFTC's messages carry a holder's name as AH20: 20 CP949 bytes. */
const HOLDER_BYTES_MAX = 20;

const ACCOUNT_NUMBER = /^\d{6,16}$/;

const COLUMNS =
  'seller_id text, shop_id text, name text, fee_bp integer, payout_grouping text, transfer_limit_won bigint, daily_limit_won bigint, bank_code text, number text, key_id text, masked text, fingerprint text, holder text';

/**
 * Adds sellers with payout accounts that count as approved: those of a user's own files and of the demo. Sellers that exist already are left as they
 * are. An account number is encrypted before it reaches the database.
 *
 * @throws when an account number or a holder's name does not fit the bank's message: found out here, it can still be mended.
 */
export async function addSellers(
  trx: Transaction<Database>,
  vault: Vault,
  sellers: readonly SellerToAdd[],
  approval: Approval,
  now: Date,
): Promise<void> {
  const rows = sellers.map((seller) => {
    const { bankCode, accountNumber, holder } = seller.account;
    if (!fitsCp949(holder, HOLDER_BYTES_MAX)) {
      throw new Error(
        `account holder "${holder}" of seller ${seller.sellerId} does not fit ${HOLDER_BYTES_MAX} CP949 bytes; shorten it as the bank does`,
      );
    }
    if (!ACCOUNT_NUMBER.test(accountNumber)) {
      throw new Error(
        `account number ${maskAccountNumber(accountNumber)} of seller ${seller.sellerId} is not 6 to 16 digits; write it without hyphens or spaces`,
      );
    }
    const encrypted = vault.encrypt('account-number', accountNumber);
    return {
      seller_id: seller.sellerId,
      shop_id: seller.shopId,
      name: seller.name,
      fee_bp: seller.feeRate,
      payout_grouping: seller.grouping ?? 'page',
      transfer_limit_won: seller.transferLimit ?? null,
      daily_limit_won: seller.dailyLimit ?? null,
      bank_code: bankCode,
      number: Buffer.from(encrypted.ciphertext).toString('base64'),
      key_id: encrypted.keyId,
      masked: maskAccountNumber(accountNumber),
      fingerprint: vault.fingerprint(`${bankCode} ${accountNumber}`),
      holder,
    };
  });
  const { rows: counted } = await sql<{ sellers: number; accounts: number }>`
    with given as materialized (select * from ${recordset('s', COLUMNS, rows)}),
    added as (
      insert into seller (seller_id, shop_id, name, fee_bp, payout_grouping, transfer_limit_won, daily_limit_won, created_at)
      select seller_id, shop_id, name, fee_bp, payout_grouping, transfer_limit_won, daily_limit_won, ${now} from given
      on conflict do nothing
      returning seller_id
    ), accounts as (
      insert into payout_account (seller_id, bank_code, account_number_ciphertext, account_number_key_id, account_number_masked,
        account_fingerprint, account_holder, state, requested_by, requested_at, approved_by, approved_at)
      select seller_id, bank_code, decode(number, 'base64'), key_id, masked, fingerprint, holder, 'approved',
        ${approval.requestedBy}, ${now}, ${approval.approvedBy}, ${now}
      from given where seller_id in (select seller_id from added)
      returning 1
    )
    select (select count(*)::int from added) as sellers, (select count(*)::int from accounts) as accounts`.execute(
    trx,
  );
  assertRows('payout accounts stored', counted[0]?.accounts ?? 0, counted[0]?.sellers ?? 0);
}
