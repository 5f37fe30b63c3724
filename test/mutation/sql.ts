import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import Mocha from 'mocha';
import { dropDatabasesOnClose, stopCluster } from '../support/database.ts';
import { loadWithout } from '../proofs/without.ts';
import { sqlMutantsOf, type SqlMutant } from './sql-mutants.ts';

/*
 * Spoils the SQL of the files that move money, one condition at a time, and runs the tests that speak of it: each such mutant must fail one. What the
 * general tool does with a query builder's texts breaks the statement, and a broken statement is found by any test; the wrong answer of a sound one
 * is not. All mutants share this process and its one PostgreSQL; each has a copy of the system and of the tests of its own.
 *
 * `npm run mutation:sql [-- PART_OF_A_FILE_NAME[:FROM_LINE]…]`. What survives is in coverage/mutation-sql.json, and explained in docs/mutation.md.
 */

/** Files with SQL that moves money, and the tests that must notice, the likeliest first. */
const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  'cycle/lease.ts': ['cycle/lease'],
  'transfers/claim.repository.ts': ['transfers/claim'],
  'transfers/dispatch.repository.ts': ['transfers/dispatch'],
  'transfers/outcome.repository.ts': [
    'transfers/bystanders',
    'transfers/outcome.repository',
    'transfers/settle',
    'transfers/resolve',
    'deposits/reverse',
  ],
  'transfers/resolve.repository.ts': ['transfers/resolve'],
  'transfers/stops.repository.ts': [
    'transfers/bystanders',
    'transfers/claim',
    'transfers/release',
    'transfers/settle',
  ],
  'transfers/plan.repository.ts': ['transfers/plan.repository', 'deposits/reverse', 'transfers/release'],
  'transfers/release.repository.ts': ['transfers/release'],
  'orders/order.repository.ts': ['orders/order.repository'],
  'orders/expire.repository.ts': ['orders/expire'],
  'deposits/match.repository.ts': ['deposits/book', 'deposits/match-races', 'deposits/reconsider'],
  'deposits/book.repository.ts': ['deposits/book', 'deposits/own-transfers', 'deposits/reverse'],
  'deposits/book-own-transfers.step.ts': ['deposits/own-transfers'],
  'deposits/reverse.step.ts': ['reviews/bystanders', 'deposits/reverse', 'reviews/refund', 'reviews/review'],
  'deposits/unpay-orders.step.ts': ['reviews/bystanders', 'deposits/reverse', 'reviews/review'],
  'deposits/allocation.repository.ts': [
    'reviews/bystanders',
    'reviews/review',
    'deposits/reverse',
    'reviews/review-races',
  ],
  'deposits/refunded-deposit.repository.ts': ['reviews/bystanders', 'transfers/bystanders', 'reviews/refund'],
  'reviews/deposit.repository.ts': ['reviews/bystanders', 'reviews/review', 'reviews/review-races'],
  'reviews/decision.repository.ts': ['reviews/bystanders', 'reviews/review', 'reviews/refund'],
  'reviews/undo.step.ts': ['reviews/bystanders', 'reviews/review', 'reviews/refund', 'reviews/review-races'],
  'deposits/statement.repository.ts': ['deposits/collect'],
};

/** Nobody reads how a mutant's tests went. */
const silent = function () {} as unknown as Mocha.ReporterConstructor;

interface Judged {
  readonly mutant: SqlMutant;
  readonly survived: boolean;
}

/** Races of a hundred take long, and most mutants fail long before. */
const RACES = / 100 |at once/;

/** Runs test files of a copy of the system, to the first failure; races only, or all but races. Answers whether all passed. */
async function passes(
  tests: readonly string[],
  mutant: SqlMutant | undefined,
  races: boolean,
): Promise<boolean> {
  for (const test of tests) {
    const path = `test/functions/${test}.test.ts`;
    const mocha = new Mocha({ bail: true, timeout: 20_000, reporter: silent, grep: RACES, invert: !races });
    mocha.suite.emit('pre-require', globalThis as never, path, mocha);
    try {
      await loadWithout(path, mutant === undefined ? [] : [mutant]);
    } catch (error) {
      if (mutant !== undefined && error instanceof SyntaxError) return false;
      throw error;
    }
    const failures = await new Promise<number>((resolve) => mocha.run(resolve));
    if (failures > 0) return false;
  }
  return true;
}

async function assertSound(file: string, tests: readonly string[]): Promise<void> {
  if (!(await passes(tests, undefined, false)))
    throw new Error(`the tests of ${file} fail without any mutant`);
}

const wanted = process.argv.slice(2).map((argument) => {
  const [part = '', line = '1'] = argument.split(':');
  return { part, from: Number(line) };
});
const judged: Judged[] = [];
// A mutant may leave work behind whose failure nobody waits for.
process.on('unhandledRejection', () => undefined);
process.setMaxListeners(0);
dropDatabasesOnClose();
const began = performance.now();
try {
  for (const [name, tests] of Object.entries(SUBJECTS)) {
    const asked = wanted.find(({ part }) => name.includes(part));
    if (wanted.length > 0 && asked === undefined) continue;
    const file = `functions/${name}`;
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    await assertSound(file, tests);
    let killed = 0;
    const mutants = sqlMutantsOf(file, source).filter(({ line }) => line >= (asked?.from ?? 1));
    for (const mutant of mutants) {
      const survived = (await passes(tests, mutant, false)) && (await passes(tests, mutant, true));
      judged.push({ mutant, survived });
      if (survived) console.log(`survived  ${file}:${mutant.line}  ${mutant.change}`);
      else killed += 1;
    }
    // A test that somebody has broken meanwhile finds every mutant.
    await assertSound(file, tests);
    console.log(`${file}: ${killed} of ${mutants.length} killed`);
  }
} finally {
  await stopCluster();
}
const survivors = judged.filter((one) => one.survived).map(({ mutant }) => mutant);
const score = ((judged.length - survivors.length) / judged.length) * 100;
const minutes = (performance.now() - began) / 60_000;
console.log(
  `${judged.length - survivors.length} of ${judged.length} killed, ${score.toFixed(1)} %, in ${minutes.toFixed(1)} minutes`,
);
mkdirSync(new URL('../../coverage/', import.meta.url), { recursive: true });
writeFileSync(
  new URL('../../coverage/mutation-sql.json', import.meta.url),
  JSON.stringify(
    { score, survivors: survivors.map(({ file, line, change }) => ({ file, line, change })) },
    null,
    2,
  ),
);
process.exit(0);
