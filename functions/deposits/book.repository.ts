import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { won } from '../shared/money.ts';
import { assertRows, recordset } from '../shared/postgres.ts';
import type { WithdrawalTable } from './deposit.table.ts';
import type { ClassificationRule, KnownAttempt, ReversibleDeposit, UnbookedRow } from './classify.ts';

/** The next rows of an account that are stored and not booked, in the order in which they were read. */
export async function readUnbooked(
  trx: Transaction<Database>,
  account: string,
  limit: number,
): Promise<UnbookedRow[]> {
  const rows = await trx
    .selectFrom('statement_row as s')
    .innerJoin('collect_cursor as c', 'c.account', 's.account')
    .select([
      's.row_id',
      's.account',
      's.occurred_at',
      's.direction',
      's.amount',
      's.balance_after',
      's.text',
      's.kind',
      's.possible_duplicate',
    ])
    .where('s.account', '=', account)
    .whereRef('s.row_id', '>', 'c.booked_through')
    .orderBy('s.row_id')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    rowId: row.row_id,
    account: row.account,
    occurredAt: row.occurred_at,
    direction: row.direction,
    amount: won(row.amount),
    balanceAfter: row.balance_after,
    text: row.text,
    kind: row.kind,
    possibleDuplicate: row.possible_duplicate,
  }));
}

/** Our attempts by the references that stand in the rows' texts. */
export async function readAttemptsByReference(
  trx: Transaction<Database>,
  references: readonly string[],
): Promise<Map<string, KnownAttempt>> {
  if (references.length === 0) return new Map();
  const rows = await trx
    .selectFrom('transfer_attempt as a')
    .select((eb) => [
      'a.attempt_id',
      'a.transfer_id',
      'a.reference',
      'a.account',
      'a.amount',
      'a.state',
      eb
        .exists(
          eb.selectFrom('withdrawal as w').select('w.row_id').whereRef('w.attempt_id', '=', 'a.attempt_id'),
        )
        .as('withdrawn'),
      eb
        .exists(
          eb
            .selectFrom('deposit as d')
            .select('d.row_id')
            .whereRef('d.return_of_transfer_id', '=', 'a.transfer_id'),
        )
        .as('returned'),
    ])
    .where('a.reference', 'in', [...references])
    .execute();
  return new Map(
    rows.map((row) => [
      row.reference,
      {
        attemptId: row.attempt_id,
        transferId: row.transfer_id,
        reference: row.reference,
        account: row.account,
        amount: won(row.amount),
        succeeded: row.state === 'succeeded',
        withdrawn: row.withdrawn === true,
        returned: row.returned === true,
      },
    ]),
  );
}

export async function readRules(trx: Transaction<Database>, account: string): Promise<ClassificationRule[]> {
  const rows = await trx
    .selectFrom('classification_rule')
    .select(['account', 'direction', 'text_equals', 'kind_equals', 'ledger_account'])
    .where('account', '=', account)
    .where('removed_at', 'is', null)
    .orderBy('rule_id')
    .execute();
  return rows.map((row) => ({
    account: row.account,
    direction: row.direction,
    textEquals: row.text_equals,
    kindEquals: row.kind_equals,
    ledgerAccount: row.ledger_account,
  }));
}

/** How long after a deposit the bank may take it back, days. */
const REVERSIBLE_DAYS = 30;

/** Deposits that rows of the page, which undo a deposit, may mean; newest first. */
export async function readReversible(
  trx: Transaction<Database>,
  rows: readonly UnbookedRow[],
): Promise<ReversibleDeposit[]> {
  if (rows.length === 0) return [];
  const { rows: found } = await sql<{
    row_id: bigint;
    account: string;
    amount: bigint;
    text: string;
    occurred_at: Date;
  }>`
    select d.row_id, d.account, d.amount, d.text, d.occurred_at
    from deposit d
    join ${recordset(
      'r',
      'account text, amount bigint, text text, occurred_at timestamptz',
      rows.map((row) => ({
        account: row.account,
        amount: row.amount,
        text: row.text,
        occurred_at: row.occurredAt,
      })),
    )} on d.account = r.account and d.amount = r.amount and d.text = r.text
      and d.occurred_at between r.occurred_at - make_interval(days => ${REVERSIBLE_DAYS}::int) and r.occurred_at
    where d.state in ('matched', 'in_review', 'assigned', 'refund_pending', 'refunded', 'ignored')
    order by d.occurred_at desc, d.row_id desc`.execute(trx);
  return found.map((row) => ({
    rowId: row.row_id,
    account: row.account,
    amount: won(row.amount),
    text: row.text,
    occurredAt: row.occurred_at,
  }));
}

