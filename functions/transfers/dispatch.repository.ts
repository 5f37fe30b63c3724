import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';

export interface QueuedTransfer {
  readonly transfer_id: bigint;
  readonly dispatch_number: number;
  readonly queue_group: string | null;
}

/** Marks what is planned, and what nobody has claimed since `staleBefore`, as queued at `now`, under a new dispatch number; oldest first. */
export async function queueWaiting(
  trx: Transaction<Database>,
  now: Date,
  staleBefore: Date,
  limit: number,
): Promise<QueuedTransfer[]> {
  const { rows } = await sql<QueuedTransfer>`
        with picked as materialized (
          select transfer_id from transfer
          where state = 'planned' or (state = 'queued' and dispatched_at < ${staleBefore})
          order by transfer_id limit ${limit}
          for update skip locked
        )
        update transfer t set state = 'queued', dispatch_number = dispatch_number + 1, dispatched_at = ${now}
        from picked where t.transfer_id = picked.transfer_id
        returning t.transfer_id, t.dispatch_number, t.queue_group`.execute(trx);
  return rows;
}
