import type { StatementRow } from '../bank/bank.ts';
import { wholeSecond } from '../bank/kst.ts';
import { bookPage } from '../deposits/book.step.ts';
import { splitByDate, type Range } from '../deposits/read-plan.ts';
import { identifyRows } from '../deposits/row-identity.ts';
import { insertFreshRows, readKnownRows } from '../deposits/statement.repository.ts';
import type { DryRunCheck } from '../shared/dry-run.ts';
import { accountsOf, type CycleContext } from './cycle-context.ts';
import { takeLease } from './lease.ts';

/** So much of each statement is read, up to now, ms. */
const READ_MS = 10 * 60_000;

/** A rehearsal holds what it locks for less than others wait for it. */
const TIME_LIMITS_MS = { lock_timeout: 3_000, statement_timeout: 8_000 } as const;

/** The rehearsal's transaction ends by this, so that nothing of it stays. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
}

export type DryCycleParts = Pick<CycleContext, 'db' | 'bank' | 'vault' | 'settings' | 'log'> & {
  readonly now: () => Date;
};

/**
 * A cycle that leaves no trace: reads each account's last minutes at the bank, then stores, classifies, matches, posts and plans a page by the code and the
 * statements of a real one, in a transaction that is rolled back. The bank is read before the transaction begins, as always.
 */
export function dryCycleChecks(open: () => Promise<DryCycleParts>): DryRunCheck[] {
  const read = new Map<string, { range: Range; rows: readonly StatementRow[] }>();
  return [
    [
      'the bank',
      async () => {
        read.clear();
        const parts = await open();
        for (const account of accountsOf(parts.settings)) {
          const range = lastMinutes(parts.now());
          const page = await parts.bank.listTransactions({ account, ...range });
          if (page.outcome === 'page') read.set(account, { range, rows: page.rows });
          else if (page.cause === 'maintenance') return 'closed for maintenance';
          else throw new Error(`it did not show its statement: ${page.cause} (${page.detail})`);
        }
        return undefined;
      },
    ],
    [
      'a cycle that was rolled back',
      async () => {
        const parts = await open();
        let booked = 0;
        for (const account of accountsOf(parts.settings)) {
          const rows = await rehearse(parts, account, read.get(account));
          if (rows === 'overlap') return 'not run: another cycle is at work';
          booked += rows;
        }
        return `${booked} rows booked`;
      },
    ],
  ];
}

async function rehearse(
  parts: DryCycleParts,
  account: string,
  read: { range: Range; rows: readonly StatementRow[] } | undefined,
): Promise<number | 'overlap'> {
  const now = parts.now();
  let booked: number | 'overlap' = 0;
  try {
    await parts.db.transaction().execute(async (trx) => {
      for (const [name, ms] of Object.entries(TIME_LIMITS_MS))
        await trx
          .selectNoFrom((eb) => [
            eb.fn('set_config', [eb.val(name), eb.val(ms.toString()), eb.val(true)]).as('set'),
          ])
          .execute();
      const token = await takeLease(trx, 'dry run', now, READ_MS);
      if (token === undefined) {
        booked = 'overlap';
      } else {
        if (read !== undefined) {
          const known = await readKnownRows(trx, account, read.range);
          const { fresh } = identifyRows(read.rows, known.rows, known.balancesBefore);
          await insertFreshRows(trx, account, fresh, now);
        }
        const { settings } = parts;
        const page = await bookPage(trx, { settings, now, token }, account, settings.pageSize, false);
        booked = page.rows;
      }
      throw new RolledBack();
    });
  } catch (error) {
    // A cycle that begins or ends at this moment holds the lease's row: it runs by the old version, and is no fault of this one.
    if ((error as { code?: unknown }).code === '55P03') return 'overlap';
    if (!(error instanceof RolledBack)) throw error;
  }
  return booked;
}

function lastMinutes(now: Date): Range {
  const to = wholeSecond(now);
  const whole = { from: new Date(to.getTime() - READ_MS), to };
  // A question to the bank stays within one date.
  return splitByDate(whole).at(-1) ?? whole;
}
