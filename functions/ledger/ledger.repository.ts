import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import { bankAccount, OPENING } from './accounts.ts';
import type { NewPosting } from './postings.ts';
import { sealedThrough } from './seal.repository.ts';

const COLUMNS =
  'n integer, debit text, credit text, amount bigint, kind text, row_id bigint, order_id bigint, transfer_id bigint, attempt_id bigint';

/** Writes postings, in their order, at the business time `at`. */
export async function insertPostings(
  trx: Transaction<Database>,
  postings: readonly NewPosting[],
  at: Date,
): Promise<void> {
  if (postings.length === 0) return;
  const rows = postings.map((posting, n) => ({
    n,
    debit: posting.debit,
    credit: posting.credit,
    amount: posting.amount,
    kind: posting.kind,
    row_id: posting.rowId ?? null,
    order_id: posting.orderId ?? null,
    transfer_id: posting.transferId ?? null,
    attempt_id: posting.attemptId ?? null,
  }));
  const inserted = await sql`
    insert into posting (debit, credit, amount, kind, row_id, order_id, transfer_id, attempt_id, at)
    select debit, credit, amount, kind, row_id, order_id, transfer_id, attempt_id, ${at}
    from ${recordset('p', COLUMNS, rows)}
    order by n`.execute(trx);
  assertRows('postings written', Number(inserted.numAffectedRows), postings.length);
}

/**
 * Balances of accounts, signed by `accounts.ts`: what the sealer has summed up, and the postings since. An account without postings is not in
 * the answer.
 */
export async function readBalances(
  db: Kysely<Database> | Transaction<Database>,
  accounts?: readonly string[],
): Promise<Map<string, bigint>> {
  const wanted = accounts === undefined ? sql`true` : sql`account = any(${[...accounts]})`;
  const { rows } = await sql<{ account: string; balance: bigint }>`
    with unsealed as materialized (
      select p.debit, p.credit, p.amount from posting p
      where p.posting_id > ${sealedThrough}
        and not exists (select from posting_seal s where s.posting_id = p.posting_id)
    ), moved as (
      select account, debits, credits from account_balance
      union all select debit, amount, 0 from unsealed
      union all select credit, 0, amount from unsealed
    )
    select account,
      (case when account like 'bank:%' then sum(debits) - sum(credits) else sum(credits) - sum(debits) end)::bigint as balance
    from moved where ${wanted} group by account`.execute(db);
  return new Map(rows.map((row) => [row.account, row.balance]));
}

/** The balance that a bank account is booked to have opened with, corrections of it included, won. */
export async function readOpening(trx: Transaction<Database>, account: string): Promise<bigint> {
  const bank = bankAccount(account);
  const { rows } = await sql<{ opening: bigint }>`
    select coalesce(sum(case when debit = ${bank} then amount else -amount end), 0)::bigint as opening from posting
    where kind in ('opening', 'correction') and (debit, credit) in ((${bank}, ${OPENING}), (${OPENING}, ${bank}))`.execute(
    trx,
  );
  return rows[0]?.opening ?? 0n;
}
