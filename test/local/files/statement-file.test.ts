import assert from 'node:assert/strict';
import { readStatementFile } from '../../../local/files/statement-file.ts';
import { mustRead, refusal, withFile } from './temporary-file.ts';

const HEADER = 'at,type,amount,balance_after,text';

function read(lines: readonly string[], header = HEADER) {
  return withFile('statement.csv', [header, ...lines, ''].join('\n'), async (path) =>
    mustRead(await readStatementFile(path)),
  );
}

function refuse(lines: readonly string[]) {
  return withFile('statement.csv', [HEADER, ...lines, ''].join('\n'), async (path) =>
    refusal(await readStatementFile(path)),
  );
}

describe('a statement', () => {
  it('is read with the text as the bank wrote it', async () => {
    const { rows } = await read(
      ['2026-03-02T10:00:00.9,in,"1,000",-500, ｒｎｄ＿오전 ,(주)OO,인터넷'],
      `${HEADER},counterparty,branch`,
    );
    assert.deepEqual(rows, [
      {
        line: 2,
        fileRow: 1,
        occurredAt: new Date('2026-03-02T01:00:00Z'),
        direction: 'in',
        amount: 1000n,
        balanceAfter: -500n,
        text: ' ｒｎｄ＿오전 ',
        counterparty: '(주)OO',
        kind: '',
        branch: '인터넷',
      },
    ]);
  });

  it('is put in time order and keeps the numbers of the file, also when the newest row is first', async () => {
    const lines = [
      '2026-03-02 10:02,out,30,170,c',
      '2026-03-02 10:01,in,50,200,b2',
      '2026-03-02 10:01,in,50,150,b1',
      '2026-03-02 10:00,in,100,100,a',
    ];
    const newestFirst = await read(lines);
    assert.deepEqual(
      newestFirst.rows.map((row) => [row.fileRow, row.text]),
      [
        [4, 'a'],
        [3, 'b1'],
        [2, 'b2'],
        [1, 'c'],
      ],
    );
    assert.equal(newestFirst.openingBalance, 0n);
    assert.deepEqual(newestFirst.chainBreaks, []);
    const oldestFirst = await read(lines.toReversed());
    assert.deepEqual(
      oldestFirst.rows.map((row) => row.text),
      ['a', 'b1', 'b2', 'c'],
    );
  });

  it('has the opening balance from before its first row, also when that is a withdrawal', async () => {
    assert.equal((await read(['2026-03-02 10:00,out,30,-10,x'])).openingBalance, 20n);
  });

  it('warns of a missing row and is read all the same', async () => {
    const { chainBreaks } = await read([
      '2026-03-02 10:00,in,100,100,a',
      '2026-03-02 10:01,in,50,170,b',
      '2026-03-02 10:02,out,70,100,c',
    ]);
    assert.deepEqual(
      chainBreaks.map((found) => [found.before.fileRow, found.after.fileRow, found.unexplained]),
      [[1, 2, 20n]],
    );
  });

  it('may have rows whose text is empty, since banks have them', async () => {
    assert.equal((await read(['2026-03-02 10:00,in,100,100,'])).rows[0]!.text, '');
  });

  it('is refused for another type than in or out, for an amount of 0, and for a balance that is no number', async () => {
    const message = await refuse([
      '2026-03-02 10:00,입금,100,100,a',
      '2026-03-02 10:00,in,0,100,a',
      '2026-03-02 10:00,in,1,1.5,a',
    ]);
    assert.deepEqual(message.split('\n'), [
      'statement.csv line 2, column type: "입금" is no direction; write in for a deposit, out for a withdrawal',
      'statement.csv line 3, column amount: "0" is not more than 0; write the amount in won, such as 12000',
      'statement.csv line 4, column balance_after: "1.5" is no whole number of won; write 1 or 2',
    ]);
  });

  it('is refused without rows', async () => {
    assert.equal(await refuse([]), 'statement.csv: has a header and no rows; it needs at least one');
  });
});
