import type { Context } from 'aws-lambda';
import type { Kysely } from 'kysely';
import type { Bank } from '../bank/bank.ts';
import type { Database } from '../database.ts';
import type { EventBus } from '../events/event-bus.client.ts';
import { publishAfterwards } from '../events/publish-afterwards.step.ts';
import type { Clock } from '../shared/clock.ts';
import type { Vault } from '../shared/encryption.ts';
import type { FunctionLog } from '../shared/function-log.ts';
import type { MetricsLog } from '../shared/metrics.ts';
import type { TransferQueue } from '../transfers/transfer-queue.client.ts';
import type { CycleSettings } from './cycle-context.ts';
import { cycleMetrics } from './cycle-metrics.ts';
import { runCycle, type CycleSummary } from './cycle.ts';
import { LeaseLost, returnLease, takeLease } from './lease.ts';

/** A cycle's lease outlives its function by this, ms. */
const LEASE_MARGIN_MS = 5_000;

/** What the matcher works with. `match.handler.ts` makes it of the function's environment, the simulator of a seed. */
export interface MatcherParts {
  readonly db: Kysely<Database>;
  readonly bank: Bank;
  readonly queue: TransferQueue;
  /** Where events are published at the end of a cycle; nowhere without it. */
  readonly bus?: EventBus | undefined;
  readonly clock: Clock;
  readonly log: FunctionLog;
  readonly writeMetrics: MetricsLog;
  /** Read at each invocation, so that a rotated key works without a restart. */
  readonly readVault: () => Promise<Vault>;
  readonly readOrganisationCode: () => Promise<string>;
  readonly settings: Omit<CycleSettings, 'organisationCode'>;
  /** No page and no call begins with less left: a bank call to its limit, and the time to record what was begun, ms. */
  readonly reserveMs: number;
}

/** The schedule's event: it says nothing. */
export type MatchEvent = Readonly<Record<string, never>>;

export type MatchResult = CycleSummary | { readonly ended: 'overlap' | 'taken_over' };

export type InvocationContext = Pick<Context, 'awsRequestId' | 'getRemainingTimeInMillis'>;

/**
 * Makes the function that runs one cycle. Cycles are one at a time: an invocation that overlaps another ends at once and says so.
 *
 * Returning means that the cycle has run, with what failed in its summary. Throwing means that it could not even begin: no database, no secret.
 */
export function createMatcher(
  parts: MatcherParts,
): (event: MatchEvent, lambda: InvocationContext) => Promise<MatchResult> {
  const { db, bank, queue, clock, log, reserveMs } = parts;
  return async (_event, lambda) => {
    const organisationCode = await parts.readOrganisationCode();
    const vault = await parts.readVault();
    const now = clock.now();
    const remainingMs = lambda.getRemainingTimeInMillis();
    const workMs = Math.max(remainingMs - reserveMs, 0);
    const token = await takeLease(db, lambda.awsRequestId, now, remainingMs + LEASE_MARGIN_MS).catch(
      lockHeld,
    );
    if (token === undefined) {
      log.info('another cycle is running; this one ends at once');
      return { ended: 'overlap' };
    }
    log.appendKeys({ cycle: token.toString() });
    try {
      await db
        .insertInto('cycle')
        .values({ token, began_at: now, ended_at: null, ended_as: null, summary: null })
        .execute();
      const summary = await runCycle({
        db,
        bank,
        queue,
        vault,
        now,
        token,
        log,
        hasTime: (leave = 0) => lambda.getRemainingTimeInMillis() > reserveMs + leave * workMs,
        settings: { ...parts.settings, organisationCode },
      });
      await db
        .updateTable('cycle')
        .set({ ended_at: clock.now(), ended_as: summary.ended, summary: JSON.stringify(summary) })
        .where('token', '=', token)
        .execute();
      log.info('cycle ended', { summary });
      parts.writeMetrics(cycleMetrics(summary));
      await publishAfterwards(db, parts.bus, () => lambda.getRemainingTimeInMillis() > reserveMs, log);
      return summary;
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
      log.warn(error.message);
      return { ended: 'taken_over' };
    } finally {
      await returnLease(db, token);
    }
  };
}

/** A lease whose row is locked for longer than a statement may wait (SQLSTATE 55P03) is a cycle at work. */
function lockHeld(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== '55P03') throw error;
}
