import assert from 'node:assert/strict';
import { checkFiles } from '../../../local/files/check-files.ts';
import { readOrdersFile } from '../../../local/files/orders-file.ts';
import { readSellersFile } from '../../../local/files/sellers-file.ts';
import { mustRead, refusal, withFile } from './temporary-file.ts';

const HEADER = 'seller_id,name,bank_code,account_number,account_holder,fee_bp';
const GOOD = 'S1,도자기 공방,004,110-234-567890,김사장,330';

function refuse(line: string) {
  return withFile('sellers.csv', `${HEADER}\n${line}\n`, async (path) =>
    refusal(await readSellersFile(path)),
  );
}

describe('a file of sellers', () => {
  it('is read, with the hyphens of account numbers left out', async () => {
    const { rows } = await withFile('sellers.csv', `${HEADER}\n${GOOD}\n`, async (path) =>
      mustRead(await readSellersFile(path)),
    );
    assert.deepEqual(rows, [
      {
        line: 2,
        sellerId: 'S1',
        name: '도자기 공방',
        bankCode: '004',
        accountNumber: '110234567890',
        accountHolder: '김사장',
        feeRate: 330,
      },
    ]);
  });

  for (const [from, to, message] of [
    [
      '330',
      '10001',
      'column fee_bp: "10001" is no fee in basis points; write a whole number from 0 to 10000, where 100 is 1 %',
    ],
    [
      '330',
      '3.3',
      'column fee_bp: "3.3" is no fee in basis points; write a whole number from 0 to 10000, where 100 is 1 %',
    ],
    ['004', '4', 'column bank_code: "4" is no bank code; write 004'],
    [
      '110-234-567890',
      '1.10235E+11',
      'column account_number: "1.10235E+11" was rounded by a spreadsheet; format the column as text and enter it again',
    ],
    [
      '110-234-567890',
      '12',
      'column account_number: "12" is no account number; write 6 to 16 digits, with or without hyphens',
    ],
    ['김사장', '', 'column account_holder: is empty; every line needs a value here'],
  ] as const) {
    it(`is refused with ${to === '' ? 'an empty value' : to}`, async () => {
      assert.equal(await refuse(GOOD.replace(from, to)), `sellers.csv line 2, ${message}`);
    });
  }

  it('accepts no fee and a fee of everything', async () => {
    const lines = `${GOOD.replace('330', '0')}\n${GOOD.replace('330', '10000').replace('S1', 'S2')}`;
    const { rows } = await withFile('sellers.csv', `${HEADER}\n${lines}\n`, async (path) =>
      mustRead(await readSellersFile(path)),
    );
    assert.deepEqual(
      rows.map((row) => row.feeRate),
      [0, 10_000],
    );
  });

  it('names both lines of a seller that is there twice', async () => {
    assert.match(await refuse(`${GOOD}\n${GOOD}`), /line 3, column seller_id: "S1" is already in line 2/);
  });

  it('must hold the seller of every order', async () => {
    const sellers = await withFile('sellers.csv', `${HEADER}\n${GOOD}\n`, async (path) =>
      mustRead(await readSellersFile(path)),
    );
    const content =
      'shop_order_id,seller_id,recipient_name,amount,ordered_at\nA1,S1,김,1,2026-03-02 10:00\nA2,S2,김,1,2026-03-02 10:00\n';
    const orders = await withFile('orders.csv', content, async (path) =>
      mustRead(await readOrdersFile(path)),
    );
    assert.equal(checkFiles({ orders }), undefined);
    const bad = checkFiles({ orders, sellers });
    assert.equal(bad?.problemCount, 1);
    assert.match(
      bad.message,
      /orders\.csv line 3, column seller_id: "S2" is not in .*sellers\.csv; add it there$/,
    );
  });
});
