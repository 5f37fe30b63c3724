import assert from 'node:assert/strict';
import fc from 'fast-check';
import { chainHash, GENESIS, type ChainedPosting } from '../../../functions/ledger/chain.ts';

const ids = fc.option(fc.bigInt({ min: 1n, max: 10n ** 12n }), { nil: null });
const postings: fc.Arbitrary<ChainedPosting> = fc.record({
  posting_id: fc.bigInt({ min: 1n, max: 10n ** 12n }),
  debit: fc.constantFrom('bank:1', 'seller:a', 'seller:ab', 'fees'),
  credit: fc.constantFrom('unallocated', 'seller:b', 'in_transit'),
  amount: fc.bigInt({ min: 1n, max: 10n ** 12n }),
  kind: fc.constantFrom('deposit', 'fee', 'hold', 'post'),
  row_id: ids,
  order_id: ids,
  transfer_id: ids,
  attempt_id: ids,
  at: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
});
const hex = (posting: ChainedPosting, position = 1n, previous: Uint8Array = GENESIS) =>
  chainHash(previous, position, posting).toString('hex');

describe('the hash of a posting', () => {
  it('is the same for the same posting', () => {
    fc.assert(fc.property(postings, (posting) => hex(posting) === hex({ ...posting })));
  });

  it('is the same in every version, since journals that are kept bear it', () => {
    const posting: ChainedPosting = {
      posting_id: 1n,
      debit: 'bank:1',
      credit: 'unallocated',
      amount: 10_000n,
      kind: 'deposit',
      row_id: 7n,
      order_id: null,
      transfer_id: null,
      attempt_id: null,
      at: new Date('2026-03-10T10:00:00+09:00'),
    };
    assert.equal(hex(posting), '546e642b22f929fc2f158f5eb124772b99502db682ac78139e875b97472841ca');
  });

  const fields = [
    'posting_id',
    'debit',
    'credit',
    'amount',
    'kind',
    'row_id',
    'order_id',
    'transfer_id',
    'attempt_id',
    'at',
  ] as const;
  for (const field of fields) {
    it(`changes with its ${field}`, () => {
      fc.assert(
        fc.property(postings, postings, (posting, other) => {
          fc.pre(field === 'at' ? Number(posting.at) !== Number(other.at) : posting[field] !== other[field]);
          return hex(posting) !== hex({ ...posting, [field]: other[field] });
        }),
      );
    });
  }

  it('changes with its position and with the hash before it', () => {
    fc.assert(
      fc.property(postings, (posting) => {
        const previous = chainHash(GENESIS, 1n, posting);
        return hex(posting, 1n) !== hex(posting, 2n) && hex(posting) !== hex(posting, 1n, previous);
      }),
    );
  });

  it('changes when digits move from one id to the next', () => {
    fc.assert(
      fc.property(postings, (posting) => {
        const one = { ...posting, row_id: 12n, order_id: 3n, transfer_id: null };
        const two = { ...posting, row_id: 1n, order_id: 23n, transfer_id: null };
        const three = { ...posting, row_id: 12n, order_id: null, transfer_id: 3n };
        return new Set([hex(one), hex(two), hex(three)]).size === 3;
      }),
    );
  });
});
