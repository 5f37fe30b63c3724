import { IN_TRANSIT, isBankAccount, isKnownAccount, signedBalance } from './accounts.ts';
import { chainHash, GENESIS, type ChainedPosting } from './chain.ts';
import { IdSet } from './id-set.ts';

/** A link of the chain, with the posting that it seals. */
export interface ChainEntry {
  readonly position: bigint;
  readonly postingId: bigint;
  readonly hash: Uint8Array;
  /** Nothing when the posting is not there any more. */
  readonly posting: ChainedPosting | undefined;
}

/** What somebody wrote down of the chain at a position: a daily close, or a head that lies outside the database. */
export interface Anchor {
  /** For the message: `the close of 2026-03-10`. */
  readonly name: string;
  /** 0 for a chain without entries. */
  readonly position: bigint;
  /** In hexadecimal. */
  readonly hash: string;
  /** Reads every account's balance at that position, won, signed by `accounts.ts`; accounts that are left out have none. Not compared when absent. */
  readonly balances?: () => Promise<ReadonlyMap<string, bigint>>;
}

/** The first thing that is wrong; without an entry where it is none of one entry. */
export interface BrokenEntry {
  readonly position: bigint | null;
  readonly postingId: bigint | null;
  readonly what: string;
}

export interface AccountTotals {
  debits: bigint;
  credits: bigint;
}

interface OpenHold {
  readonly attemptId: bigint;
  readonly amount: bigint;
}

/**
 * Replays the ledger's chain from its first entry. It takes the entries one by one, in the order of their positions, and keeps the accounts' totals, a bit
 * for each attempt and each row, and what is in transit: its memory does not grow with the amounts of the entries.
 *
 * Of each entry it checks that its position is the next one; that its posting is there and hashes, with the entry before, to what the chain says; that its
 * accounts exist; that a statement row and an account's opening are booked once; and that an attempt's hold, post, void and return come in an order that there
 * is.
 */
export class LedgerReplay {
  readonly #totals = new Map<string, AccountTotals>();
  readonly #openHolds = new Map<bigint, OpenHold>();
  readonly #paid = new IdSet();
  readonly #returned = new IdSet();
  readonly #bookedRows = new IdSet();
  readonly #openings = new Set<string>();
  #position = 0n;
  #entries = 0;
  #head: Uint8Array = GENESIS;
  #firstBroken: BrokenEntry | undefined;

  /** How many entries were taken. */
  get entries(): number {
    return this.#entries;
  }

  /** The position of the last entry, 0 before the first. */
  get position(): bigint {
    return this.#position;
  }

  /** The hash of the last entry, in hexadecimal; empty before the first. */
  get headHash(): string {
    return this.#entries === 0 ? '' : Buffer.from(this.#head).toString('hex');
  }

  get firstBroken(): BrokenEntry | undefined {
    return this.#firstBroken;
  }

  get totals(): ReadonlyMap<string, Readonly<AccountTotals>> {
    return this.#totals;
  }

