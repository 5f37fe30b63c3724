import assert from 'node:assert/strict';
import type { FailureCause } from '../../../functions/bank/bank.ts';
import { resolve, type Resolution } from '../../../functions/transfers/resolution.ts';

const MAX_SENDS = 3;

function expected(
  failure: FailureCause | undefined,
  noSuchTransfer: number,
  absentOnStatement: boolean,
  sends: number,
): Resolution {
  if (!absentOnStatement) return { end: 'none' };
  if (failure !== undefined) return { end: 'failed', cause: failure };
  if (noSuchTransfer < 2) return { end: 'none' };
  return { end: 'absent', thenHold: sends >= MAX_SENDS };
}

describe('what ends an unknown transfer', () => {
  for (const failure of [undefined, 'funds', 'payee'] as const) {
    for (const noSuchTransfer of [0, 1, 2, 3]) {
      for (const absentOnStatement of [false, true]) {
        for (const sends of [1, 2, 3, 4]) {
          const end = expected(failure, noSuchTransfer, absentOnStatement, sends);
          const name = [
            failure === undefined ? 'no failure' : `a failure for ${failure}`,
            `"no such transfer" ${noSuchTransfer} times`,
            absentOnStatement ? 'absent on the statement' : 'no statement',
            `${sends} sends`,
          ].join(', ');
          it(`${name}: ${JSON.stringify(end)}`, () => {
            assert.deepEqual(resolve({ failure, noSuchTransfer, absentOnStatement, sends }, MAX_SENDS), end);
          });
        }
      }
    }
  }

  it('is never the word of the bank alone', () => {
    const evidence = { failure: 'rejected', noSuchTransfer: 99, absentOnStatement: false, sends: 9 } as const;
    assert.deepEqual(resolve(evidence, MAX_SENDS), { end: 'none' });
  });

  it('is the failure where failure and absence both hold', () => {
    const evidence = { failure: 'rejected', noSuchTransfer: 2, absentOnStatement: true, sends: 3 } as const;
    assert.deepEqual(resolve(evidence, MAX_SENDS), { end: 'failed', cause: 'rejected' });
  });
});
