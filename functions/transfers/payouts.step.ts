import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Done, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { byTwoPeople, type Requested } from '../people/two-people.step.ts';
import type { Trx } from '../shared/postgres.ts';
import { readDriftBlockers, type Blocker } from './drift-blockers.repository.ts';
import { resumeAfterRestore } from './resume-restore.step.ts';
import { activeStops, endHalt, lockStops, raiseStop, type Stop } from './stops.repository.ts';
import type { StopName } from './transfer.table.ts';

/** Halts payouts at once: a claim in flight ends, none begins after. One person is enough, since a halt can be ended again. */
export async function haltPayouts(
  db: Kysely<Database>,
  acting: Acting,
): Promise<{ readonly outcome: 'done'; readonly result: undefined } | Refused> {
  return await act<undefined>(db, acting, async (trx) => {
    const stops = await lockStops(trx);
    const standing = stops.find((stop) => stop.name === 'halt_person' && stop.active);
    if (standing !== undefined) {
      return refuse(
        'halted_already',
        `${standing.changed_by} halted payouts at ${standing.changed_at.toISOString()}: ${standing.reason}`,
      );
    }
    await raiseStop(trx, { name: 'halt_person', reason: acting.reason, by: acting.by, at: acting.at });
    return { outcome: 'done', result: undefined, deed: { action: 'payouts halt', subject: 'payouts' } };
  });
}

export interface Resumed {
  readonly outcome: 'resumed';
  readonly ended: readonly StopName[];
  /** What stops payouts still: the system's own pauses end by themselves. */
  readonly remaining: readonly StopName[];
}

/** Two people are to resume despite the blockers, or nobody is. */
export interface Blocked extends Refused {
  readonly blockers: readonly Blocker[];
}

/**
 * Lets payouts go on after a halt. What a person halted, a person resumes. What the system halted goes on when its cause is gone; while it stands, each part
 * of it is named with its remedy, and only two people who know the same parts may resume despite them. A drift that still stands halts again in the next
 * complete cycle. A halt after a restore is looked at when no other stands, by its own rules, and has no despite.
 *
 * @param despite whether to resume although the cause stands.
 * @param waitMs the bank's longest processing time and posting lag together.
 */
export async function resumePayouts(
  db: Kysely<Database>,
  acting: Acting,
  despite: boolean,
  waitMs?: number,
): Promise<{ readonly outcome: 'done'; readonly result: Resumed | Requested } | Refused | Blocked> {
  let blockers: readonly Blocker[] = [];
  const outcome = await act<Resumed | Requested>(db, acting, async (trx) => {
    const stops = (await lockStops(trx)).filter((stop) => stop.active);
    const halts = stops.filter((stop) => stop.name === 'halt_person' || stop.name === 'halt_drift');
    const remaining = stops.filter((stop) => !halts.includes(stop)).map((stop) => stop.name);
    if (halts.length === 0) return refuseToResume(remaining);
    const drift = halts.find((stop) => stop.name === 'halt_drift');
    if (drift !== undefined) blockers = await readDriftBlockers(trx, drift.changed_at);
    if (blockers.length === 0) return await resumed(trx, acting, halts, remaining);
    if (!despite) {
      return refuse(
        'blocked',
        `payouts stay halted (${drift?.reason ?? ''}). In the way: ${blockers.map((blocker, n) => `(${n + 1}) ${blocker.message}`).join('; ')}. Two people may resume all the same with --despite`,
      );
    }
    const matter = {
      action: 'payouts_resume',
      subject: `payouts halted at ${drift?.changed_at.toISOString() ?? ''}`,
      detail: { despite: blockers.map((blocker) => blocker.code) },
    } as const;
    const deed = { action: 'payouts resume', subject: 'payouts' };
    return await byTwoPeople<Resumed>(trx, acting, matter, deed, async () => {
      return await end(trx, acting, halts, remaining);
    });
  });
  if (outcome.outcome === 'done') return outcome;
  if (outcome.code === RESTORED) return await afterRestore(db, acting, waitMs);
  return outcome.code === 'blocked' ? { ...outcome, blockers } : outcome;
}

/** Nothing but a restore halts payouts, which has rules of its own. */
const RESTORED = 'restored';

async function afterRestore(
  db: Kysely<Database>,
  acting: Acting,
  waitMs: number | undefined,
): Promise<{ readonly outcome: 'done'; readonly result: Resumed | Requested } | Refused> {
  const outcome = await resumeAfterRestore(db, acting, waitMs);
  if (outcome.outcome === 'refused') return outcome;
  const { result } = outcome;
  if (result.outcome === 'requested') return { outcome: 'done', result };
  return {
    outcome: 'done',
    result: { outcome: 'resumed', ended: ['halt_restore'], remaining: await activeStops(db) },
  };
}

function refuseToResume(remaining: readonly StopName[]): Refused {
  if (remaining.length === 0) return refuse('not_halted', 'payouts are not halted');
  if (remaining.includes('halt_restore')) return refuse(RESTORED, 'payouts are halted after a restore');
  return refuse(
    'not_halted',
    `payouts are not halted by anybody; the system's own pauses end by themselves: ${remaining.join(', ')} (payouts status says what each waits for)`,
  );
}

async function resumed(
  trx: Trx<Database>,
  acting: Acting,
  halts: readonly Stop[],
  remaining: readonly StopName[],
): Promise<Done<Resumed>> {
  const result = await end(trx, acting, halts, remaining);
  const deed = { action: 'payouts resume', subject: 'payouts', detail: { ended: result.ended } };
  return { outcome: 'done', result, deed };
}

async function end(
  trx: Trx<Database>,
  { by, at, reason }: Acting,
  halts: readonly Stop[],
  remaining: readonly StopName[],
): Promise<Resumed> {
  for (const { name } of halts) await endHalt(trx, name, { by, at, reason });
  return { outcome: 'resumed', ended: halts.map((halt) => halt.name), remaining };
}
