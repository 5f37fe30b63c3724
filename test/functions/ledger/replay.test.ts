import assert from 'node:assert/strict';
import fc from 'fast-check';
import { chainHash, GENESIS, type ChainedPosting } from '../../../functions/ledger/chain.ts';
import { IdSet } from '../../../functions/ledger/id-set.ts';
import { LedgerReplay, replayChain, type Anchor, type ChainEntry } from '../../../functions/ledger/replay.ts';

type Step = Partial<ChainedPosting> & Pick<ChainedPosting, 'kind'>;

const BETWEEN: Readonly<Record<string, readonly [debit: string, credit: string]>> = {
  hold: ['seller:s', 'in_transit'],
  post: ['in_transit', 'bank:a'],
  void: ['in_transit', 'seller:s'],
  return: ['bank:a', 'seller:s'],
  deposit: ['bank:a', 'unallocated'],
  opening: ['bank:a', 'opening'],
  correction: ['fees', 'owner'],
};

/** A chain of such steps, each of 100 won and of attempt 1 of transfer 1 unless it says otherwise. */
function chainOf(...steps: Step[]): ChainEntry[] {
  let hash: Buffer = GENESIS;
  return steps.map((step, index) => {
    const position = BigInt(index + 1);
    const [debit, credit] = BETWEEN[step.kind]!;
    const ofAttempt = ['hold', 'post', 'void', 'return'].includes(step.kind);
    const posting: ChainedPosting = {
      posting_id: position + 10n,
      debit,
      credit,
      amount: 100n,
      row_id: null,
      order_id: null,
      transfer_id: ofAttempt ? 1n : null,
      attempt_id: ofAttempt ? 1n : null,
      at: new Date(0),
      ...step,
    };
    hash = chainHash(hash, position, posting);
    return { position, postingId: posting.posting_id, hash, posting };
  });
}

function brokenBy(...steps: Step[]): string | undefined {
  const replay = new LedgerReplay();
  for (const entry of chainOf(...steps)) replay.take(entry);
  replay.end();
  return replay.firstBroken?.what;
}

async function* pages(entries: readonly ChainEntry[], size = 2): AsyncGenerator<readonly ChainEntry[]> {
  for (let start = 0; start < entries.length; start += size)
    yield await Promise.resolve(entries.slice(start, start + size));
}

