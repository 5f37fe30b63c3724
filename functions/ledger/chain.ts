import { createHash } from 'node:crypto';

/** What of a posting its hash covers: everything that it says. */
export interface ChainedPosting {
  readonly posting_id: bigint;
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly kind: string;
  readonly row_id: bigint | null;
  readonly order_id: bigint | null;
  readonly transfer_id: bigint | null;
  readonly attempt_id: bigint | null;
  readonly at: Date;
}

/** The hash before the first posting. */
export const GENESIS = Buffer.alloc(32);

/**
 * SHA-256 over the hash before, the position, and the posting's fields, each preceded by its length, so that no two postings have the same
 * bytes.
 */
export function chainHash(previous: Uint8Array, position: bigint, posting: ChainedPosting): Buffer {
  const hash = createHash('sha256').update(previous);
  const fields = [
    position,
    posting.posting_id,
    posting.debit,
    posting.credit,
    posting.amount,
    posting.kind,
    posting.row_id,
    posting.order_id,
    posting.transfer_id,
    posting.attempt_id,
    posting.at.toISOString(),
  ];
  for (const field of fields) {
    const text = field === null ? '' : field.toString();
    hash.update(`${Buffer.byteLength(text).toString()}:${text};`);
  }
  return hash.digest();
}
