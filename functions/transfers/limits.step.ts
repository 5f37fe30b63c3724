import { sql } from 'kysely';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import type { Won } from '../shared/money.ts';

/** What may go out without a second person, for all sellers together; undefined is no limit. */
export interface PayoutLimits {
  /** One transfer, won. */
  readonly transfer: Won | undefined;
  /** All transfers that are let go on a day in Korea, won. */
  readonly day: Won | undefined;
}

/**
 * Keeps the limits in the database at this cycle's settings. They stand there because others plan payouts, too: a person who assigns a deposit from a
 * terminal has none of the matcher's settings, and must not be a way around them.
 */
export async function keepLimits({ db, now, token, settings, log }: CycleContext): Promise<void> {
  const { transfer = null, day = null } = settings.limits;
  const changed = await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    const kept = await trx
      .updateTable('payout_limit')
      .set({ transfer_limit_won: transfer, daily_limit_won: day, changed_at: now })
      .where(
        sql<boolean>`(transfer_limit_won, daily_limit_won) is distinct from (${transfer}::bigint, ${day}::bigint)`,
      )
      .executeTakeFirst();
    return kept.numUpdatedRows > 0n;
  });
  if (changed)
    log.warn('the limits of all sellers together have changed', {
      transfer: transfer?.toString() ?? 'none',
      day: day?.toString() ?? 'none',
    });
}
