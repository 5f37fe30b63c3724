import { collect, rereadEarlier, type CollectOutcome } from '../deposits/collect.step.ts';
import { book, type Booked } from '../deposits/book.step.ts';
import { reconsiderReviews } from '../deposits/reconsider.step.ts';
import { askForSenders } from '../deposits/senders.step.ts';
import type { ReviewReason } from '../deposits/match.ts';
import { compareTouched, type Comparison } from '../ledger/compare.step.ts';
import { reconcile, watchReconciliation, type AccountReconciliation } from '../ledger/reconcile.step.ts';
import { seal } from '../ledger/seal.step.ts';
import { expire } from '../orders/expire.step.ts';
import { dispatch } from '../transfers/dispatch.step.ts';
import { release } from '../transfers/release.step.ts';
import { proofNeededSince, resolveUnknown } from '../transfers/resolve.step.ts';
import { keepLimits } from '../transfers/limits.step.ts';
import { noticeRestore } from '../transfers/restore.repository.ts';
import { activeStops, isWhereItWas, raiseStop } from '../transfers/stops.repository.ts';
import { accountsOf, type CycleContext } from './cycle-context.ts';
import { fence, LeaseLost } from './lease.ts';
import { readVitals, type Vitals } from './vitals.repository.ts';

/** A part that failed. The others went on. */
export interface StepFailure {
  readonly step: string;
  readonly error: string;
}

/** What one cycle did: the line that a person reads, and the metrics. Amounts are won, as text. */
export interface CycleSummary {
  readonly began_at: string;
  readonly ended: 'complete' | 'out_of_time' | 'failed_in_part';
  readonly rows_collected: number;
  readonly deposits: number;
  readonly matched: number;
  readonly in_review: number;
  readonly by_reason: Partial<Record<ReviewReason, number>>;
  readonly returned: number;
  readonly reversed: number;
  readonly expired: number;
  readonly planned: number;
  readonly held: number;
  readonly dispatched: number;
  readonly retried: number;
  readonly resolved: { readonly succeeded: number; readonly failed: number; readonly absent: number };
  readonly unknown: number;
  readonly drift_won: string;
  readonly unexplained_rows: number;
  /** Transfers that are paid by the books and that the statement does not show, longer than the bank takes to show them. */
  readonly missing_withdrawals: number;
  /** Places where orders, deposits and transfers differ from the ledger; null when the comparison was not done. */
  readonly book_differences: number | null;
  /** What is open now, and how long it has been; null when it could not be read. */
  readonly vitals: Vitals | null;
  readonly sealed: number;
  readonly stops: readonly string[];
  readonly failures: readonly StepFailure[];
  readonly ms: number;
}

/** The part of a cycle's time that reading new rows leaves to the steps behind it, and that reading earlier days again leaves to those behind that. */
const COLLECT_LEAVES = 1 / 2;
const REREAD_LEAVES = 1 / 4;

/**
 * One cycle: collect → book (match, post, plan) → expire → release → dispatch → reread → resolve → reconcile → compare → seal → senders. Reading may use part of the
 * cycle's time only, so that what it brings is booked and paid in the same cycle. A step that fails is named in the summary, and the steps that can still work go on: a bank that is down stops no payout that is planned, a queue that is down stops no matching.
 *
 * @throws LeaseLost when another cycle has taken over.
 */
