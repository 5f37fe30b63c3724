import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { recordDeed, type Deed } from './audit.repository.ts';
import type { Acting } from './person.ts';

/** What a person asked for is not done, and nothing has changed. */
export interface Refused {
  readonly outcome: 'refused';
  /** For programs: `already_used`, `not_found`, …. */
  readonly code: string;
  /** For people: what stands in the way, with its value, and what to do. */
  readonly message: string;
}

/** What was done, and the trace that it leaves. */
export interface Done<Result> {
  readonly outcome: 'done';
  readonly result: Result;
  readonly deed: Deed;
}

export function refuse(code: string, message: string): Refused {
  return { outcome: 'refused', code, message };
}

/** Carries a refusal out of a transaction, which is rolled back on its way. */
class Refusal extends Error {
  readonly refused: Refused;
  constructor(refused: Refused) {
    super(refused.message);
    this.refused = refused;
  }
}

/**
 * Does what a person asks, with its postings and its trace, in one transaction. Refused means that all of it is rolled back: the state is as it was.
 *
 * @throws when the infrastructure is broken, or for a mistake in this program; nothing is kept then, either.
 */
export async function act<Result>(
  db: Kysely<Database>,
  acting: Acting,
  work: (trx: Transaction<Database>) => Promise<Done<Result> | Refused>,
): Promise<{ readonly outcome: 'done'; readonly result: Result } | Refused> {
  try {
    return await db.transaction().execute(async (trx) => {
      const done = await work(trx);
      if (done.outcome === 'refused') throw new Refusal(done);
      await recordDeed(trx, acting, done.deed);
      return { outcome: 'done', result: done.result };
    });
  } catch (error) {
    if (error instanceof Refusal) return error.refused;
    throw error;
  }
}
