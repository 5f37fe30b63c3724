import assert from 'node:assert/strict';
import { readStatementFile } from '../../local/files/statement-file.ts';
import { mustRead, withFile } from '../local/files/temporary-file.ts';
import { codefSample, codefToStatement } from './codef-to-statement.ts';

describe("CODEF's sample as a statement", () => {
  it('has four rows in time order, whose balances form a chain', async () => {
    const csv = codefToStatement(codefSample());
    const { rows, chainBreaks, openingBalance } = await withFile('statement.csv', csv, async (path) =>
      mustRead(await readStatementFile(path)),
    );
    assert.deepEqual(chainBreaks, []);
    assert.equal(openingBalance, 13_634n);
    assert.deepEqual(
      rows.map((row) => [
        row.fileRow,
        row.occurredAt.toISOString(),
        row.direction,
        row.amount,
        row.balanceAfter,
      ]),
      [
        [4, '2019-06-27T00:21:30.000Z', 'out', 1n, 13_633n],
        [3, '2019-06-27T07:46:18.000Z', 'in', 1n, 13_634n],
        [2, '2019-06-27T08:46:03.000Z', 'in', 1n, 13_635n],
        [1, '2019-06-28T00:59:00.000Z', 'out', 1n, 13_634n],
      ],
    );
  });

  it('keeps full-width text as the bank wrote it', async () => {
    const csv = codefToStatement(codefSample());
    const { rows } = await withFile('statement.csv', csv, async (path) =>
      mustRead(await readStatementFile(path)),
    );
    assert.deepEqual(
      rows.map((row) => [row.text, row.counterparty, row.branch]),
      [
        ['ｒｎｄ＿오전', '（주）OO', '인터넷'],
        ['rnd_입금표시1', 'OO（주）', '타행이체'],
        ['rnd_입금표시1', 'OO（주）', '타행이체'],
        ['ｒｎｄ＿오전', '（주）OO', '인터넷'],
      ],
    );
  });

  it('is refused when a row has no time', () => {
    const [row] = codefSample().data.resTrHistoryList;
    assert.throws(
      () => codefToStatement({ data: { resTrHistoryList: [{ ...row!, resAccountTrTime: '' }] } }),
      /expected YYYYMMDD and HHMMSS/,
    );
  });
});
