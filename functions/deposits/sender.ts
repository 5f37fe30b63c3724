import type { RemitterRow } from '../bank/bank.ts';
import { ACCOUNT_NUMBER, HOLDER_BYTES_MAX, type PayeeAccount } from '../bank/payee-account.ts';
import { fitsCp949 } from '../bank/cp949.ts';

/** A deposit as its row of the statement shows it. */
export interface ReceivedRow {
  readonly occurredAt: Date;
  readonly amount: bigint;
  readonly balanceAfter: bigint;
}

/**
 * The rows that tell who sent a deposit: of its second, its amount, and the balance that it left. Rows have no id; two of one second that agree in both are
 * told apart by nothing, and so tell nothing.
 */
export function rowsOf(deposit: ReceivedRow, rows: readonly RemitterRow[]): readonly RemitterRow[] {
  return rows.filter(
    (row) =>
      row.occurredAt.getTime() === deposit.occurredAt.getTime() &&
      row.amount === deposit.amount &&
      row.balanceAfter === deposit.balanceAfter,
  );
}

/** The account that a row came from, where the bank tells all of it and a message could carry it; a number that it masks is none. */
export function senderOf(row: RemitterRow): PayeeAccount | undefined {
  const { bankCode, name: holder } = row;
  const accountNumber = row.accountNumber.replaceAll('-', '');
  if (!/^\d{3}$/.test(bankCode) || !ACCOUNT_NUMBER.test(accountNumber)) return undefined;
  if (holder === '' || !fitsCp949(holder, HOLDER_BYTES_MAX)) return undefined;
  return { bankCode, accountNumber, holder };
}
