import pg from 'pg';
import { poolOptions, type Login, type PostgresAddress } from '../../functions/shared/postgres.ts';

/** Looks from outside which backends wait for which others, and ends backends. One a process. */
export interface LockMonitor {
  /** Whether a backend waits for a lock that nobody will give up before somebody else takes another step. */
  isBlocked(pid: number): Promise<boolean>;
  /** Ends a backend, and answers when it is gone. */
  terminate(pid: number): Promise<void>;
  /** Cancels a backend's statement. */
  cancel(pid: number): Promise<void>;
  close(): Promise<void>;
}

export async function createLockMonitor(address: PostgresAddress, superuser: Login): Promise<LockMonitor> {
  const client = new pg.Client(poolOptions(address, superuser, 1));
  await client.connect();
  return {
    async isBlocked(pid) {
      const { rows } = await client.query<{ pid: number; blockers: number[] }>({
        name: 'waits',
        text: `select a.pid, pg_blocking_pids(a.pid) as blockers from pg_stat_activity a
          where a.backend_type = 'client backend' and a.wait_event_type = 'Lock'`,
      });
      const blockers = new Map(rows.map((row) => [row.pid, row.blockers]));
      if ((blockers.get(pid) ?? []).length === 0) return false;
      // A circle is no end: within moments the database makes one of it give way.
      return !isInCircle(pid, blockers);
    },
    async terminate(pid) {
      await client.query('select pg_terminate_backend($1, 10000)', [pid]);
    },
    async cancel(pid) {
      await client.query('select pg_cancel_backend($1)', [pid]);
    },
    close: () => client.end(),
  };
}

function isInCircle(pid: number, blockers: ReadonlyMap<number, readonly number[]>): boolean {
  const seen = new Set<number>();
  const waiting = [...(blockers.get(pid) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === pid) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(blockers.get(next) ?? []));
  }
  return false;
}
