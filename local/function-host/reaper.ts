import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Reads lists of pids, each replacing the one before, and kills the last list's process groups when nobody writes any more. */
const SCRIPT = [
  "trap '' INT TERM HUP",
  'pids=',
  'while read -r line; do pids=$line; done',
  'for pid in $pids; do kill -s KILL -- "-$pid"; done',
].join('\n');

export interface Reaper {
  /** Replaces the list of process groups that must not outlive this process. */
  watch(pids: readonly number[]): void;
  /** Ends the reaper; it kills what is still on the list. */
  stop(): Promise<void>;
}

/**
 * Sees to it that no sandbox outlives this process, even one that is killed with SIGKILL. A frozen sandbox cannot notice the end
 * of its parent by itself: it would stay in memory for good. The reaper is a small shell that waits for its input to end.
 */
export function startReaper(): Reaper {
  const child = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const exited = once(child, 'exit');
  // A reaper that somebody killed is no reason for the system to fall.
  child.stdin.on('error', () => undefined);
  exited.catch(() => undefined);
  return {
    watch(pids) {
      child.stdin.write(`${pids.join(' ')}\n`);
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
