import assert from 'node:assert/strict';
import fc from 'fast-check';
import { classifyInquiry, classifySend } from '../../../functions/bank/openbanking.codes.ts';

const LISTED = {
  unknown: ['A0001', 'A0003', 'A0007', 'A0008', 'A0016', 'A0017', 'A0326'],
  unknownBank: ['400', '803', '804', '819', '822'],
  payeeBank: ['412', '415', '419', '420', '426'],
} as const;

const FAILING_BANK_CODES = ['412', '415', '419', '420', '426', '453', '454', '455', '456'];
const FAILING_API_CODES = ['A0101', 'A0102', 'A0106', 'A0312', 'A0317'];

describe('KFTC codes', () => {
  it('count as a success only when both systems say so', () => {
    assert.deepEqual(classifySend('A0000', '000'), { outcome: 'succeeded' });
    assert.equal(classifySend('A0000', '').outcome, 'ambiguous');
    assert.equal(classifySend('', '000').outcome, 'ambiguous');
  });

  for (const code of LISTED.unknown) {
    it(`leave ${code} ambiguous whatever the bank says beside it`, () => {
      for (const bank of ['', '000', '412', '453', '999'])
        assert.equal(classifySend(code, bank).outcome, 'ambiguous');
    });
  }

  for (const code of LISTED.unknownBank) {
    it(`leave bank code ${code} ambiguous whatever KFTC says beside it`, () => {
      for (const api of ['A0000', 'A0009', 'A0312', 'A0326', 'A9999']) {
        assert.equal(classifySend(api, code).outcome, 'ambiguous');
      }
    });
  }

  it('never make a duplicate id a failure', () => {
    assert.deepEqual(classifySend('A0326', '822'), { outcome: 'ambiguous', code: 'A0326/822' });
  });

  for (const code of LISTED.payeeBank) {
    it(`blame the payee for bank code ${code}`, () => {
      assert.deepEqual(classifySend('A0009', code), {
        outcome: 'failed',
        cause: 'payee',
        code: `A0009/${code}`,
      });
      assert.equal(classifySend('A0000', code).outcome, 'failed');
    });
  }

  for (const [code, cause] of [
    ['453', 'funds'],
    ['454', 'funds'],
    ['455', 'limit'],
    ['456', 'limit'],
  ] as const) {
    it(`give ${cause} as the cause for bank code ${code}`, () => {
      assert.deepEqual(classifySend('A0009', code), { outcome: 'failed', cause, code: `A0009/${code}` });
    });
  }

  for (const [code, cause] of [
    ['A0101', 'limit'],
    ['A0102', 'limit'],
    ['A0106', 'limit'],
    ['A0312', 'payee'],
    ['A0317', 'payee'],
  ] as const) {
    it(`give ${cause} as the cause for ${code} without a bank's word`, () => {
      assert.deepEqual(classifySend(code, ''), { outcome: 'failed', cause, code });
    });
  }

  it('stay ambiguous where KFTC says failed and the bank says done', () => {
    for (const code of FAILING_API_CODES) assert.equal(classifySend(code, '000').outcome, 'ambiguous');
  });

  it('mean "no such transfer" in an inquiry only', () => {
    assert.deepEqual(classifyInquiry('A0310', ''), { outcome: 'no_such_transfer', code: 'A0310' });
    assert.equal(classifyInquiry('A0310', '000').outcome, 'ambiguous');
    assert.equal(classifySend('A0310', '').outcome, 'ambiguous');
    for (const bank of FAILING_BANK_CODES) {
      assert.equal(classifySend('A0310', bank).outcome, 'ambiguous');
      assert.equal(classifyInquiry('A0310', bank).outcome, 'ambiguous');
    }
  });

  it('fall in one class each, whatever text they are, and in no other than ambiguous unless both are listed', () => {
    const code = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('', 'A0000', '000', 'A0009', 'A0310', ...FAILING_API_CODES, ...FAILING_BANK_CODES),
      fc.constantFrom(...LISTED.unknown, ...LISTED.unknownBank, 'a0000', ' 000', '0000', 'A0000 '),
    );
    const listedApi = ['A0000', 'A0009', 'A0310', ...FAILING_API_CODES];
    const listedBank = ['', '000', ...FAILING_BANK_CODES];
    fc.assert(
      fc.property(code, code, (api, bank) => {
        for (const { outcome } of [classifySend(api, bank), classifyInquiry(api, bank)]) {
          assert.ok(['succeeded', 'failed', 'no_such_transfer', 'ambiguous'].includes(outcome));
          if (outcome === 'ambiguous') continue;
          assert.ok(listedApi.includes(api) && listedBank.includes(bank));
          if (outcome === 'succeeded') assert.deepEqual([api, bank], ['A0000', '000']);
          if (outcome === 'no_such_transfer') assert.deepEqual([api, bank], ['A0310', '']);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('are ambiguous when unlisted', () => {
    const unlisted = fc.string({ maxLength: 6 }).filter((code) => !/^A0/.test(code));
    fc.assert(
      fc.property(unlisted, fc.constantFrom('', '000', ...FAILING_BANK_CODES), (api, bank) => {
        assert.equal(classifySend(api, bank).outcome, 'ambiguous');
        assert.equal(classifyInquiry(api, bank).outcome, 'ambiguous');
      }),
    );
  });

  it('are ambiguous when the bank adds an unlisted one', () => {
    const unlisted = fc.integer({ min: 1, max: 999 }).map((code) => code.toString().padStart(3, '0'));
    fc.assert(
      fc.property(
        fc.constantFrom('A0000', 'A0009', 'A0310', ...FAILING_API_CODES),
        unlisted.filter((code) => !FAILING_BANK_CODES.includes(code)),
        (api, bank) => assert.equal(classifySend(api, bank).outcome, 'ambiguous'),
      ),
    );
  });
});
