import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { outOfSuspense, readInSuspense } from '../ledger/suspense.repository.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import type { Trx } from '../shared/postgres.ts';
import { referenceIn } from './classify.ts';
import type { ClassificationRuleTable } from './deposit.table.ts';
import {
  lockUnexplainedThatFit,
  markClassified,
  readAccountsRead,
  readFitting,
  readMayBePayout,
  type FittingRows,
} from './rules.repository.ts';

/** The accounts of rows that are nobody's order and nobody's payout. */
export const RULE_TARGETS = ['interest', 'tax', 'bank_fees', 'owner'] as const;

export interface NewRule {
  readonly account: string;
  readonly direction: 'in' | 'out';
  /** The row's whole text; undefined fits any. */
  readonly text: string | undefined;
  /** The row's whole kind, as the bank calls it; undefined fits any. */
  readonly kind: string | undefined;
  readonly to: ClassificationRuleTable['ledger_account'];
  /** Whether rows that stand in suspense already are explained by it, too. */
  readonly apply: boolean;
}

export interface AddedRule {
  readonly ruleId: bigint;
  /** What it would have fitted in the last thirty days, by what became of the rows. */
  readonly fitting: readonly FittingRows[];
  /** Rows that stood in suspense and are explained now. */
  readonly applied: number;
}

/** How far back a new rule is held against what came and went, ms. */
const LOOK_BACK_MS = 30 * 24 * 60 * 60_000;

/** What became of rows that are ours or a buyer's: no rule may fit these. */
const OURS = ['transfer', 'unexpected', 'return_of', 'reversal', 'matched', 'assigned'];

type Outcome<Result> = { readonly outcome: 'done'; readonly result: Result } | Refused;

/**
 * Adds a rule for rows that are nobody's order and nobody's payout. It must say what the rows say, and it must not fit what is ours: a rule that fits our own
 * payouts by their kind would explain away one whose reference the bank has mangled, and money would leave unseen. Nor may it fit a row that nothing explains and
 * that may be a payout in doubt: its absence would be proven beside it, on one person's word. Deposits that are in review stay
 * there: review ignore is for those.
 */
export async function addRule(
  db: Kysely<Database>,
  acting: Acting,
  rule: NewRule,
): Promise<Outcome<AddedRule>> {
  return await act<AddedRule>(db, acting, async (trx) => {
    const { account, direction, to } = rule;
    const text = rule.text ?? null;
    const kind = rule.kind ?? null;
    const wrong = await whatIsWrongWith(trx, rule);
    if (wrong !== undefined) return wrong;
    const classified = { account, direction, textEquals: text, kindEquals: kind, ledgerAccount: to };
    const since = new Date(acting.at.getTime() - LOOK_BACK_MS);
    const fitting = await readFitting(trx, classified, since);
    const ours = fitting.find(({ state }) => OURS.includes(state));
    if (ours !== undefined) {
      return refuse(
        'fits_ours',
        `this rule would have fitted ${ours.rows.toString()} rows of the last 30 days that are ${ours.state}: ours or a buyer's. Say more of the rows that are meant (--text)`,
      );
    }
    const doubtful = direction === 'out' ? await readMayBePayout(trx, classified) : undefined;
    if (doubtful !== undefined) {
      const [row, transfer] = [doubtful.row_id.toString(), doubtful.transfer_id.toString()];
      return refuse(
        'may_be_a_payout',
        `row ${row}, which this rule fits, took the amount of transfer ${transfer} out: it may be transfer ${transfer}, which would be sent again. Wait until its outcome is known (transfers show ${transfer}), or let two people say what the row was (ledger correct --row ${row})`,
      );
    }
    const { rule_id: ruleId } = await trx
      .insertInto('classification_rule')
      .values({
        account,
        direction,
        text_equals: text,
        kind_equals: kind,
        ledger_account: to,
        added_by: acting.by,
        added_at: acting.at,
        reason: acting.reason,
        removed_at: null,
      })
      .returning('rule_id')
      .executeTakeFirstOrThrow();
    const applied = rule.apply && direction === 'out' ? await explain(trx, classified, acting.at) : [];
    return {
      outcome: 'done',
      result: { ruleId, fitting, applied: applied.length },
      deed: {
        action: 'rules add',
        subject: `rule ${ruleId.toString()}`,
        detail: { account, direction, text, kind, to, explained_rows: applied },
      },
    };
  });
}

async function whatIsWrongWith(
  trx: Trx<Database>,
  { account, direction, text, kind }: NewRule,
): Promise<Refused | undefined> {
  const accounts = await readAccountsRead(trx);
  if (!accounts.includes(account))
    return refuse('not_found', `account "${account}" is not read; there are ${accounts.join(', ')}`);
  if (text === undefined && kind === undefined) {
    return refuse(
      'fits_everything',
      `a rule for every ${direction === 'in' ? 'incoming' : 'outgoing'} row would take buyers' deposits, or explain away a payout of ours: say which rows (--text, --kind)`,
    );
  }
  if (text === '' || kind === '')
    return refuse('fits_everything', 'an empty --text or --kind says nothing of a row');
  const reference = text === undefined ? undefined : referenceIn(text);
  if (reference !== undefined)
    return refuse(
      'fits_ours',
      `"${reference}" in --text is a reference of our own payouts; ledger correct explains such a row`,
    );
  return undefined;
}

/** Moves what stands in suspense for rows that a rule fits to where it says. Answers which rows. */
async function explain(
  trx: Trx<Database>,
  rule: Parameters<typeof lockUnexplainedThatFit>[1],
  at: Date,
): Promise<bigint[]> {
  const rowIds = await lockUnexplainedThatFit(trx, rule);
  const inSuspense = await readInSuspense(trx, rowIds);
  const postings = [...inSuspense].map(([rowId, amount]) =>
    outOfSuspense({ rowId, to: rule.ledgerAccount, amount }),
  );
  await insertPostings(trx, postings, at);
  await markClassified(trx, rowIds, rule.ledgerAccount);
  return rowIds;
}

/** Ends a rule. What it has classified stays as it is booked. */
export async function removeRule(
  db: Kysely<Database>,
  acting: Acting,
  ruleId: bigint,
): Promise<Outcome<undefined>> {
  return await act<undefined>(db, acting, async (trx) => {
    const id = ruleId.toString();
    const removed = await trx
      .updateTable('classification_rule')
      .set({ removed_at: acting.at })
      .where('rule_id', '=', ruleId)
      .where('removed_at', 'is', null)
      .executeTakeFirst();
    if (removed.numUpdatedRows === 0n)
      return refuse('not_found', `there is no rule ${id} in force; see smart-transfer rules list`);
    return {
      outcome: 'done',
      result: undefined,
      deed: { action: 'rules remove', subject: `rule ${id}` },
    };
  });
}
