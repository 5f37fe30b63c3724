import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { openDatabaseAs } from '../../functions/shared/postgres.ts';
import type { TestDatabase } from './database.ts';

/** How many race for one thing. The tests' cluster has room for twice as many connections. */
export const RACERS = 100;

/**
 * Lets a hundred do the same at the same time, each over a connection of its own that stands before the race begins.
 *
 * @returns what came of each, in their order: what it answered, or what it threw.
 */
export async function race<Result>(
  test: TestDatabase,
  run: (db: Kysely<Database>, n: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const connections = Array.from({ length: RACERS }, () =>
    openDatabaseAs<Database>(test.address, test.application, 1),
  );
  try {
    await Promise.all(connections.map(async (db) => await sql`select 1`.execute(db)));
    return await Promise.allSettled(connections.map(async (db, n) => await run(db, n)));
  } finally {
    await Promise.all(connections.map(async (db) => await db.destroy()));
  }
}

/** How often each came of a race: the name of an answer, or what was thrown. */
export function tally<Result>(
  outcomes: readonly PromiseSettledResult<Result>[],
  nameOf: (result: Result) => string,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) {
    const name = outcome.status === 'fulfilled' ? nameOf(outcome.value) : refusalOf(outcome.reason);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The constraint that refused, where one did; else the error's words. */
function refusalOf(error: unknown): string {
  const { constraint } = error as { constraint?: string };
  return constraint ?? String(error);
}
