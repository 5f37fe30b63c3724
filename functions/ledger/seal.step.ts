import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { chainHash, GENESIS, type ChainedPosting } from './chain.ts';
import {
  addToBalances,
  advanceSealProgress,
  insertSeals,
  readHead,
  readUnsealed,
  type AccountSum,
  type Seal,
} from './seal.repository.ts';

const PAGE = 5000;

/**
 * Chains the hashes of postings that have committed since the last seal, and adds them to the balances. Nobody who posts waits for this: only the
 * cycle seals, and one cycle at a time.
 *
 * @returns how many postings were sealed.
 */
export async function seal({ db, token, hasTime }: CycleContext): Promise<number> {
  let sealed = 0;
  for (;;) {
    if (!hasTime()) return sealed;
    const page = await db.transaction().execute(async (trx) => {
      await fence(trx, token);
      const postings = await readUnsealed(trx, PAGE);
      if (postings.length === 0) {
        await advanceSealProgress(trx);
        return 0;
      }
      const head = await readHead(trx);
      await insertSeals(trx, chain(postings, head?.position ?? 0n, head?.hash ?? GENESIS));
      await addToBalances(trx, sums(postings));
      await advanceSealProgress(trx);
      return postings.length;
    });
    sealed += page;
    if (page < PAGE) return sealed;
  }
}

function chain(postings: readonly ChainedPosting[], lastPosition: bigint, lastHash: Uint8Array): Seal[] {
  let previous = lastHash;
  return postings.map((posting, index) => {
    const position = lastPosition + BigInt(index) + 1n;
    const hash = chainHash(previous, position, posting);
    previous = hash;
    return { position, postingId: posting.posting_id, hash };
  });
}

function sums(postings: readonly ChainedPosting[]): AccountSum[] {
  const byAccount = new Map<string, { account: string; debits: bigint; credits: bigint }>();
  const of = (account: string) => {
    const sum = byAccount.get(account) ?? { account, debits: 0n, credits: 0n };
    byAccount.set(account, sum);
    return sum;
  };
  for (const posting of postings) {
    of(posting.debit).debits += posting.amount;
    of(posting.credit).credits += posting.amount;
  }
  return [...byAccount.values()];
}
