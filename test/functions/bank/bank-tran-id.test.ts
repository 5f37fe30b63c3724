import assert from 'node:assert/strict';
import { bankTranId, randomQueryId } from '../../../functions/bank/bank-tran-id.ts';
import { cp949Length, fitsCp949 } from '../../../functions/bank/cp949.ts';

describe('bank_tran_id', () => {
  it('is organisation code, U and nine characters', () => {
    assert.equal(bankTranId('F123456789', '4BC34239Z'), 'F123456789U4BC34239Z');
  });

  it('refuses parts of another shape', () => {
    assert.throws(() => bankTranId('F12345678', '4BC34239Z'), /ten characters/);
    assert.throws(() => bankTranId('-F123456789', '4BC34239Z'), /ten characters/);
    assert.throws(() => bankTranId('F123456789-', '4BC34239Z'), /ten characters/);
    assert.throws(() => bankTranId('F123456789', '-4BC34239Z'), /nine characters/);
    assert.throws(() => bankTranId('F123456789', '4BC34239Z-'), /nine characters/);
    assert.throws(() => bankTranId('F123456789', '4bc34239z'), /nine characters/);
    assert.throws(() => bankTranId('F123456789', '4BC34239'), /nine characters/);
  });

  it('takes what randomQueryId makes', () => {
    for (let i = 0; i < 100; i += 1) assert.equal(bankTranId('F123456789', randomQueryId()).length, 20);
  });
});

describe('CP949', () => {
  it('counts two bytes for a Hangul syllable and one for a digit', () => {
    assert.equal(cp949Length('김판매12'), 8);
  });

  it('knows what it cannot write', () => {
    assert.equal(cp949Length('정산😀'), undefined);
    assert.equal(fitsCp949('정산😀', 20), false);
  });

  it('fits ten syllables into 20 bytes, and not eleven', () => {
    assert.equal(fitsCp949('가'.repeat(10), 20), true);
    assert.equal(fitsCp949('가'.repeat(11), 20), false);
  });
});
