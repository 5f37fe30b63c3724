import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { formatWon } from '../shared/money.ts';
import { SAID_TO_HAVE_PAID } from './doubt.repository.ts';

/** Why payouts should not go on yet. */
export interface Blocker {
  /** What two people approve when they resume despite it: it names the same thing as long as it is the same. */
  readonly code: string;
  /** What stands in the way, with its value, and the remedy. */
  readonly message: string;
}

const ROWS_MAX = 20;

/**
 * What still stands of the cause of a halt on drift: an account whose books and statement were not compared completely since the halt, or do not agree; rows
 * that took money out and that nobody has explained; an attempt that is said to have paid, and whose withdrawal nobody has seen; orders, deposits or transfers
 * that differ from the ledger; a ledger that was found changed since the halt, of which no later check can say that it is sound again.
 */
export async function readDriftBlockers(trx: Transaction<Database>, haltedAt: Date): Promise<Blocker[]> {
  return [
    ...(await unreconciled(trx, haltedAt)),
    ...(await inSuspense(trx)),
    ...(await executedUnseen(trx)),
    ...(await booksDiffer(trx)),
    ...(await ledgerBroken(trx, haltedAt)),
  ];
}

async function unreconciled(trx: Transaction<Database>, haltedAt: Date): Promise<Blocker[]> {
  const { rows } = await sql<{ account: string; drift: bigint | null; at: Date | null }>`
    select c.account, r.drift, r.at from collect_cursor c left join lateral (
      select drift, at from reconciliation r
      where r.account = c.account and r.complete and r.at > ${haltedAt}
      order by r.reconciliation_id desc limit 1
    ) r on true
    where r.drift is distinct from 0
    order by c.account`.execute(trx);
  return rows.map(({ account, drift, at }) => {
    if (drift === null || at === null) {
      return {
        code: `not_reconciled ${account}`,
        message: `account ${account} has not been reconciled completely since the halt of ${haltedAt.toISOString()}: wait for the next complete cycle (payouts status shows it)`,
      };
    }
    return {
      code: `drift ${account} ${drift.toString()}`,
      message: `the statement of account ${account} differs from the books by ${formatWon(drift)} won (${at.toISOString()}): find the row that the statement or the books lack; a correction makes the books true (ledger correct)`,
    };
  });
}

async function inSuspense(trx: Transaction<Database>): Promise<Blocker[]> {
  const rows = await trx
    .selectFrom('withdrawal')
    .select(['row_id', 'account', 'amount', 'occurred_at', 'state'])
    .where('state', 'in', ['unexplained', 'unexpected'])
    .where('ledger_account', '=', 'suspense')
    .orderBy('row_id')
    .limit(ROWS_MAX)
    .execute();
  return rows.map(({ row_id, account, amount, occurred_at, state }) => {
    const id = row_id.toString();
    const took = `row ${id} took ${formatWon(amount)} won out of account ${account} (${occurred_at.toISOString()})`;
    const remedy = `ledger correct --row ${id} says whose it is`;
    return {
      code: `in_suspense row ${id}`,
      message:
        state === 'unexpected'
          ? `${took} under a reference of ours whose transfer cannot have it: money may have gone twice. Have it back from the payee, or charge it to somebody: ${remedy}`
          : `${took}, and nothing explains it: ${remedy}, a rule explains it (rules add --apply), or it paid a transfer (payouts explain)`,
    };
  });
}

async function executedUnseen(trx: Transaction<Database>): Promise<Blocker[]> {
  const { rows } = await sql<{ reference: string; transfer_id: bigint }>`
    select a.reference, a.transfer_id from transfer_attempt a
    where ${SAID_TO_HAVE_PAID} and not exists (select from withdrawal w where w.attempt_id = a.attempt_id)
    order by a.attempt_id limit ${ROWS_MAX}`.execute(trx);
  return rows.map(({ reference, transfer_id }) => ({
    code: `executed_unseen ${reference}`,
    message: `attempt ${reference} of transfer ${transfer_id.toString()} is said to have paid, though the transfer cannot have it, and no statement has shown it yet: wait for the row, or make sure with the bank that there is none`,
  }));
}

async function booksDiffer(trx: Transaction<Database>): Promise<Blocker[]> {
  const { rows } = await sql<{ scope: 'touched' | 'whole'; differences: number; at: Date }>`
    select last.scope, last.differences, last.at from unnest(array['touched', 'whole']) as kept(scope) cross join lateral (
      select scope, differences, at from books_comparison c
      where c.scope = kept.scope order by c.comparison_id desc limit 1
    ) last
    where last.differences > 0 order by last.scope`.execute(trx);
  return rows.map(({ scope, differences, at }) => ({
    code: `books_differ ${scope} ${differences}`,
    message: `orders, deposits or transfers differ from the ledger in ${differences} places (${at.toISOString()}): the alarm books_differ names them; when they are mended, the next ${scope === 'whole' ? 'daily check' : 'cycle'} finds none`,
  }));
}

async function ledgerBroken(trx: Transaction<Database>, haltedAt: Date): Promise<Blocker[]> {
  const broken = await trx
    .selectFrom('alarm')
    .select('alarm_id')
    .where('name', '=', 'ledger_broken')
    .where('raised_at', '>=', haltedAt)
    .orderBy('alarm_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (broken === undefined) return [];
  return [
    {
      code: `ledger_broken ${broken.alarm_id.toString()}`,
      message: `the ledger is not what it was (alarm ${broken.alarm_id.toString()}): ledger verify names the first broken entry; find out who changed it before anything is paid`,
    },
  ];
}