describe('the replay of the ledger', () => {
  const [hold, post, void_, back] = (['hold', 'post', 'void', 'return'] as const).map((kind) => ({ kind }));

  describe('takes', () => {
    const legal: Record<string, Step[]> = {
      'a payment, and its return': [hold!, post!, back!],
      'an attempt that was absent and is sent again': [hold!, void_!, hold!, post!],
      'a new attempt of a transfer after the last one was voided': [
        hold!,
        void_!,
        { ...hold!, attempt_id: 2n },
        { ...post!, attempt_id: 2n },
      ],
      'holds of several transfers at a time': [
        hold!,
        { ...hold!, transfer_id: 2n, attempt_id: 2n },
        { ...post!, transfer_id: 2n, attempt_id: 2n },
        void_!,
      ],
    };
    for (const [what, steps] of Object.entries(legal)) {
      it(what, () => {
        assert.equal(brokenBy(...steps), undefined);
      });
    }
  });

  describe('refuses', () => {
    const illegal: Record<string, [Step[], RegExp]> = {
      'a payment of what is not held': [[post!], /post of attempt 1, for which nothing is held/],
      'a second payment of an attempt': [[hold!, post!, hold!], /attempt 1, which is paid already/],
      'a void after the payment': [[hold!, post!, void_!], /for which nothing is held/],
      'a second hold of a transfer': [
        [hold!, { ...hold!, attempt_id: 2n }],
        /attempt 2 while it is held for attempt 1/,
      ],
      'the payment of another attempt than is held': [
        [hold!, { ...post!, attempt_id: 2n }],
        /nothing is held/,
      ],
      'a payment of another amount than is held': [[hold!, { ...post!, amount: 101n }], /101 won, and 100/],
      'a return of what was not paid': [[hold!, void_!, back!], /which was not paid/],
      'a second return': [[hold!, post!, back!, { ...back!, row_id: 9n }], /a second time/],
      'a hold that is not of what is in transit': [
        [{ ...hold!, credit: 'fees' }],
        /not of what is in transit/,
      ],
      'a hold of no attempt': [[{ ...hold!, attempt_id: null }], /hold of no attempt/],
      'a row that is booked twice': [
        [
          { kind: 'deposit', row_id: 5n },
          { kind: 'deposit', row_id: 5n },
        ],
        /row 5, which is booked already/,
      ],
      'an account that is opened twice': [[{ kind: 'opening' }, { kind: 'opening' }], /opened already/],
      'an account that nobody knows': [[{ kind: 'correction', debit: 'pocket' }], /no account pocket/],
      'a posting to itself': [[{ kind: 'correction', debit: 'owner' }], /from owner to itself/],
      'an amount of nothing': [[{ kind: 'correction', amount: 0n }], /its amount is 0/],
    };
    for (const [what, [steps, said]] of Object.entries(illegal)) {
      it(what, () => {
        assert.match(brokenBy(...steps) ?? 'nothing', said);
      });
    }
  });

  it('names the first of several broken entries, and counts and adds up all of them', () => {
    const entries = chainOf(hold!, post!, { kind: 'deposit' }, { kind: 'correction' });
    const replay = new LedgerReplay();
    entries.forEach((entry, index) => {
      replay.take(index === 1 || index === 2 ? { ...entry, hash: Buffer.alloc(32, index) } : entry);
    });
    assert.deepEqual([replay.firstBroken?.position, replay.firstBroken?.postingId], [2n, 12n]);
    assert.deepEqual([replay.entries, replay.balances().get('bank:a')], [4, 0n]);
  });

  describe('against anchors', () => {
    const entries = chainOf(hold!, post!, { kind: 'correction' });
    const anchorAt = (position: number, hash?: string): Anchor => ({
      name: `anchor ${position}`,
      position: BigInt(position),
      hash: hash ?? Buffer.from(position === 0 ? GENESIS : entries[position - 1]!.hash).toString('hex'),
    });
    const replayed = async (...anchors: Anchor[]) =>
      (await replayChain(pages(entries), anchors)).replay.firstBroken?.what;

    it('finds nothing where they agree, in whatever order they come', async () => {
      assert.equal(await replayed(anchorAt(3), anchorAt(0), anchorAt(2), anchorAt(2)), undefined);
    });

    it('finds the first that does not', async () => {
      const other = 'ab'.repeat(32);
      assert.match((await replayed(anchorAt(3, other), anchorAt(2, other))) ?? '', /anchor 2/);
      assert.match((await replayed(anchorAt(0, other))) ?? '', /anchor 0/);
    });

    it('finds one behind its end: the chain was cut', async () => {
      assert.match(
        (await replayed(anchorAt(4, 'ab'.repeat(32)))) ?? '',
        /ends at position 3, before anchor 4/,
      );
    });

    it('finds balances that were written down otherwise, and reads them only when it comes there', async () => {
      let reads = 0;
      const balances = (won: bigint) => () => {
        reads += 1;
        return Promise.resolve(
          new Map([
            ['bank:a', -100n],
            ['seller:s', won],
          ]),
        );
      };
      assert.equal(await replayed({ ...anchorAt(2), balances: balances(-100n) }), undefined);
      assert.match(
        (await replayed({ ...anchorAt(2), balances: balances(-99n) })) ?? '',
        /seller:s has -100 won there, and -99 in anchor 2/,
      );
      assert.equal(reads, 2);
    });

    it('ends where it is when there is no time for the next page', async () => {
      let left = 1;
      const { replay, whole } = await replayChain(pages(entries, 1), [], () => left-- > 0);
      assert.deepEqual([whole, replay.entries], [false, 1]);
    });
  });
});

describe('a set of ids', () => {
  it('holds what was added, and nothing else', () => {
    const ids = fc.array(fc.bigInt({ min: 0n, max: 100_000n }));
    fc.assert(
      fc.property(ids, ids, (added, asked) => {
        const set = new IdSet();
        for (const id of added) set.add(id);
        return [...added, ...asked].every((id) => set.has(id) === added.includes(id));
      }),
    );
  });
});
