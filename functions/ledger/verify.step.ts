import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { ArchivedHead } from './head-archive.ts';
import { firstLeftOut, readChain, readChainEnd, readCloseAnchors } from './replay.repository.ts';
import { replayChain, type BrokenEntry } from './replay.ts';

export interface Verification {
  /** Whether nothing is broken and the replay came to the end. */
  readonly ok: boolean;
  /** Whether the replay came to the chain's end. */
  readonly whole: boolean;
  readonly entries: number;
  /** In hexadecimal; empty for a ledger without sealed entries. */
  readonly headHash: string;
  readonly firstBroken: BrokenEntry | undefined;
  /** Every account's balance as the sealed entries give it, won, signed by `accounts.ts`. */
  readonly balances: ReadonlyMap<string, bigint>;
  /** Up to which posting id everything is sealed. */
  readonly sealedThrough: bigint;
  /** Postings that are not sealed yet, and so not in the balances: the next cycle seals them. */
  readonly unsealed: number;
}

/**
 * Replays the whole ledger from its first entry and holds it against everything that is written down beside it: the hashes, the sums that the sealer
 * keeps, the daily closes, and the head that is archived outside the database. It writes nothing and locks nothing.
 *
 * @param archived the latest head outside the database, where there is one.
 * @param goOn asked before each page of entries; when it says no, the answer is not whole.
 */
export async function verifyLedger(
  db: Kysely<Database>,
  archived?: ArchivedHead,
  goOn?: () => boolean,
): Promise<Verification> {
  // Closes before the chain's end, so that none lies beyond it because it was made a moment later.
  const anchors = await readCloseAnchors(db);
  if (archived !== undefined)
    anchors.push({
      name: `the archived head of ${archived.businessDate}`,
      position: archived.position,
      hash: archived.hash,
    });
  const end = await readChainEnd(db);
  const { replay, whole } = await replayChain(readChain(db, end.position), anchors, goOn);
  if (whole) replay.end(end.totals);
  const leftOut = whole && !replay.firstBroken ? await firstLeftOut(db, end.sealedThrough) : undefined;
  const firstBroken =
    leftOut === undefined
      ? replay.firstBroken
      : {
          position: null,
          postingId: leftOut,
          what: 'it is in the journal and not in the chain, although all postings up to it are said to be sealed',
        };
  return {
    ok: whole && firstBroken === undefined,
    whole,
    entries: replay.entries,
    headHash: replay.headHash,
    firstBroken,
    balances: replay.balances(),
    sealedThrough: end.sealedThrough,
    unsealed: end.unsealed,
  };
}
