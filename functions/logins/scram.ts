import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** PostgreSQL's own number of rounds (`scram_iterations`). */
const ITERATIONS = 4096;
const KEY_BYTES = 32;

/**
 * What PostgreSQL stores of a password (RFC 5802, RFC 7677), made here so that `alter role` carries no password: a statement may end up in the server's
 * log. The password must be ASCII, which SASLprep leaves as it is.
 */
export function scramVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}
