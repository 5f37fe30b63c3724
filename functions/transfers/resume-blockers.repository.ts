import { sql, type Kysely, type Transaction } from 'kysely';
import { kstMidnight } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import { LEASE_MS } from './claim.step.ts';
import { dayBefore, readOpenRestore, type OpenRestore } from './restore.repository.ts';

/** What stands between a halt and payouts going on. */
export interface Blocker {
  /** For programs. */
  readonly code: 'statement_not_read' | 'row_unexplained' | 'not_reconciled';
  /** For people: what it is, with its value, and what to do. */
  readonly message: string;
}

/** The bank's longest processing time and posting lag together, ms, unless the deployment says otherwise. */
export const USUAL_ABSENCE_WAIT_MS = 15 * 60_000;

/** Rows that one message names. */
const NAMED_MAX = 10;

/** An account that was not read for so long, days, before the database was set back, is one that is not in use any more. */
const UNUSED_DAYS = 7;

/** The accounts that were read when the database was set back, and those that were begun and never read. */
export async function readAccountsInUse(
  db: Kysely<Database>,
  { knownUntil }: Pick<OpenRestore, 'knownUntil'>,
): Promise<string[]> {
  const { rows } = await sql<{ account: string }>`
    select c.account from collect_cursor c
    where coalesce((select max(r.began_at) from statement_read r where r.account = c.account), 'infinity')
      >= ${knownUntil}::timestamptz - make_interval(days => ${sql.lit(UNUSED_DAYS)})
    order by c.account`.execute(db);
  return rows.map((row) => row.account);
}

/**
 * What keeps payouts halted after a restore; nothing while no restore waits to be resumed. Payouts may go on when all that ever left the bank is known
 * or explained: every account was read from the day before the instant to which the database was set back, in one unbroken chain of balances, late
 * enough for the bank to show the last that anybody can have sent in the forgotten life; no row that went out is unexplained; and books and statement
 * agree.
 *
 * @param accounts the accounts that are read.
 * @param waitMs the bank's longest processing time and posting lag together.
 */
export async function readResumeBlockers(
  trx: Transaction<Database>,
  now: Date,
  accounts: readonly string[],
  waitMs: number = USUAL_ABSENCE_WAIT_MS,
): Promise<Blocker[]> {
  const restore = await readOpenRestore(trx);
  if (restore === undefined) return [];
  const readFrom = await quietSince(trx, restore, waitMs);
  const blockers: Blocker[] = [];
  if (accounts.length === 0)
    blockers.push({
      code: 'statement_not_read',
      message: 'no account was ever read; wait for a cycle, or look why none runs',
    });
  for (const account of accounts) {
    if (!(await isReadThrough(trx, account, restore, readFrom, now)))
      blockers.push({ code: 'statement_not_read', message: readMessage(account, restore, readFrom, now) });
    const reconciled = await readReconciled(trx, account, restore.noticedAt);
    if (reconciled !== undefined) blockers.push({ code: 'not_reconciled', message: reconciled });
  }
  const unexplained = await readUnexplainedRows(trx);
  if (unexplained.count > 0n)
    blockers.push({
      code: 'row_unexplained',
      message: `${unexplained.count.toString()} rows went out and nothing explains them (rows ${unexplained.first.join(', ')}${unexplained.count > NAMED_MAX ? ', …' : ''}); say of each what it paid: payouts unexplained lists them, payouts explain says it`,
    });
  return blockers;
}

/**
 * From when on a read shows all that was sent in the forgotten life. Its functions have claimed nothing after the halt was noticed here, or after the last
 * row that nobody here knows: a claim's lease, and the bank's times, later it is all on the statement.
 */
async function quietSince(
  trx: Transaction<Database>,
  { noticedAt, knownUntil }: OpenRestore,
  waitMs: number,
): Promise<Date> {
  const { last } = await trx
    .selectFrom('withdrawal as w')
    .leftJoin('transfer_attempt as a', 'a.attempt_id', 'w.attempt_id')
    .leftJoin('attempt_evidence as e', (join) =>
      join
        .onRef('e.attempt_id', '=', 'a.attempt_id')
        .on('e.source', '=', 'person')
        .on('e.verdict', '=', 'succeeded'),
    )
    .select((eb) => eb.fn.max('w.occurred_at').as('last'))
    .where('w.occurred_at', '>=', knownUntil)
    .where((eb) =>
      eb.or([
        eb('w.state', '=', 'unexplained'),
        eb.and([eb('w.state', '=', 'classified'), eb('w.ledger_account', '=', 'suspense')]),
        eb('e.evidence_id', 'is not', null),
      ]),
    )
    .executeTakeFirstOrThrow();
  const lastAt = (last as Date | null) ?? noticedAt;
  return new Date(Math.max(noticedAt.getTime(), lastAt.getTime()) + LEASE_MS + waitMs);
}

async function isReadThrough(
  trx: Transaction<Database>,
  account: string,
  { knownUntil }: OpenRestore,
  readFrom: Date,
  now: Date,
): Promise<boolean> {
  const { rows } = await sql<{ read: boolean }>`
    select exists (
      select from statement_read r join collect_cursor c on c.account = r.account
      where r.account = ${account}
        and r.covers_from <= greatest(${kstMidnight(dayBefore(knownUntil))}::timestamptz, c.begins_at)
        and r.covers_to >= ${readFrom}::timestamptz - interval '1 second'
        and r.began_at between ${readFrom} and ${now}
        and r.chain <> 'broken'
        and not exists (select from statement_row s where s.account = r.account and s.row_id > c.booked_through)
    ) as read`.execute(trx);
  return rows[0]?.read === true;
}

function readMessage(account: string, { knownUntil }: OpenRestore, readFrom: Date, now: Date): string {
  const range = `from ${dayBefore(knownUntil)} 00:00 (Korea) to ${readFrom.toISOString()}`;
  const todo =
    now < readFrom
      ? `wait until then and for the cycle after it`
      : `wait for the next cycle; where this stands for longer, look at the cycle's summary, and at the chain of statement_read`;
  return `account ${account} is not read completely ${range}, in one chain of balances, and booked; ${todo}`;
}

/** Why an account's books and statement are not known to agree since the halt. */
async function readReconciled(
  trx: Transaction<Database>,
  account: string,
  noticedAt: Date,
): Promise<string | undefined> {
  const last = await trx
    .selectFrom('reconciliation')
    .select(['at', 'drift', 'complete'])
    .where('account', '=', account)
    .orderBy('reconciliation_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last === undefined || last.at < noticedAt || !last.complete)
    return `account ${account} has no complete reconciliation since ${noticedAt.toISOString()}; wait for the next cycle`;
  if (last.drift !== 0n)
    return `account ${account}: the statement differs from the books by ${last.drift.toString()} won; find out which rows it is before anything is paid`;
  return undefined;
}

async function readUnexplainedRows(
  trx: Transaction<Database>,
): Promise<{ readonly count: bigint; readonly first: readonly string[] }> {
  const rows = await trx
    .selectFrom('withdrawal')
    .select((eb) => ['row_id', eb.fn.countAll<bigint>().over().as('count')])
    .where('state', '=', 'unexplained')
    .orderBy('row_id')
    .limit(NAMED_MAX)
    .execute();
  return { count: rows[0]?.count ?? 0n, first: rows.map((row) => row.row_id.toString()) };
}
