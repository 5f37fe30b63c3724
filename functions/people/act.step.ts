import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { recordDeed, type Deed } from './audit.repository.ts';
import type { Acting, PersonId, ShopActor } from './person.ts';
import type { Refused } from './refusal.ts';

export { refuse, type Refused } from './refusal.ts';

/** What was done, and the trace that it leaves. */
export interface Done<Result> {
  readonly outcome: 'done';
  readonly result: Result;
  readonly deed: Deed;
}

/** What was asked for is so already: nothing was changed, and nothing is to be traced. */
export interface Unchanged<Result> {
  readonly outcome: 'unchanged';
  readonly result: Result;
}

/** Carries a refusal out of a transaction, which is rolled back on its way. */
class Refusal extends Error {
  readonly refused: Refused;
  constructor(refused: Refused) {
    super(refused.message);
    this.refused = refused;
  }
}

/** How often what a person asks is tried, when it meets others who lock the same rows in another order. */
const TRIES_MAX = 5;

/** SQLSTATEs that say that PostgreSQL has chosen this transaction to give way, and has rolled it back: a deadlock, a conflict. */
const GIVES_WAY: readonly unknown[] = ['40P01', '40001'];

/**
 * Does what a person asks, with its postings and its trace, in one transaction. Refused means that all of it is rolled back: the state is as it was. Where
 * the database makes it give way to somebody else, it is done again from its beginning.
 *
 * @throws when the infrastructure is broken, or for a mistake in this program; nothing is kept then, either.
 */
export async function act<Result>(
  db: Kysely<Database>,
  acting: Acting<PersonId | ShopActor>,
  work: (trx: Transaction<Database>) => Promise<Done<Result> | Unchanged<Result> | Refused>,
): Promise<{ readonly outcome: 'done'; readonly result: Result } | Refused> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await actOnce(db, acting, work);
    } catch (error) {
      if (tried >= TRIES_MAX || !GIVES_WAY.includes((error as { code?: unknown }).code)) throw error;
    }
  }
}

async function actOnce<Result>(
  db: Kysely<Database>,
  acting: Acting<PersonId | ShopActor>,
  work: (trx: Transaction<Database>) => Promise<Done<Result> | Unchanged<Result> | Refused>,
): Promise<{ readonly outcome: 'done'; readonly result: Result } | Refused> {
  try {
    return await db.transaction().execute(async (trx) => {
      const done = await work(trx);
      if (done.outcome === 'refused') throw new Refusal(done);
      if (done.outcome === 'done') await recordDeed(trx, acting, done.deed);
      return { outcome: 'done', result: done.result };
    });
  } catch (error) {
    if (error instanceof Refusal) return error.refused;
    throw error;
  }
}
