import { sql, type RawBuilder, type Selectable, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { Acting } from '../people/person.ts';
import { jsonOf } from '../shared/json.ts';
import { assertRows } from '../shared/postgres.ts';
import type { DecisionKind, IgnoredAccount, ReviewDecisionTable } from './review.table.ts';

export type Decision = Selectable<ReviewDecisionTable>;

/** Of decisions, those that are about a deposit. */
export function decidesOn(depositRowId: bigint): RawBuilder<boolean> {
  return sql<boolean>`deposit_rows @> ${[depositRowId.toString()]}::bigint[]`;
}

export interface NewDecision {
  readonly kind: DecisionKind;
  readonly depositRows: readonly bigint[];
  readonly orderIds?: readonly bigint[];
  readonly amount: bigint;
  readonly account?: IgnoredAccount;
  readonly transferId?: bigint;
  /** The deposits and orders as they stand. */
  readonly before: object;
}

/** Writes down what a person decides. */
export async function insertDecision(
  trx: Transaction<Database>,
  { by, reason, at }: Acting,
  decision: NewDecision,
): Promise<bigint> {
  const { decision_id } = await trx
    .insertInto('review_decision')
    .values({
      kind: decision.kind,
      deposit_rows: [...decision.depositRows],
      order_ids: [...(decision.orderIds ?? [])],
      amount: decision.amount,
      ledger_account: decision.account ?? null,
      transfer_id: decision.transferId ?? null,
      before: sql`${jsonOf(decision.before)}::jsonb`,
      made_by: by,
      made_at: at,
      reason,
    })
    .returning('decision_id')
    .executeTakeFirstOrThrow();
  return decision_id;
}

export async function readDecision(
  trx: Transaction<Database>,
  decisionId: bigint,
): Promise<Decision | undefined> {
  return await trx
    .selectFrom('review_decision')
    .selectAll()
    .where('decision_id', '=', decisionId)
    .executeTakeFirst();
}

/** The refund or the ignoring that took what earlier decisions had left of a deposit, if it stands. */
export async function readLastWord(
  trx: Transaction<Database>,
  depositRowId: bigint,
): Promise<Decision | undefined> {
  return await trx
    .selectFrom('review_decision')
    .selectAll()
    .where(decidesOn(depositRowId))
    .where('kind', 'in', ['refund', 'ignore'])
    .where('state', '=', 'standing')
    .executeTakeFirst();
}

export async function markUndone(
  trx: Transaction<Database>,
  decisionId: bigint,
  { by, reason, at }: Acting,
): Promise<void> {
  const undone = await trx
    .updateTable('review_decision')
    .set({ state: 'undone', undone_by: by, undone_at: at, undone_reason: reason })
    .where('decision_id', '=', decisionId)
    .where('state', '=', 'standing')
    .executeTakeFirst();
  assertRows(`decision ${decisionId.toString()} undone`, Number(undone.numUpdatedRows), 1);
}
