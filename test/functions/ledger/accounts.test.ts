import assert from 'node:assert/strict';
import {
  bankAccount,
  FEES,
  IN_TRANSIT,
  OPENING,
  sellerAccount,
  SUSPENSE,
  UNALLOCATED,
} from '../../../functions/ledger/accounts.ts';

describe('the accounts of the books', () => {
  it('keep their names, since postings that never change bear them', () => {
    assert.deepEqual(
      [IN_TRANSIT, UNALLOCATED, FEES, OPENING, SUSPENSE, bankAccount('1'), sellerAccount('a')],
      ['in_transit', 'unallocated', 'fees', 'opening', 'suspense', 'bank:1', 'seller:a'],
    );
  });
});
