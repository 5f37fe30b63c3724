import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';

/** The cycle's lease was taken over: whoever still works under the old token must not write any more. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
  constructor(token: bigint) {
    super(
      `the cycle's lease has gone to a later cycle (this one held token ${token.toString()}); this one writes nothing more`,
    );
  }
}

/**
 * Takes the cycle's lease for `forMs`, unless somebody holds it.
 *
 * @returns the fencing token, or nothing when another cycle runs.
 */
export async function takeLease(
  db: Kysely<Database>,
  holder: string,
  now: Date,
  forMs: number,
): Promise<bigint | undefined> {
  const taken = await db
    .updateTable('lease')
    .set((eb) => ({ token: eb('token', '+', 1n), holder, ends_at: new Date(now.getTime() + forMs) }))
    .where('name', '=', 'cycle')
    .where('ends_at', '<=', now)
    .returning('token')
    .executeTakeFirst();
  return taken?.token;
}

/** Gives the lease back, if it is still this holder's. */
export async function returnLease(db: Kysely<Database>, token: bigint): Promise<void> {
  await db
    .updateTable('lease')
    .set({ ends_at: sql<Date>`'-infinity'::timestamptz` })
    .where('name', '=', 'cycle')
    .where('token', '=', token)
    .execute();
}

/**
 * Makes sure, inside a transaction that writes on the cycle's behalf, that the lease is still held, and keeps it from being taken until the
 * transaction ends.
 *
 * @throws LeaseLost
 */
export async function fence(trx: Transaction<Database>, token: bigint): Promise<void> {
  const held = await trx
    .selectFrom('lease')
    .select('token')
    .where('name', '=', 'cycle')
    .where('token', '=', token)
    .forShare()
    .executeTakeFirst();
  if (held === undefined) throw new LeaseLost(token);
}
