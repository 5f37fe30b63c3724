import assert from 'node:assert/strict';
import fc from 'fast-check';
import { attemptIds } from '../../../functions/transfers/attempt-id.ts';
import { fitsCp949 } from '../../../functions/bank/cp949.ts';
import { referenceIn } from '../../../functions/deposits/classify.ts';

const ORGANISATION = 'T123456789';
const epochs = fc.integer({ min: 0, max: 1295 });
const sequences = fc.bigInt({ min: 0n, max: 36n ** 7n - 1n });

describe("an attempt's ids", () => {
  it('have 20 and 11 characters, whatever the number', () => {
    fc.assert(
      fc.property(epochs, sequences, (epoch, sequence) => {
        const ids = attemptIds(ORGANISATION, epoch, sequence);
        assert.match(ids.bankTranId, /^T123456789U[0-9A-Z]{9}$/);
        assert.match(ids.reference, /^ST[0-9A-Z]{9}$/);
        assert.ok(fitsCp949(ids.reference, 20));
      }),
    );
  });

  it('differ where epoch or sequence differ, both of them', () => {
    const numbers = fc.tuple(epochs, sequences);
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        fc.pre(one[0] !== other[0] || one[1] !== other[1]);
        const first = attemptIds(ORGANISATION, ...one);
        const second = attemptIds(ORGANISATION, ...other);
        assert.notEqual(first.bankTranId, second.bankTranId);
        assert.notEqual(first.reference, second.reference);
      }),
    );
  });

  it('put the epoch before the sequence', () => {
    assert.deepEqual(attemptIds(ORGANISATION, 36, 37n), {
      bankTranId: 'T123456789U100000011',
      reference: 'ST100000011',
    });
  });

  it('are found again in the text of a statement row', () => {
    fc.assert(
      fc.property(epochs, sequences, (epoch, sequence) => {
        const { reference } = attemptIds(ORGANISATION, epoch, sequence);
        assert.equal(referenceIn(`출금 ${reference}`), reference);
      }),
    );
  });

  it('are refused when epoch or sequence have outgrown their characters, or are below nothing', () => {
    assert.throws(() => attemptIds(ORGANISATION, 1296, 1n), /1296 does not fit into 2 characters/);
    assert.throws(() => attemptIds(ORGANISATION, 0, 36n ** 7n), /does not fit into 7 characters/);
    assert.throws(() => attemptIds(ORGANISATION, -1, 1n), /does not fit/);
    assert.throws(() => attemptIds(ORGANISATION, 0, -1n), /does not fit/);
  });

  it('are refused for an organisation code of another length', () => {
    assert.throws(() => attemptIds('T12345678', 0, 1n), /ten characters/);
  });
});