  /** The accounts' balances, won, signed by `accounts.ts`. */
  balances(): Map<string, bigint> {
    return new Map(
      [...this.#totals].map(([account, { debits, credits }]) => [
        account,
        signedBalance(account, debits, credits),
      ]),
    );
  }

  /** Takes the next entry. After a broken one it goes on by what the chain says, so that all entries are counted and added up. */
  take(entry: ChainEntry): void {
    const expected = this.#position + 1n;
    if (entry.position !== expected)
      this.#breakAt(expected, null, `the chain has no entry at position ${expected.toString()}`);
    const { posting } = entry;
    if (posting === undefined)
      this.#breakAt(entry.position, entry.postingId, 'its posting is gone from the journal');
    else {
      const hash = chainHash(this.#head, entry.position, posting);
      if (!hash.equals(entry.hash))
        this.#breakAt(
          entry.position,
          entry.postingId,
          'its hash is not that of its posting and the entry before: one of them was changed',
        );
      const fault = this.#faultOf(posting);
      if (fault !== undefined) this.#breakAt(entry.position, entry.postingId, fault);
      this.#add(posting);
    }
    this.#head = entry.hash;
    this.#position = entry.position;
    this.#entries += 1;
  }

  /** Holds the entries up to here against what somebody wrote down of them. */
  async check(anchor: Anchor): Promise<void> {
    if (anchor.position !== this.#position) {
      this.#breakAt(
        anchor.position,
        null,
        `the chain ends at position ${this.#position.toString()}, before ${anchor.name}`,
      );
      return;
    }
    if (Buffer.from(this.#head).toString('hex') !== anchor.hash)
      this.#breakAt(this.#position, null, `the chain's hash there is not that of ${anchor.name}`);
    if (anchor.balances === undefined) return;
    const written = await anchor.balances();
    const replayed = this.balances();
    for (const account of new Set([...replayed.keys(), ...written.keys()])) {
      const [here, there] = [replayed.get(account) ?? 0n, written.get(account) ?? 0n];
      if (here !== there)
        this.#breakAt(
          this.#position,
          null,
          `account ${account} has ${here.toString()} won there, and ${there.toString()} in ${anchor.name}`,
        );
    }
  }

  /**
   * Says that there are no more entries.
   *
   * @param kept the totals that the database keeps of the sealed postings; an account that is in neither has none.
   */
  end(kept?: ReadonlyMap<string, Readonly<AccountTotals>>): void {
    if (kept !== undefined) this.#compareTotals(kept);
    let imbalance = 0n;
    for (const [account, balance] of this.balances())
      imbalance += isBankAccount(account) ? balance : -balance;
    if (imbalance !== 0n)
      this.#breakAt(null, null, `the bank's accounts differ from all others by ${imbalance.toString()} won`);
  }

  #breakAt(position: bigint | null, postingId: bigint | null, what: string): void {
    this.#firstBroken ??= { position, postingId, what };
  }

  #compareTotals(kept: ReadonlyMap<string, Readonly<AccountTotals>>): void {
    for (const account of new Set([...this.#totals.keys(), ...kept.keys()])) {
      const here = this.#totals.get(account) ?? { debits: 0n, credits: 0n };
      const there = kept.get(account) ?? { debits: 0n, credits: 0n };
      if (here.debits !== there.debits || here.credits !== there.credits)
        this.#breakAt(
          null,
          null,
          `the kept sums of account ${account} are not those of its postings: ` +
            `debits ${there.debits.toString()} instead of ${here.debits.toString()}, credits ${there.credits.toString()} instead of ${here.credits.toString()}`,
        );
    }
  }

  #add({ debit, credit, amount }: ChainedPosting): void {
    this.#totalsOf(debit).debits += amount;
    this.#totalsOf(credit).credits += amount;
  }

  #totalsOf(account: string): AccountTotals {
    let totals = this.#totals.get(account);
    if (totals === undefined) {
      totals = { debits: 0n, credits: 0n };
      this.#totals.set(account, totals);
    }
    return totals;
  }

  /** What is wrong with a posting that hashes as it should: what was forged together with its chain, or a mistake of the program. */
  #faultOf(posting: ChainedPosting): string | undefined {
    const { debit, credit, amount } = posting;
    if (amount <= 0n) return `its amount is ${amount.toString()}`;
    if (debit === credit) return `it moves money from ${debit} to itself`;
    const unknown = [debit, credit].find((account) => !isKnownAccount(account));
    if (unknown !== undefined) return `there is no account ${unknown}`;
    switch (posting.kind) {
      case 'opening':
        return this.#openedTwice(`${debit}>${credit}`);
      case 'deposit':
      case 'classified':
      case 'unexplained':
        return this.#bookedTwice(posting.row_id);
      case 'return':
        return this.#bookedTwice(posting.row_id) ?? this.#faultOfAttempt(posting);
      case 'hold':
      case 'post':
      case 'void':
        return this.#faultOfAttempt(posting);
      default:
        return undefined;
    }
  }

  #openedTwice(pair: string): string | undefined {
    if (this.#openings.has(pair)) return 'it opens an account that is opened already';
    this.#openings.add(pair);
    return undefined;
  }

  #bookedTwice(rowId: bigint | null): string | undefined {
    if (rowId === null) return undefined;
    if (this.#bookedRows.has(rowId)) return `it books row ${rowId.toString()}, which is booked already`;
    this.#bookedRows.add(rowId);
    return undefined;
  }

  /** An attempt is held, then either posted, once and for ever, or voided and perhaps held again; only what was posted can come back, once. */
  #faultOfAttempt({
    kind,
    debit,
    credit,
    amount,
    transfer_id: transferId,
    attempt_id: attemptId,
  }: ChainedPosting): string | undefined {
    if (transferId === null || attemptId === null) return `it is a ${kind} of no attempt`;
    const attempt = `attempt ${attemptId.toString()}`;
    if (kind === 'return') {
      if (!this.#paid.has(attemptId)) return `it brings back ${attempt}, which was not paid`;
      if (this.#returned.has(attemptId)) return `it brings back ${attempt} a second time`;
      this.#returned.add(attemptId);
      return undefined;
    }
    if ((kind === 'hold' ? credit : debit) !== IN_TRANSIT)
      return `it is a ${kind} that is not of what is in transit`;
    const open = this.#openHolds.get(transferId);
    if (kind === 'hold') {
      if (this.#paid.has(attemptId)) return `it holds money for ${attempt}, which is paid already`;
      if (open !== undefined)
        return `it holds money for ${attempt} while it is held for attempt ${open.attemptId.toString()} of the same transfer`;
      this.#openHolds.set(transferId, { attemptId, amount });
      return undefined;
    }
    if (open?.attemptId !== attemptId) return `it is a ${kind} of ${attempt}, for which nothing is held`;
    this.#openHolds.delete(transferId);
    if (kind === 'post') this.#paid.add(attemptId);
    if (open.amount !== amount)
      return `it is a ${kind} of ${amount.toString()} won, and ${open.amount.toString()} are held`;
    return undefined;
  }
}

/**
 * Replays a chain of which the entries come a page at a time, and holds it against the anchors on the way.
 *
 * @param goOn asked before each page; when it says no, the replay ends where it is.
 * @returns the replay, and whether it came to the chain's end.
 */
export async function replayChain(
  pages: AsyncIterable<readonly ChainEntry[]>,
  anchors: readonly Anchor[],
  goOn: () => boolean = () => true,
): Promise<{ readonly replay: LedgerReplay; readonly whole: boolean }> {
  const replay = new LedgerReplay();
  const ahead = anchors.toSorted((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0));
  const checkUpTo = async (position: bigint): Promise<void> => {
    for (let next = ahead[0]; next !== undefined && next.position <= position; next = ahead[0]) {
      ahead.shift();
      await replay.check(next);
    }
  };
  await checkUpTo(0n);
  for await (const page of pages) {
    if (!goOn()) return { replay, whole: false };
    for (const entry of page) {
      replay.take(entry);
      const [next] = ahead;
      if (next !== undefined && next.position <= entry.position) await checkUpTo(entry.position);
    }
  }
  for (const anchor of ahead) await replay.check(anchor);
  return { replay, whole: true };
}
