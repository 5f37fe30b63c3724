import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { Stop } from './stops.repository.ts';
import type { TransferState } from './transfer.table.ts';

export interface PayoutsStatus {
  /** What stops payouts. */
  readonly stops: readonly Stop[];
  /** Alarms since the oldest stop that stands, or of the last day, by name, the latest first. */
  readonly alarms: readonly {
    readonly name: string;
    readonly times: number;
    readonly last_at: Date;
    readonly detail: object;
  }[];
  /** What is open, and what ended in the last day. */
  readonly transfers: readonly {
    readonly state: TransferState;
    readonly reason: string | null;
    readonly count: number;
    readonly won: bigint;
  }[];
  /** When the oldest transfer was planned that is not paid yet. */
  readonly oldestUnpaidAt: Date | null;
  /** Each account's last complete reconciliation. */
  readonly reconciliations: readonly {
    readonly account: string;
    readonly at: Date | null;
    readonly drift: bigint | null;
    readonly unexplained_rows: number | null;
  }[];
  /** Rows that stand in suspense: a person has to say whose they are. */
  readonly inSuspense: readonly {
    readonly row_id: bigint;
    readonly account: string;
    readonly amount: bigint;
    readonly state: string;
    readonly occurred_at: Date;
  }[];
  readonly limits: { readonly transfer: bigint | null; readonly day: bigint | null };
  /** What one person asked for and a second has not approved. */
  readonly requests: readonly {
    readonly approval_id: bigint;
    readonly action: string;
    readonly subject: string;
    readonly requested_by: string;
    readonly requested_at: Date;
  }[];
}

const ALARMS_MAX = 20;
const ROWS_MAX = 50;

export async function readPayoutsStatus(db: Kysely<Database>, now: Date): Promise<PayoutsStatus> {
  const dayAgo = new Date(now.getTime() - 24 * 60 * 60_000);
  const stops = await db
    .selectFrom('payout_stop')
    .selectAll()
    .where('active', '=', true)
    .orderBy('changed_at')
    .orderBy('name')
    .execute();
  const since = stops.reduce((oldest, stop) => (stop.changed_at < oldest ? stop.changed_at : oldest), dayAgo);
  const { rows: alarms } = await sql<PayoutsStatus['alarms'][number]>`
    select name, count(*)::int as times, max(raised_at) as last_at, (array_agg(detail order by alarm_id desc))[1] as detail
    from alarm where raised_at >= ${since} group by name order by max(alarm_id) desc limit ${ALARMS_MAX}`.execute(
    db,
  );
  const { rows: transfers } = await sql<PayoutsStatus['transfers'][number]>`
    select state, coalesce(held_reason, failed_reason) as reason, count(*)::int as count, sum(amount)::bigint as won
    from transfer
    where state in ('planned', 'queued', 'sending', 'unknown', 'held') or planned_at >= ${dayAgo} or settled_at >= ${dayAgo}
    group by 1, 2 order by 1, 2`.execute(db);
  const { oldest } = await db
    .selectFrom('transfer')
    .select((eb) => eb.fn.min('planned_at').as('oldest'))
    .where('state', 'in', ['planned', 'queued', 'sending', 'unknown', 'held'])
    .executeTakeFirstOrThrow();
  const { rows: reconciliations } = await sql<PayoutsStatus['reconciliations'][number]>`
    select c.account, r.at, r.drift, r.unexplained_rows from collect_cursor c left join lateral (
      select at, drift, unexplained_rows from reconciliation r
      where r.account = c.account and r.complete order by r.reconciliation_id desc limit 1
    ) r on true order by c.account`.execute(db);
  const inSuspense = await db
    .selectFrom('withdrawal')
    .select(['row_id', 'account', 'amount', 'state', 'occurred_at'])
    .where('state', 'in', ['unexplained', 'unexpected'])
    .where('ledger_account', '=', 'suspense')
    .orderBy('row_id')
    .limit(ROWS_MAX)
    .execute();
  const limits = await db
    .selectFrom('payout_limit')
    .select(['transfer_limit_won as transfer', 'daily_limit_won as day'])
    .executeTakeFirstOrThrow();
  const requests = await db
    .selectFrom('approval')
    .select(['approval_id', 'action', 'subject', 'requested_by', 'requested_at'])
    .where('state', '=', 'requested')
    .orderBy('approval_id')
    .execute();
  return {
    stops,
    alarms,
    transfers,
    oldestUnpaidAt: oldest,
    reconciliations,
    inSuspense,
    limits,
    requests,
  };
}
