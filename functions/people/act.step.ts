import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { readDeedOf, recordDeed, REQUEST_ONCE, type Deed } from './audit.repository.ts';
import type { Acting, PersonId, ShopActor } from './person.ts';
import { refuse, type Refused } from './refusal.ts';

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

/** What was asked is done already, by an earlier sending of the same request: nothing is done again. */
export interface DoneAlready extends Refused {
  readonly deed: Deed & { readonly at: Date };
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
 * the database makes it give way to somebody else, it is done again from its beginning. A request with a key is done once: sent again, it is refused as
 * `done_already`, with what it did; the same key with another request is refused as `key_used_otherwise`.
 *
 * @throws when the infrastructure is broken, or for a mistake in this program; nothing is kept then, either.
 */
export async function act<Result>(
  db: Kysely<Database>,
  acting: Acting<PersonId | ShopActor>,
  work: (trx: Transaction<Database>) => Promise<Done<Result> | Unchanged<Result> | Refused>,
): Promise<{ readonly outcome: 'done'; readonly result: Result } | Refused> {
  const before = await whatItDid(db, acting);
  if (before !== undefined) return before;
  for (let tried = 1; ; tried += 1) {
    try {
      const outcome = await actOnce(db, acting, work);
      // The state that refuses it may be what a twin of this request has brought about in this moment.
      return outcome.outcome === 'refused' ? ((await whatItDid(db, acting)) ?? outcome) : outcome;
    } catch (error) {
      const { code, constraint } = error as { code?: unknown; constraint?: unknown };
      const twin = constraint === REQUEST_ONCE ? await whatItDid(db, acting) : undefined;
      if (twin !== undefined) return twin;
      if (tried >= TRIES_MAX || !GIVES_WAY.includes(code)) throw error;
    }
  }
}

/** Why a request is not done again: it was done, or its key was used for another. */
async function whatItDid(
  db: Kysely<Database>,
  { by, request }: Acting<PersonId | ShopActor>,
): Promise<Refused | DoneAlready | undefined> {
  if (request === undefined) return undefined;
  const known = await readDeedOf(db, by, request.key);
  if (known === undefined) return undefined;
  const { fingerprint, ...deed } = known;
  const name = `${deed.action}, ${deed.subject}, at ${deed.at.toISOString()}`;
  if (fingerprint !== request.fingerprint)
    return refuse(
      'key_used_otherwise',
      `key ${request.key} was used for something else (${name}): leave the key out, and a new one is made`,
    );
  return { ...refuse('done_already', `this was done already (${name}), and is not done again`), deed };
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