export interface NewDeposit {
  readonly row: UnbookedRow;
  readonly names: readonly string[];
  readonly state: 'in_review' | 'return_of' | 'classified';
  readonly reason?: string;
  readonly candidates?: readonly bigint[];
  readonly returnOfTransferId?: bigint;
}

const DEPOSIT_COLUMNS =
  'row_id bigint, account text, occurred_at timestamptz, amount bigint, remaining bigint, text text, names text[], state text, reason text, candidates bigint[], return_of_transfer_id bigint';

/** Stores rows that came in and are not matched: each with its final state, in one statement. */
export async function insertDeposits(
  trx: Transaction<Database>,
  deposits: readonly NewDeposit[],
  at: Date,
): Promise<void> {
  if (deposits.length === 0) return;
  const rows = deposits.map((deposit) => ({
    row_id: deposit.row.rowId,
    account: deposit.row.account,
    occurred_at: deposit.row.occurredAt,
    amount: deposit.row.amount,
    remaining: deposit.state === 'in_review' ? deposit.row.amount : 0n,
    text: deposit.row.text,
    names: deposit.names,
    state: deposit.state,
    reason: deposit.reason ?? null,
    candidates: deposit.candidates?.map(String) ?? [],
    return_of_transfer_id: deposit.returnOfTransferId ?? null,
  }));
  const inserted = await sql`
    insert into deposit (row_id, account, occurred_at, amount, remaining, text, names, state, reason, candidates, return_of_transfer_id, decided_at)
    select row_id, account, occurred_at, amount, remaining, text, names, state, reason, candidates, return_of_transfer_id, ${at}
    from ${recordset('d', DEPOSIT_COLUMNS, rows)}`.execute(trx);
  assertRows('deposits stored', Number(inserted.numAffectedRows), deposits.length);
}

export interface NewWithdrawal {
  readonly row: UnbookedRow;
  readonly state: WithdrawalTable['state'];
  readonly attemptId?: bigint;
  readonly ledgerAccount?: string;
}

/** Stores rows that went out, and what explains them. */
export async function insertWithdrawals(
  trx: Transaction<Database>,
  withdrawals: readonly NewWithdrawal[],
  at: Date,
): Promise<void> {
  if (withdrawals.length === 0) return;
  await trx
    .insertInto('withdrawal')
    .values(
      withdrawals.map(({ row, state, attemptId, ledgerAccount }) => ({
        row_id: row.rowId,
        account: row.account,
        occurred_at: row.occurredAt,
        amount: row.amount,
        text: row.text,
        state,
        attempt_id: attemptId ?? null,
        ledger_account: ledgerAccount ?? null,
        decided_at: at,
      })),
    )
    .execute();
}

/** Moves the mark over the rows that this transaction has booked. */
export async function advanceBooked(
  trx: Transaction<Database>,
  account: string,
  through: bigint,
): Promise<void> {
  await trx
    .updateTable('collect_cursor')
    .set({ booked_through: through, opening_posted: true })
    .where('account', '=', account)
    .execute();
}

/** Whether an account's opening balance is still to be posted. */
export async function needsOpening(trx: Transaction<Database>, account: string): Promise<boolean> {
  const cursor = await trx
    .selectFrom('collect_cursor')
    .select('opening_posted')
    .where('account', '=', account)
    .executeTakeFirstOrThrow();
  return !cursor.opening_posted;
}
