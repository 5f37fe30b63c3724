import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { MAY_BE_IT } from '../transfers/resolve.repository.ts';
import type { ClassificationRule } from './classify.ts';
import type { ClassificationRuleTable } from './deposit.table.ts';

export interface RuleView extends Omit<ClassificationRuleTable, 'rule_id'> {
  readonly rule_id: bigint;
}

export async function listRules(db: Kysely<Database>, removedToo: boolean): Promise<RuleView[]> {
  return await db
    .selectFrom('classification_rule')
    .selectAll()
    .$if(!removedToo, (query) => query.where('removed_at', 'is', null))
    .orderBy('rule_id')
    .execute();
}

export async function readAccountsRead(trx: Transaction<Database>): Promise<string[]> {
  const cursors = await trx.selectFrom('collect_cursor').select('account').orderBy('account').execute();
  return cursors.map((cursor) => cursor.account);
}

/** A row `s` that a rule fits, as `classifyRow` sees it. */
function fits(rule: ClassificationRule) {
  return sql`s.account = ${rule.account} and s.direction = ${rule.direction}
    and (${rule.textEquals}::text is null or s.text = ${rule.textEquals}) and (${rule.kindEquals}::text is null or s.kind = ${rule.kindEquals})`;
}

export interface FittingRows {
  /** What became of the rows: a state of a withdrawal or a deposit. */
  readonly state: string;
  readonly rows: number;
  readonly won: bigint;
}

/** What became of the rows since an instant that a rule would have fitted. */
export async function readFitting(
  trx: Transaction<Database>,
  rule: ClassificationRule,
  since: Date,
): Promise<FittingRows[]> {
  const { rows } = await sql<FittingRows>`
    select coalesce(w.state, d.state, 'not booked yet') as state, count(*)::int as rows, sum(s.amount)::bigint as won
    from statement_row s left join withdrawal w on w.row_id = s.row_id left join deposit d on d.row_id = s.row_id
    where s.occurred_at >= ${since} and ${fits(rule)}
    group by 1 order by 1`.execute(trx);
  return rows;
}

/** Rows that took money out, that nothing explains and that a rule fits; locked. One on which a reference like ours stands is a person's business. */
export async function lockUnexplainedThatFit(
  trx: Transaction<Database>,
  rule: ClassificationRule,
): Promise<bigint[]> {
  const { rows } = await sql<{ row_id: bigint }>`
    select w.row_id from withdrawal w join statement_row s on s.row_id = w.row_id
    where w.state = 'unexplained' and ${fits(rule)} and upper(normalize(s.text, nfkc)) !~ 'ST[0-9A-Z]{9}'
    order by w.row_id
    for update of w`.execute(trx);
  return rows.map((row) => row.row_id);
}

/** A row that nothing explains, that a rule fits, and that may be a send of a transfer which is not known to be paid by another; the first of them. */
export async function readMayBePayout(
  trx: Transaction<Database>,
  rule: ClassificationRule,
): Promise<{ readonly row_id: bigint; readonly transfer_id: bigint } | undefined> {
  const { rows } = await sql<{ row_id: bigint; transfer_id: bigint }>`
    select w.row_id, a.transfer_id
    from transfer_attempt a join transfer t on t.transfer_id = a.transfer_id
    join withdrawal w on ${MAY_BE_IT}
    join statement_row s on s.row_id = w.row_id
    where a.state <> 'succeeded' and t.state not in ('succeeded', 'returned') and ${fits(rule)}
    order by w.row_id, a.transfer_id limit 1`.execute(trx);
  return rows[0];
}

export async function markClassified(
  trx: Transaction<Database>,
  rowIds: readonly bigint[],
  ledgerAccount: string,
): Promise<void> {
  if (rowIds.length === 0) return;
  await trx
    .updateTable('withdrawal')
    .set({ state: 'classified', ledger_account: ledgerAccount })
    .where('row_id', 'in', [...rowIds])
    .where('state', '=', 'unexplained')
    .execute();
}