export async function runCycle(context: CycleContext): Promise<CycleSummary> {
  const began = performance.now();
  const failures: StepFailure[] = [];
  const attempt = async <T>(step: string, work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      const text = error instanceof Error ? error.message : String(error);
      context.log.error(`${step} failed; the cycle goes on without it`, { step, error: text });
      failures.push({ step, error: text });
      return otherwise;
    }
  };

  // Before anything is read: what the database knows so far tells to when it was set back.
  await attempt('look whether this is a copy', async () => await haltWhereRestored(context), undefined);
  const accounts = accountsOf(context.settings);
  const collected = new Map<string, CollectOutcome>();
  const booked: Booked[] = [];
  const reading = async (
    step: string,
    leave: number,
    read: (context: CycleContext) => Promise<CollectOutcome>,
  ): Promise<CollectOutcome | undefined> => {
    const part = { ...context, hasTime: () => context.hasTime(leave) };
    const outcome = await attempt<CollectOutcome | undefined>(step, async () => await read(part), undefined);
    if (outcome?.outcome === 'refused')
      failures.push({ step, error: `the bank did not answer: ${outcome.refusal.detail}` });
    return outcome;
  };
  const bookRows = async (account: string): Promise<void> => {
    const step = `book ${account}`;
    // What could not be booked once in a cycle is not tried a second time in it.
    if (failures.some((failure) => failure.step === step)) return;
    const rows = await attempt<Booked | undefined>(step, async () => await book(context, account), undefined);
    if (rows !== undefined) booked.push(rows);
  };
  await attempt('limits', async () => await keepLimits(context), undefined);
  for (const account of accounts) {
    const read = await reading(
      `collect ${account}`,
      COLLECT_LEAVES,
      async (part) => await collect(part, account),
    );
    if (read !== undefined) collected.set(account, read);
    await bookRows(account);
  }
  const bankAnswered =
    [...collected.values()].every((read) => read.outcome !== 'refused') && collected.size === accounts.length;
  if (
    [...collected.values()].some((read) => read.outcome === 'refused' && read.refusal.cause === 'maintenance')
  ) {
    await attempt('pause', async () => await pauseForMaintenance(context), undefined);
  }
  const expired = await attempt('expire', async () => await expire(context), 0);
  await attempt('reconsider', async () => await reconsiderReviews(context), 0);
  const released = await attempt('release', async () => await release(context, bankAnswered), {
    retried: 0,
    released: 0,
    resumed: [],
  });
  const dispatched = await attempt('dispatch', async () => await dispatch(context), {
    dispatched: 0,
    notTaken: 0,
  });
  if (dispatched.notTaken > 0)
    failures.push({ step: 'dispatch', error: `the queue did not take ${dispatched.notTaken} messages` });
  let foundAgain = 0;
  for (const account of accounts) {
    const recent = collected.get(account);
    if (recent?.outcome !== 'complete' || recent.read === undefined) continue;
    const { read } = recent;
    const again = await reading(
      `reread ${account}`,
      REREAD_LEAVES,
      async (part) => await rereadEarlier(part, account, read, await proofNeededSince(context, account)),
    );
    foundAgain += again?.fresh ?? 0;
    // Also when it broke off or failed: parts of it may be stored.
    await bookRows(account);
  }
  const resolved = await attempt('resolve', async () => await resolveUnknown(context), undefined);
  if (resolved?.refusal !== undefined)
    failures.push({ step: 'resolve', error: `the bank did not answer inquiries: ${resolved.refusal}` });
  const reconciled: AccountReconciliation[] = [];
  for (const account of accounts) {
    const complete = collected.get(account)?.outcome === 'complete';
    const result = await attempt(
      `reconcile ${account}`,
      async () => await reconcile(context, account, complete),
      undefined,
    );
    if (result !== undefined) reconciled.push(result);
  }
  await attempt('watch reconciliation', async () => await watchReconciliation(context, accounts), false);
  const compared = await attempt<Comparison | undefined>(
    'compare orders and ledger',
    async () => await compareTouched(context),
    undefined,
  );
  const sealed = await attempt('seal', async () => await seal(context), 0);
  // Last, since no money waits for it.
  await attempt('senders', async () => await askForSenders(context), 0);
  const stops = await attempt('stops', async () => await activeStops(context.db), []);

  const outOfTime =
    !context.hasTime() ||
    [...collected.values()].some((read) => read.outcome === 'out_of_time') ||
    compared?.outcome === 'out_of_time' ||
    booked.some((rows) => !rows.whole);
  const vitals = await attempt<Vitals | undefined>(
    'vitals',
    async () => await readVitals(context.db, context.now, context.token),
    undefined,
  );
  const byReason = sumReasons(booked);
  const sum = (of: (rows: Booked) => number) => booked.reduce((total, rows) => total + of(rows), 0);
  return {
    began_at: context.now.toISOString(),
    ended: outOfTime ? 'out_of_time' : failures.length > 0 ? 'failed_in_part' : 'complete',
    rows_collected: [...collected.values()].reduce((total, read) => total + read.fresh, foundAgain),
    deposits: sum((rows) => rows.deposits),
    matched: sum((rows) => rows.matched),
    in_review: Object.values(byReason).reduce((total, count) => total + count, 0),
    by_reason: byReason,
    returned: sum((rows) => rows.returned),
    reversed: sum((rows) => rows.reversed),
    expired,
    planned: sum((rows) => rows.planned),
    held: sum((rows) => rows.held),
    dispatched: dispatched.dispatched,
    retried: released.retried,
    resolved: {
      succeeded: resolved?.succeeded ?? 0,
      failed: resolved?.failed ?? 0,
      absent: resolved?.absent ?? 0,
    },
    unknown: vitals?.unknown ?? 0,
    drift_won: reconciled
      .reduce((total, one) => total + (one.drift < 0n ? -one.drift : one.drift), 0n)
      .toString(),
    unexplained_rows: reconciled.reduce((total, one) => total + one.oneSided.unexplained_rows.count, 0),
    missing_withdrawals: reconciled.reduce((total, one) => total + one.oneSided.missing_withdrawals.count, 0),
    book_differences: compared?.outcome === 'compared' ? compared.differences.length : null,
    vitals: vitals ?? null,
    sealed,
    stops,
    failures,
    ms: Math.round(performance.now() - began),
  };
}

/** A database that was restored or cloned reads and books, and pays nobody. */
async function haltWhereRestored({ db, now, settings, log }: CycleContext): Promise<void> {
  if (await isWhereItWas(db, settings.databaseCluster)) return;
  if (await noticeRestore(db, settings.databaseCluster, 'cycle', now))
    log.error('this database was restored or cloned: payouts are halted (docs/restore.md)');
}

function sumReasons(booked: readonly Booked[]): Partial<Record<ReviewReason, number>> {
  const total: Partial<Record<ReviewReason, number>> = {};
  for (const rows of booked) {
    for (const [reason, count] of Object.entries(rows.inReview)) {
      const known = reason as ReviewReason;
      total[known] = (total[known] ?? 0) + count;
    }
  }
  return total;
}

/** How long a pause lasts at least before the bank is tried with a transfer again, ms. */
const MAINTENANCE_PAUSE_MS = 10 * 60_000;

/** A bank that is closed for maintenance gets no transfers: each would be unknown for a quarter of an hour. It ends by itself. */
async function pauseForMaintenance({ db, now, token }: CycleContext): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await fence(trx, token);
    await raiseStop(trx, {
      name: 'pause_maintenance',
      reason: 'the bank answers that it is closed for maintenance',
      by: 'system',
      at: now,
      retryAt: new Date(now.getTime() + MAINTENANCE_PAUSE_MS),
    });
  });
}
