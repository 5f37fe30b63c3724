import { sql, type Kysely, type Transaction } from 'kysely';
import { kstDate } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import type { WithdrawalTable } from '../deposits/deposit.table.ts';
import { sumWon, won } from '../shared/money.ts';
import { insertTransfers } from './plan.repository.ts';
import { cancelUnsent } from './outcome.repository.ts';
import { ADOPTABLE, type OpenTransfer } from './propose-payments.ts';
import type { Transfer } from './transfer.table.ts';

/** A row that went out, as it was booked. */
export interface OutgoingRow {
  readonly rowId: bigint;
  readonly account: string;
  readonly occurredAt: Date;
  readonly amount: bigint;
  readonly text: string;
  readonly state: WithdrawalTable['state'];
  readonly ledgerAccount: string | null;
}

const ROW_COLUMNS = [
  'row_id as rowId',
  'account',
  'occurred_at as occurredAt',
  'amount',
  'text',
  'state',
  'ledger_account as ledgerAccount',
] as const;

/** Rows that went out and that nothing explains, oldest first. */
export async function readUnexplained(db: Kysely<Database>, limit: number): Promise<OutgoingRow[]> {
  return await db
    .selectFrom('withdrawal')
    .select(ROW_COLUMNS)
    .where('state', '=', 'unexplained')
    .orderBy('occurred_at')
    .orderBy('row_id')
    .limit(limit)
    .execute();
}

export async function lockOutgoing(
  trx: Transaction<Database>,
  rowId: bigint,
): Promise<OutgoingRow | undefined> {
  return await trx
    .selectFrom('withdrawal')
    .select(ROW_COLUMNS)
    .where('row_id', '=', rowId)
    .forUpdate()
    .executeTakeFirst();
}

/** Transfers that rows of up to an amount may have paid. */
export async function readOpenTransfers(db: Kysely<Database>, amountMax: bigint): Promise<OpenTransfer[]> {
  return await db
    .selectFrom('transfer')
    .select([
      'transfer_id as transferId',
      'seller_id as sellerId',
      'amount',
      'state',
      'deposited_at as depositedAt',
    ])
    .where('state', 'in', [...ADOPTABLE])
    .where('amount', '<=', amountMax)
    .orderBy('transfer_id')
    .execute();
}

/** Locks transfers in the order of their ids. */
export async function lockTransfers(
  trx: Transaction<Database>,
  transferIds: readonly bigint[],
): Promise<Transfer[]> {
  return await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', 'in', [...transferIds])
    .orderBy('transfer_id')
    .forUpdate()
    .execute();
}

/** What is known of a reference: the attempt that has it, and a row that brought its money back. */
export async function readReference(
  trx: Transaction<Database>,
  reference: string,
  since: Date,
): Promise<{ readonly attempt_id: bigint | null; readonly returned_by: bigint | null }> {
  const { rows } = await sql<{ attempt_id: bigint | null; returned_by: bigint | null }>`
    select
      (select attempt_id from transfer_attempt where reference = ${reference}) as attempt_id,
      (select min(row_id) from statement_row
       where direction = 'in' and occurred_at >= ${since}
         and position(${reference} in upper(normalize(text, nfkc))) > 0) as returned_by`.execute(trx);
  return rows[0] ?? { attempt_id: null, returned_by: null };
}

/** Whether every account is read at least up to an instant, and all that was read is booked: only then is every transfer planned that a row may have paid. */
export async function isCaughtUp(trx: Transaction<Database>, through: Date): Promise<boolean> {
  const { rows } = await sql<{ behind: boolean }>`
    select exists (
      select from collect_cursor c
      where c.read_through < ${through}::timestamptz - interval '1 second'
        or exists (select from statement_row s where s.account = c.account and s.row_id > c.booked_through)
    ) as behind`.execute(trx);
  return rows[0]?.behind === false;
}

/**
 * Makes one transfer of several unsent ones of one seller, which are cancelled: so they went out in the forgotten life. The caller holds their locks.
 *
 * @returns the new transfer, locked.
 */
export async function joinTransfers(
  trx: Transaction<Database>,
  transfers: readonly Transfer[],
  now: Date,
): Promise<Transfer> {
  const ids = transfers.map((transfer) => transfer.transfer_id);
  const items = await trx
    .selectFrom('transfer_item')
    .select(['order_id', 'amount', 'fee'])
    .where('transfer_id', 'in', ids)
    .where('live', '=', true)
    .orderBy('order_id')
    .execute();
  for (const transferId of ids) await cancelUnsent(trx, transferId, now);
  const deposited = transfers.map((transfer) => (transfer.deposited_at ?? now).getTime());
  await insertTransfers(
    trx,
    [
      {
        sellerId: transfers[0]?.seller_id ?? '',
        amount: sumWon(transfers.map((transfer) => won(transfer.amount))),
        fee: sumWon(transfers.map((transfer) => won(transfer.fee))),
        items: items.map((item) => ({
          orderId: item.order_id,
          amount: won(item.amount),
          fee: won(item.fee),
        })),
        depositedAt: new Date(Math.min(...deposited)),
        held: undefined,
      },
    ],
    now,
  );
  return await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', (eb) =>
      eb
        .selectFrom('transfer_item')
        .select('transfer_id')
        .where('order_id', '=', items[0]?.order_id ?? 0n)
        .where('live', '=', true),
    )
    .forUpdate()
    .executeTakeFirstOrThrow();
}

/**
 * Writes down an attempt that was made in the forgotten life, under a new claim of its transfer, whose token nobody holds. The organisation's code in its
 * bank id is that of the last attempt that is known; where there is none the bank id is of no use, and nobody asks about an attempt that has succeeded.
 */
export async function insertForgottenAttempt(
  trx: Transaction<Database>,
  transferId: bigint,
  reference: string,
  row: OutgoingRow,
): Promise<{ readonly attemptId: bigint; readonly token: bigint }> {
  const { token, amount } = await trx
    .updateTable('transfer')
    .set((eb) => ({ token: eb('token', '+', 1n), sends: eb('sends', '+', 1) }))
    .where('transfer_id', '=', transferId)
    .returning(['token', 'amount'])
    .executeTakeFirstOrThrow();
  const serial = reference.slice(2);
  const { attempt_id: attemptId } = await trx
    .insertInto('transfer_attempt')
    .values({
      transfer_id: transferId,
      n: sql<number>`(select coalesce(max(n), 0) + 1 from transfer_attempt where transfer_id = ${transferId})`,
      bank_tran_id: sql<string>`coalesce(
        (select left(bank_tran_id, 11) from transfer_attempt order by attempt_id desc limit 1), '0000000000U') || ${serial}::text`,
      reference,
      account: row.account,
      bank_date: kstDate(row.occurredAt),
      amount,
      token,
      sent_at: row.occurredAt,
      lease_ends_at: row.occurredAt,
      state: 'open',
      answered_bank_date: null,
    })
    .returning('attempt_id')
    .executeTakeFirstOrThrow();
  return { attemptId, token };
}

/** Says what a row was, that until now was in suspense. */
export async function explainOutgoing(
  trx: Transaction<Database>,
  rowId: bigint,
  as: { readonly attemptId: bigint } | { readonly ledgerAccount: string },
  at: Date,
): Promise<void> {
  const explained =
    'attemptId' in as
      ? { state: 'transfer' as const, attempt_id: as.attemptId, ledger_account: null }
      : { state: 'classified' as const, ledger_account: as.ledgerAccount };
  await trx
    .updateTable('withdrawal')
    .set({ ...explained, decided_at: at })
    .where('row_id', '=', rowId)
    .execute();
}
