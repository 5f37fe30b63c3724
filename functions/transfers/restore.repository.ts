import { sql, type Kysely, type Transaction } from 'kysely';
import { addDays, kstDate } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import type { Acting } from '../people/person.ts';
import { databaseIdentity } from '../shared/database-identity.ts';
import type { DatabaseRestoreTable } from '../shared/operations.table.ts';
import { firstNumberAfterRestore } from './attempt-id.ts';
import { raiseAlarm, raiseStop } from './stops.repository.ts';

type NoticedBy = DatabaseRestoreTable['noticed_by'];

/**
 * Halts payouts when this database is another than it remembers to be: one that was restored or cloned. Its transfers may have been sent in the life
 * that it does not know. It then takes itself for the one that it is, under a new epoch of bank ids, and what was seen is kept. However many functions
 * notice at once, one of them does it.
 *
 * @param cluster how the deployment names the database's cluster, where it does.
 * @returns whether this call was the one.
 * @throws when the installation is unknown.
 */
export async function noticeRestore(
  db: Kysely<Database>,
  cluster: string | undefined,
  by: Exclude<NoticedBy, 'statement'>,
  now: Date,
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    const remembered = await lockInstallation(trx);
    const { rows } = await sql<{ actual: string }>`select ${databaseIdentity(cluster)} as actual`.execute(
      trx,
    );
    const actual = rows[0]?.actual ?? '';
    if (remembered.identity === actual) return false;
    await haltForRestore(trx, { by, identityBefore: remembered.identity, identitySeen: actual }, now);
    return true;
  });
}

/**
 * A row shows money leaving under a reference of ours that no attempt has. While a restore is waited for anyway, people will explain it before payouts
 * go on. Otherwise, where its epoch is this database's own or a later one, the database itself was set back, however equal its identity looks: copied
 * files, a disk put back. The stop's row is locked, so that a resume at this moment either sees the row or is seen.
 *
 * @param row what the reference says of its epoch, and when the money left.
 * @returns whether payouts stand still for a restore now; if not, the caller halts them for drift.
 */
export async function noticeUnknownReference(
  trx: Transaction<Database>,
  row: { readonly epoch: number; readonly occurredAt: Date },
  now: Date,
): Promise<boolean> {
  const { identity, idEpoch } = await lockInstallation(trx);
  const stop = await trx
    .selectFrom('payout_stop')
    .select('active')
    .where('name', '=', 'halt_restore')
    .forShare()
    .executeTakeFirstOrThrow();
  if (stop.active) return true;
  if (row.epoch < idEpoch) return false;
  await haltForRestore(trx, { by: 'statement', identityBefore: identity, identitySeen: identity, row }, now);
  return true;
}

async function lockInstallation(
  trx: Transaction<Database>,
): Promise<{ readonly identity: string; readonly idEpoch: number }> {
  const row = await trx
    .selectFrom('installation')
    .select(['database_identity', 'id_epoch'])
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new Error('the installation row is missing; run the migration function');
  return { identity: row.database_identity, idEpoch: row.id_epoch };
}

interface Seen {
  readonly by: NoticedBy;
  readonly identityBefore: string;
  readonly identitySeen: string;
  /** The row whose reference this database never gave out: it was set back to an instant before that. */
  readonly row?: { readonly epoch: number; readonly occurredAt: Date };
}

async function haltForRestore(trx: Transaction<Database>, seen: Seen, now: Date): Promise<void> {
  const knownUntil = seen.row?.occurredAt ?? (await readKnownUntil(trx)) ?? now;
  const { id_epoch: idEpoch } = await trx
    .updateTable('installation')
    .set({
      database_identity: seen.identitySeen,
      id_epoch: sql`greatest(id_epoch, ${seen.row?.epoch ?? 0}::integer) + 1`,
      bank_ids_from: sql`greatest(bank_ids_from, ${firstNumberAfterRestore(now)}::bigint)`,
    })
    .returning('id_epoch')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('database_restore')
    .values({
      noticed_at: now,
      noticed_by: seen.by,
      identity_before: seen.identityBefore,
      identity_seen: seen.identitySeen,
      id_epoch: idEpoch,
      known_until: knownUntil,
      resumed_at: null,
    })
    .execute();
  const reason =
    seen.by === 'statement'
      ? `money has left under a bank id that this database has not given out yet: it was set back`
      : `this database was restored or cloned: it remembers to be ${seen.identityBefore} and is ${seen.identitySeen}`;
  await raiseStop(trx, { name: 'halt_restore', reason, by: 'system', at: now });
  await raiseAlarm(trx, 'database_restored', { reason, knownUntil: knownUntil.toISOString(), idEpoch }, now);
}

/**
 * The last instant that the database knows of, by what only cycles and claims write, since both look at its identity first: people and shops
 * may have written to a copy before anybody noticed.
 */
async function readKnownUntil(trx: Transaction<Database>): Promise<Date | undefined> {
  const { rows } = await sql<{ known_until: Date | null }>`
    select coalesce(
      greatest(
        (select max(began_at) from statement_read),
        (select max(sent_at) from transfer_attempt),
        (select max(ended_at) from cycle)
      ),
      (select installed_at from installation)
    ) as known_until`.execute(trx);
  return rows[0]?.known_until ?? undefined;
}

/** The KST date before the one of an instant: from there on the statement is read again after a restore. */
export function dayBefore(instant: Date): string {
  return addDays(kstDate(instant), -1);
}

/** What payouts wait for after one restore, or several that nobody has resumed in between. */
export interface OpenRestore {
  readonly restoreIds: readonly bigint[];
  /** When the last of them was noticed: from then on this database has claimed nothing. */
  readonly noticedAt: Date;
  /** The earliest instant to which one of them may have set the database back. */
  readonly knownUntil: Date;
}

/** Locks the restore's halt, so that no row is booked under it while somebody weighs whether it may end. */
export async function lockRestoreHalt(trx: Transaction<Database>): Promise<void> {
  await trx
    .selectFrom('payout_stop')
    .select('name')
    .where('name', '=', 'halt_restore')
    .forUpdate()
    .executeTakeFirstOrThrow();
}

/** Ends the restore's halt, on a person's word alone. */
export async function endRestoreHalt(trx: Transaction<Database>, { by, reason, at }: Acting): Promise<void> {
  await trx
    .updateTable('payout_stop')
    .set({ active: false, reason, changed_by: by, changed_at: at })
    .where('name', '=', 'halt_restore')
    .execute();
  await trx.updateTable('database_restore').set({ resumed_at: at }).where('resumed_at', 'is', null).execute();
}

export async function readOpenRestore(db: Kysely<Database>): Promise<OpenRestore | undefined> {
  const rows = await db
    .selectFrom('database_restore')
    .select(['restore_id', 'noticed_at', 'known_until'])
    .where('resumed_at', 'is', null)
    .orderBy('restore_id')
    .execute();
  if (rows.length === 0) return undefined;
  return {
    restoreIds: rows.map((row) => row.restore_id),
    noticedAt: new Date(Math.max(...rows.map((row) => row.noticed_at.getTime()))),
    knownUntil: new Date(Math.min(...rows.map((row) => row.known_until.getTime()))),
  };
}
