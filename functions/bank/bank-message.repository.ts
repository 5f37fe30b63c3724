import { gunzipSync, gzipSync } from 'node:zlib';
import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { Vault } from '../shared/encryption.ts';
import { recordset } from '../shared/postgres.ts';
import type { Exchange } from './bank.ts';

export interface JournalEntry {
  readonly exchange: Exchange;
  /** `request`: stored before the send; `answer`: what came back to it; `exchange`: both, of a question that changes nothing. */
  readonly part: 'request' | 'answer' | 'exchange';
  readonly attemptId?: bigint;
}

/**
 * Stores what was said to and by the bank, compressed and encrypted as a whole: requests and answers hold account numbers and names. Kept
 * five years; no row is ever changed or deleted.
 *
 * @returns the messages' ids, in the entries' order.
 */
export async function journal(
  db: Kysely<Database> | Transaction<Database>,
  vault: Vault,
  entries: readonly JournalEntry[],
): Promise<bigint[]> {
  if (entries.length === 0) return [];
  const rows = entries.map(({ exchange, part, attemptId }) => {
    const body = JSON.stringify({ request: exchange.requestBody, answer: exchange.responseBody ?? null });
    const encrypted = vault.encrypt('bank-message', gzipSync(body));
    return {
      operation: exchange.operation,
      part,
      path: exchange.path,
      at: exchange.requestedAt,
      http_status: exchange.httpStatus ?? null,
      error: exchange.error ?? null,
      elapsed_ms: Math.round(exchange.elapsedMs),
      body: Buffer.from(encrypted.ciphertext).toString('base64'),
      body_key_id: encrypted.keyId,
      attempt_id: attemptId ?? null,
    };
  });
  const columns =
    'operation text, part text, path text, at timestamptz, http_status integer, error text, elapsed_ms integer, body text, body_key_id text, attempt_id bigint';
  const { rows: stored } = await sql<{ message_id: bigint }>`
    insert into bank_message (operation, part, path, at, http_status, error, elapsed_ms, body_ciphertext, body_key_id, attempt_id)
    select operation, part, path, at, http_status, error, elapsed_ms, decode(body, 'base64'), body_key_id, attempt_id
    from ${recordset('m', columns, rows)}
    returning message_id`.execute(db);
  return stored.map((row) => row.message_id);
}

/** Reads a stored message back, for a person who looks into a transfer. */
export function openMessage(
  vault: Vault,
  message: { body_ciphertext: Uint8Array; body_key_id: string },
): unknown {
  const plain = vault.decrypt('bank-message', {
    ciphertext: message.body_ciphertext,
    keyId: message.body_key_id,
  });
  return JSON.parse(gunzipSync(plain).toString('utf8'));
}
