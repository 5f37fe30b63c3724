import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FolderLock {
  release(): void;
}

export type LockOutcome =
  | { readonly outcome: 'locked'; readonly lock: FolderLock }
  /** Another system runs in this folder, as the process `pid`. */
  | { readonly outcome: 'taken'; readonly pid: number };

/**
 * Takes a data folder for this process. Two systems on one folder would be two banks and two schedules over one database. The lock of a process that is
 * gone is taken over, so that a killed run blocks nobody.
 */
export function lockFolder(folder: string): LockOutcome {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'lock');
  for (;;) {
    try {
      writeFileSync(file, `${process.pid} ${startOf(process.pid) ?? ''}\n`, { flag: 'wx' });
      return { outcome: 'locked', lock: { release: () => rmSync(file, { force: true }) } };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder !== undefined && isAlive(holder)) return { outcome: 'taken', pid: holder.pid };
    rmSync(file, { force: true });
  }
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string;
}

function readHolder(file: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [pid, startedAt = ''] = text.trim().split(' ');
  return pid !== undefined && /^\d+$/.test(pid) ? { pid: Number(pid), startedAt } : undefined;
}

/** A pid alone can belong to another program by now; its start time tells, where the system shows one. */
function isAlive({ pid, startedAt }: Holder): boolean {
  if (pid === process.pid) return startedAt === (startOf(pid) ?? '');
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const start = startOf(pid);
  return start === undefined || startedAt === '' || start === startedAt;
}

/** When a process began, in the kernel's ticks (Linux, proc(5), field 22 of stat); unknown elsewhere. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
