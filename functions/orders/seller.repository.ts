import { sql, type Transaction } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import type { Database } from '../database.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import type { BasisPoints, Won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import { accountFingerprint, whatIsWrongWith } from './payout-account.ts';

export interface SellerToAdd {
  readonly sellerId: string;
  /** The shop that sees it by the API. */
  readonly shopId: string;
  readonly name: string;
  readonly feeRate: BasisPoints;
  readonly grouping?: 'page' | 'order';
  readonly transferLimit?: Won;
  readonly dailyLimit?: Won;
  readonly account: PayeeAccount;
}

/** Two people stand behind a payout account: who asked for it and who approved it. */
export interface Approval {
  readonly requestedBy: string;
  readonly approvedBy: string;
}

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
    const wrong = whatIsWrongWith(seller.account, seller.sellerId);
    if (wrong !== undefined) throw new Error(wrong);
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
      fingerprint: accountFingerprint(vault, bankCode, accountNumber),
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
