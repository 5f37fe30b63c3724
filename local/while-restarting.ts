import { setTimeout as delay } from 'node:timers/promises';

const TRIES_MS = 30_000;
const PAUSE_MS = 100;

/** The driver's words for a connection that broke or could not be made; it gives these no code. */
const BROKEN_CONNECTION =
  /connection terminated|connection ended|timeout exceeded when trying to connect|client has encountered/i;

/**
 * Does work on the database again while the database is being restarted. For work of the local system itself that may be done twice: the functions have
 * the queue and the next cycle for this.
 *
 * @throws the last error, when the database stays away for half a minute, or any other error at once.
 */
export async function whileRestarting<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBroken(error) || performance.now() - began > TRIES_MS) throw error;
    }
    await delay(PAUSE_MS);
  }
}

/** SQLSTATE classes 08 and 57 (connection, operator intervention), and what the operating system says of a closed port. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string')
    return /^(08|57)/.test(code) || ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code);
  return BROKEN_CONNECTION.test(error.message);
}
