import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  attemptIds,
  epochOfReference,
  firstNumberAfterRestore,
} from '../../../functions/transfers/attempt-id.ts';
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

  it('tell their epoch from the text, which no word of a payer looks like', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 359 }), sequences, (epoch, sequence) => {
        assert.equal(epochOfReference(attemptIds(ORGANISATION, epoch, sequence).reference), epoch);
      }),
    );
    for (const word of ['STARBUCKS01', 'STATIONERYX', 'ST00000000', 'ST0000000012'])
      assert.equal(epochOfReference(word), undefined, word);
  });

  it('count on after a restore from where no life that began earlier has come, and fit for fifty years', () => {
    const at = (text: string) => firstNumberAfterRestore(new Date(text));
    assert.equal(at('2026-01-01T00:00:01Z'), 50n);
    assert.equal(at('2026-03-02T01:10:00Z') - at('2026-03-02T01:00:00Z'), 30_000n);
    assert.equal(at('2025-12-31T00:00:00Z'), 0n, 'a clock of before then changes nothing');
    assert.doesNotThrow(() => attemptIds(ORGANISATION, 1, at('2075-01-01T00:00:00Z')));
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
