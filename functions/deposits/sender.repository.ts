import type { Kysely, Selectable, Transaction } from 'kysely';
import type { PayeeAccount } from '../bank/payee-account.ts';
import type { Database } from '../database.ts';
import { maskAccountNumber, type Vault } from '../shared/encryption.ts';
import type { DepositRemitterTable } from './deposit.table.ts';
import type { ReceivedRow } from './sender.ts';

export interface Unasked extends ReceivedRow {
  readonly rowId: bigint;
}

/** Deposits that wait for a person and of which nobody knows yet whether the bank tells who sent them, latest first; those that may be a row shown twice are left out. */
export async function readUnasked(db: Kysely<Database>, account: string, limit: number): Promise<Unasked[]> {
  const rows = await db
    .selectFrom('deposit as d')
    .innerJoin('statement_row as s', 's.row_id', 'd.row_id')
    .leftJoin('deposit_remitter as r', 'r.row_id', 'd.row_id')
    .select(['d.row_id', 'd.occurred_at', 'd.amount', 's.balance_after'])
    .where('d.state', '=', 'in_review')
    .where('d.account', '=', account)
    .where('s.possible_duplicate', '=', false)
    .where('r.row_id', 'is', null)
    .orderBy('d.occurred_at', 'desc')
    .orderBy('d.row_id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    rowId: row.row_id,
    occurredAt: row.occurred_at,
    amount: row.amount,
    balanceAfter: row.balance_after,
  }));
}

/** Keeps who sent deposits, or that the bank does not tell. What is known already stays. */
export async function insertSenders(
  trx: Transaction<Database>,
  vault: Vault,
  senders: ReadonlyMap<bigint, PayeeAccount | undefined>,
  at: Date,
): Promise<void> {
  if (senders.size === 0) return;
  const rows = [...senders].map(([row_id, sender]) => {
    const encrypted = sender && vault.encrypt('account-number', sender.accountNumber);
    return {
      row_id,
      told: sender !== undefined,
      bank_code: sender?.bankCode ?? null,
      account_number_ciphertext: encrypted?.ciphertext ?? null,
      account_number_key_id: encrypted?.keyId ?? null,
      account_number_masked: sender === undefined ? null : maskAccountNumber(sender.accountNumber),
      holder: sender?.holder ?? null,
      asked_at: at,
    };
  });
  await trx
    .insertInto('deposit_remitter')
    .values(rows)
    .onConflict((oc) => oc.column('row_id').doNothing())
    .execute();
}

/** A sender as people see it. */
export interface ShownSender {
  readonly bankCode: string;
  readonly masked: string;
  readonly holder: string;
}

/** Who sent a deposit, by what the bank tells; nothing where it does not, or was not asked yet. */
export async function readSender(
  db: Kysely<Database> | Transaction<Database>,
  rowId: bigint,
): Promise<ShownSender | undefined> {
  const { bank_code: bankCode, account_number_masked: masked, holder } = (await readTold(db, rowId)) ?? {};
  // Told means told whole: the table takes no half of it.
  return bankCode && masked && holder ? { bankCode, masked, holder } : undefined;
}

/** As `readSender`, with the number. */
export async function readSendersAccount(
  db: Kysely<Database> | Transaction<Database>,
  vault: Vault,
  rowId: bigint,
): Promise<PayeeAccount | undefined> {
  const row = (await readTold(db, rowId)) ?? {};
  const {
    bank_code: bankCode,
    account_number_ciphertext: ciphertext,
    account_number_key_id: keyId,
    holder,
  } = row;
  if (!bankCode || !ciphertext || !keyId || !holder) return undefined;
  const accountNumber = vault.decrypt('account-number', { ciphertext, keyId }).toString('utf8');
  return { bankCode, accountNumber, holder };
}

async function readTold(
  db: Kysely<Database> | Transaction<Database>,
  rowId: bigint,
): Promise<Partial<Selectable<DepositRemitterTable>> | undefined> {
  return await db
    .selectFrom('deposit_remitter')
    .selectAll()
    .where('row_id', '=', rowId)
    .where('told', '=', true)
    .executeTakeFirst();
}
