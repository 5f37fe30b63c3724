import { sql, type Transaction } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import { accountFingerprint } from '../orders/payout-account.ts';
import type { Database } from '../database.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import type { Won } from '../shared/money.ts';
import { fitsGivenUpRow } from './plan.repository.ts';

/**
 * Plans the refund of a deposit's remainder. It follows the deposit's last refund that did not end in payment, so that a late success of that one finds it.
 * The database refuses a second live refund of a deposit. One that may have been paid before a restore is held, as a payout is.
 */
export async function insertRefund(
  trx: Transaction<Database>,
  vault: Vault,
  refund: { readonly depositRowId: bigint; readonly amount: Won; readonly to: PayeeAccount },
  at: Date,
): Promise<{ readonly transferId: bigint; readonly isHeld: boolean }> {
  const { depositRowId, amount, to } = refund;
  const isHeld = await mayHaveBeenRefunded(trx, depositRowId, amount);
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
      ...(isHeld ? { state: 'held', held_reason: 'restore' } : { state: 'planned' }),
      retry_of: sql<bigint | null>`(
        select max(transfer_id) from transfer
        where kind = 'refund' and deposit_row_id = ${depositRowId} and state in ('failed', 'returned'))`,
      planned_at: at,
    })
    .returning('transfer_id')
    .executeTakeFirstOrThrow();
  return { transferId: transfer_id, isHeld };
}

/** Whether people have given up a row after a restore that may be the same refund, paid in the life that the database has forgotten. */
async function mayHaveBeenRefunded(
  trx: Transaction<Database>,
  depositRowId: bigint,
  amount: Won,
): Promise<boolean> {
  const { rows } = await sql<{ fits: boolean }>`
    select ${fitsGivenUpRow('r')} as fits
    from (select ${amount}::bigint as amount, occurred_at as deposited_at from deposit where row_id = ${depositRowId}) r`.execute(
    trx,
  );
  return rows[0]?.fits === true;
}
