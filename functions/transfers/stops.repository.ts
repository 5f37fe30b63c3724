import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { databaseIdentity } from '../shared/database-identity.ts';
import { jsonOf } from '../shared/json.ts';
import type { PayoutStopTable, StopName } from './transfer.table.ts';

/**
 * Reads, inside the claiming transaction, what stops payouts, and share-locks those rows until it commits. Raising a stop updates its
 * row and so waits for claims under way: no claim begins after a stop has committed. A plain read would let one through. The same statement says
 * whether the database is the one that it remembers to be: a copy must claim nothing before anybody has looked.
 */
export async function activeStopsLocked(
  trx: Transaction<Database>,
  cluster: string | undefined,
): Promise<{ readonly stops: StopName[]; readonly isWhereItWas: boolean }> {
  const rows = await trx
    .selectFrom('payout_stop')
    .select(['name', 'active', remembersItself(cluster).as('is_where_it_was')])
    .forShare('payout_stop')
    .execute();
  return {
    stops: rows.filter((row) => row.active).map((row) => row.name),
    isWhereItWas: rows.length > 0 && rows.every((row) => row.is_where_it_was),
  };
}

/** Whether this database is the one that it remembers to be, for a step that looks before it does anything. */
export async function isWhereItWas(db: Kysely<Database>, cluster: string | undefined): Promise<boolean> {
  const { rows } = await sql<{ same: boolean }>`select ${remembersItself(cluster)} as same`.execute(db);
  return rows[0]?.same === true;
}

/** False, too, when nothing is remembered. */
function remembersItself(cluster: string | undefined) {
  return sql<boolean>`((select database_identity from installation) is not distinct from ${databaseIdentity(cluster)})`;
}

/** What stops payouts right now, for steps that only want to save themselves work. */
export async function activeStops(db: Kysely<Database>): Promise<StopName[]> {
  const rows = await db.selectFrom('payout_stop').select('name').where('active', '=', true).execute();
  return rows.map((row) => row.name);
}

export type Stop = Selectable<PayoutStopTable>;

/** Locks all stops for a person who changes one; claims under way end first. */
export async function lockStops(trx: Transaction<Database>): Promise<Stop[]> {
  return await trx.selectFrom('payout_stop').selectAll().orderBy('name').forUpdate().execute();
}

/** Pauses that the bank's answers cause. One means that nobody is paid for a while, so that a person is told. */
const BANK_PAUSES: readonly StopName[] = ['pause_funds', 'pause_limit', 'pause_maintenance'];

/**
 * Raises a stop. One that stands keeps its first reason, and its one alarm. Its row is locked also then: whoever ends it at this moment has either ended it,
 * and it is raised anew, or waits, and sees what this transaction has found. An update alone would pass over a row that stands.
 */
export async function raiseStop(
  trx: Transaction<Database>,
  stop: { name: StopName; reason: string; by: string; at: Date; retryAt?: Date },
): Promise<boolean> {
  await trx.selectFrom('payout_stop').select('active').where('name', '=', stop.name).forUpdate().execute();
  const raised = await trx
    .updateTable('payout_stop')
    .set({
      active: true,
      reason: stop.reason,
      changed_by: stop.by,
      changed_at: stop.at,
      retry_at: stop.retryAt ?? null,
    })
    .where('name', '=', stop.name)
    .where('active', '=', false)
    .executeTakeFirst();
  if (raised.numUpdatedRows === 0n) return false;
  const { name, reason, retryAt } = stop;
  if (BANK_PAUSES.includes(name))
    await raiseAlarm(trx, 'payouts_paused', { pause: name, reason, retryAt }, stop.at);
  return true;
}

/** Ends a pause of the system's own; a halt is ended by a person only, elsewhere. */
export async function endPause(
  trx: Transaction<Database>,
  name: 'pause_funds' | 'pause_limit' | 'pause_maintenance' | 'pause_reconciliation',
  at: Date,
  reason: string,
): Promise<boolean> {
  const ended = await trx
    .updateTable('payout_stop')
    .set({ active: false, reason, changed_by: 'system', changed_at: at, retry_at: null })
    .where('name', '=', name)
    .where('active', '=', true)
    .executeTakeFirst();
  return ended.numUpdatedRows === 1n;
}

/** Ends a halt, which only people do. The caller holds its lock. */
export async function endHalt(
  trx: Transaction<Database>,
  name: StopName,
  ended: { readonly by: string; readonly reason: string; readonly at: Date },
): Promise<void> {
  await trx
    .updateTable('payout_stop')
    .set({
      active: false,
      reason: ended.reason,
      changed_by: ended.by,
      changed_at: ended.at,
      retry_at: null,
    })
    .where('name', '=', name)
    .execute();
}

/** Halts payouts because the money does not add up, and leaves an alarm that says why. Only a person ends it. */
export async function haltOnDrift(
  trx: Transaction<Database>,
  alarm: string,
  reason: string,
  detail: object,
  at: Date,
): Promise<void> {
  await raiseStop(trx, { name: 'halt_drift', reason, by: 'system', at });
  await raiseAlarm(trx, alarm, { reason, ...detail }, at);
}

/**
 * Halts payouts for something that is looked at again and again, and leaves an alarm when the halt is new or when the last alarm of that name said
 * something else: what stands raises no second alarm.
 */
export async function haltAndSayOnce(
  trx: Transaction<Database>,
  alarm: string,
  reason: string,
  detail: object,
  at: Date,
): Promise<void> {
  const raised = await raiseStop(trx, { name: 'halt_drift', reason, by: 'system', at });
  const json = jsonOf({ reason, ...detail });
  const said = await trx
    .selectFrom('alarm')
    .select(sql<boolean>`detail = ${json}::jsonb`.as('same'))
    .where('name', '=', alarm)
    .orderBy('alarm_id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (raised || said?.same !== true) await raiseAlarm(trx, alarm, { reason, ...detail }, at);
}

export async function raiseAlarm(
  trx: Transaction<Database>,
  name: string,
  detail: object,
  at: Date,
): Promise<void> {
  await trx
    .insertInto('alarm')
    .values({ name, detail: sql`${jsonOf(detail)}::jsonb`, raised_at: at })
    .execute();
}
