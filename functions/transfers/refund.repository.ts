import { sql, type Transaction } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import { accountFingerprint } from '../orders/payout-account.ts';
import type { Database } from '../database.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import type { Won } from '../shared/money.ts';

/**
 * Plans the refund of a deposit's remainder. It follows the deposit's last refund that did not end in payment, so that a late success of that one finds it.
 * The database refuses a second live refund of a deposit.
 */
export async function insertRefund(
  trx: Transaction<Database>,
  vault: Vault,
  refund: { readonly depositRowId: bigint; readonly amount: Won; readonly to: PayeeAccount },
  at: Date,
): Promise<bigint> {
  const { depositRowId, amount, to } = refund;
  const encrypted = vault.encrypt('account-number', to.accountNumber);
  const { transfer_id } = await trx
    .insertInto('transfer')
    .values({
      kind: 'refund',
      deposit_row_id: depositRowId,
      amount,
      fee: 0n,
      bank_code: to.bankCode,
      account_number_ciphertext: encrypted.ciphertext,
      account_number_key_id: encrypted.keyId,
      account_number_masked: maskAccountNumber(to.accountNumber),
      account_holder: to.holder,
      queue_group: accountFingerprint(vault, to.bankCode, to.accountNumber),
      state: 'planned',
      retry_of: sql<bigint | null>`(
        select max(transfer_id) from transfer
        where kind = 'refund' and deposit_row_id = ${depositRowId} and state in ('failed', 'returned'))`,
      planned_at: at,
    })
    .returning('transfer_id')
    .executeTakeFirstOrThrow();
  return transfer_id;
}
