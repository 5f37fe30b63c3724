import assert from 'node:assert/strict';
import iconv from 'iconv-lite';
import { readOrdersFile } from '../../../local/files/orders-file.ts';
import { mustRead, refusal, withFile } from './temporary-file.ts';

const HEADER = 'shop_order_id,seller_id,recipient_name,amount,ordered_at';
const GOOD = 'A1,S1,김안규,12000,2026-03-02T10:00:00+09:00';

function read(content: string | Uint8Array) {
  return withFile('orders.csv', content, async (path) => mustRead(await readOrdersFile(path)).rows);
}

function refuse(content: string | Uint8Array) {
  return withFile('orders.csv', content, async (path) => refusal(await readOrdersFile(path)));
}

/** The refusal of one bad value in an otherwise good line 2. */
function refuseValue(column: string, value: string) {
  const names = [...HEADER.split(','), 'depositor_name', 'expires_at', 'cancelled_at'];
  const values = [...GOOD.split(','), '', '', ''];
  values[names.indexOf(column)] = `"${value}"`;
  return refuse(`${names.join(',')}\n${values.join(',')}\n`);
}

describe('a file of orders', () => {
  it('is read with the required columns alone', async () => {
    const [row] = await read(`${HEADER}\n${GOOD}\n`);
    assert.deepEqual(row, {
      line: 2,
      shopOrderId: 'A1',
      sellerId: 'S1',
      recipientName: '김안규',
      amount: 12000n,
      orderedAt: new Date('2026-03-02T01:00:00Z'),
      depositorName: undefined,
      expiresAt: undefined,
      cancelledAt: undefined,
    });
  });

  it('is read with a byte order mark, CRLF, columns in another order and empty lines', async () => {
    const rows = await read(
      '\uFEFFordered_at,amount,seller_id,shop_order_id,recipient_name,depositor_name,expires_at\r\n' +
        '2026-03-02 10:00,"1,234,000",S1,A1, Emily Carter ,EMI4821,2026-03-03T01:00:00Z\r\n\r\n' +
        '2026-03-02T10:00:30.5+0900,7,S1,A2,허준,,\r\n',
    );
    assert.deepEqual(
      rows.map((row) => [
        row.line,
        row.recipientName,
        row.amount,
        row.orderedAt.toISOString(),
        row.depositorName,
      ]),
      [
        [2, 'Emily Carter', 1_234_000n, '2026-03-02T01:00:00.000Z', 'EMI4821'],
        [4, '허준', 7n, '2026-03-02T01:00:30.500Z', undefined],
      ],
    );
    assert.equal(rows[0]!.expiresAt?.toISOString(), '2026-03-03T01:00:00.000Z');
  });

  it('is read with old line ends of a lone CR', async () => {
    assert.equal((await read(`${HEADER}\r${GOOD}\r`)).length, 1);
  });

  for (const [value, message] of [
    ['12.5', '"12.5" is no whole number of won; write 12 or 13'],
    ['1,200.50', '"1,200.50" is no whole number of won; write 1200 or 1201'],
    ['12.00', '"12.00" is no whole number of won; write 12'],
    ['0', '"0" is not more than 0; write the amount in won, such as 12000'],
    ['-5', '"-5" is not more than 0; write the amount in won, such as 12000'],
    ['12000원', '"12000원" is no whole number of won; write digits only, such as 12000'],
    ['1,00', '"1,00" has a comma that is not between thousands; write 100'],
    [
      '1000000000000',
      '"1000000000000" has more than twelve digits; at most 999,999,999,999 won can be carried',
    ],
    ['1e4', '"1e4" is no whole number of won; write digits only, such as 12000'],
    ['', 'is empty; every line needs a value here'],
  ] as const) {
    it(`refuses the amount "${value}" and says what to write`, async () => {
      assert.equal(await refuseValue('amount', value), `orders.csv line 2, column amount: ${message}`);
    });
  }

  for (const [value, part] of [
    ['2026-02-30T10:00:00', 'is a day that does not exist: that month has 28 days'],
    ['2026-13-01T10:00:00', 'names no month from 01 to 12'],
    ['2026-03-02T24:00:00', 'is a time of day that does not exist'],
    ['2026-03-02', 'has no time of day'],
    ['03/02/2026 10:00', 'is no date and time; write ISO 8601'],
    ['9026-03-02T10:00:00', 'is not between the years 2000 and 2099'],
    ['2026-03-02T10:00:00+19:00', 'has an offset of more than 14 hours'],
    ['2026-03-02T10:00:00 KST', 'is no date and time; write ISO 8601'],
  ] as const) {
    it(`refuses the time "${value}"`, async () => {
      const message = await refuseValue('ordered_at', value);
      assert.ok(message.startsWith(`orders.csv line 2, column ordered_at: "${value}" ${part}`), message);
    });
  }

  it('refuses an order that ends before it begins, by deadline or by cancelling', async () => {
    assert.match(
      await refuseValue('expires_at', '2026-03-02T09:59:59'),
      /line 2, column expires_at: .* is before ordered_at/,
    );
    assert.match(
      await refuseValue('cancelled_at', '2026-03-02T09:59:59'),
      /line 2, column cancelled_at: .* is before ordered_at/,
    );
  });

  it('refuses empty and overlong required values', async () => {
    assert.match(await refuseValue('recipient_name', ' '), /column recipient_name: is empty/);
    assert.match(await refuseValue('shop_order_id', ''), /column shop_order_id: is empty/);
    assert.match(await refuseValue('recipient_name', '가'.repeat(51)), /has 51 characters; write at most 50/);
    assert.match(await refuseValue('recipient_name', '김안규\n이도'), /holds a line break/);
  });

  it('refuses a depositor name that no payer can type or no bank can carry', async () => {
    assert.match(await refuseValue('depositor_name', '---'), /holds no letter and no digit/);
    assert.match(
      await refuseValue('depositor_name', '가나다라마바사아자차카'),
      /takes 22 bytes in CP949, and a bank carries at most 20/,
    );
    assert.match(
      await refuseValue('depositor_name', '김🐟1234'),
      /holds a character that Korean banks cannot carry/,
    );
  });

  it('names both lines of an id that is there twice', async () => {
    const message = await refuse(`${HEADER}\n${GOOD}\n${GOOD.replace('A1', 'A2')}\n${GOOD}\n`);
    assert.equal(
      message,
      'orders.csv line 4, column shop_order_id: "A1" is already in line 2; keep one of the two',
    );
  });

  it('reports the problems of all lines together, in their order, at most twenty spelled out', async () => {
    const bad = Array.from({ length: 25 }, (_, index) => `B${index},S1,김안규,1.5,2026-03-02T10:00:00`);
    const lines = (await refuse(`${HEADER}\n${bad.join('\n')}\n`)).split('\n');
    assert.equal(lines.length, 21);
    assert.match(lines[0]!, /^orders\.csv line 2, /);
    assert.match(lines[19]!, /^orders\.csv line 21, /);
    assert.equal(lines[20], 'orders.csv: and 5 more of such problems');
  });

  it('counts lines as an editor does, also after a value of two lines', async () => {
    const message = await refuse(
      `${HEADER}\r\nA1,S1,"김\r\n안규",1,2026-03-02T10:00\r\nA2,S1,김안규,x,2026-03-02T10:00\r\n`,
    );
    assert.match(message, /line 2, column recipient_name: .*line break/);
    assert.match(message, /line 4, column amount: "x"/);
  });

  it('says which columns are missing, unknown or there twice', async () => {
    assert.match(
      await refuse(`${HEADER.replace('amount', 'price')}\n${GOOD}\n`),
      /line 1: the column amount is missing/,
    );
    assert.match(
      await refuse(`${HEADER},price\n${GOOD},1\n`),
      /line 1: the column "price" is not known; the columns are shop_order_id, /,
    );
    assert.match(
      await refuse(`${HEADER},amount\n${GOOD},1\n`),
      /line 1: the column amount is there twice; keep one/,
    );
    assert.match(await refuse(`${HEADER},__proto__\n${GOOD},1\n`), /the column "__proto__" is not known/);
  });

  it('says that there is no header, or that other signs separate the columns', async () => {
    assert.match(
      await refuse(`${GOOD}\n`),
      /line 1: the first line, "A1,S1,.*", names none of the columns; write a header/,
    );
    assert.match(
      await refuse(`${HEADER.replaceAll(',', ';')}\n`),
      /is separated by ;; write a header, separated by commas/,
    );
    assert.match(await refuse(`${HEADER.replaceAll(',', '\t')}\n`), /is separated by tabs; write a header/);
  });

  it('refuses a line with too many values, too few, or nothing but commas', async () => {
    assert.match(
      await refuse(`${HEADER}\nA1,S1,김안규,1,000,2026-03-02T10:00\n`),
      /line 2: has 6 values where the header has 5; put a value that holds a comma in quotes/,
    );
    assert.match(await refuse(`${HEADER}\nA1,S1,김안규\n`), /line 2: has 3 values where the header has 5/);
    assert.match(
      await refuse(`${HEADER}\n${GOOD}\n,,,,\n`),
      /line 3: holds nothing but commas; delete the line/,
    );
  });

  it('names the line in which a quote is opened and never closed, beside what is wrong above it', async () => {
    const message = await refuse(
      `${HEADER}\nA0,S1,김안규,x,2026-03-02T10:00\nA1,S1,"김안규,1,2026-03-02T10:00\nA2,S1,이도,1,2026-03-02T10:00\n`,
    );
    assert.match(message, /line 2, column amount: "x"/);
    assert.match(message, /line 3: a quote \("\) is opened and never closed/);
    assert.match(
      await refuse(`${HEADER}\nA1,S1,"김"안규,1,2026-03-02T10:00\n`),
      /line 2: a quoted value goes on after its closing quote/,
    );
    assert.match(
      await refuse(`${HEADER}\nA1,S1,김"안규,1,2026-03-02T10:00\n`),
      /line 2: a quote \("\) stands inside a value/,
    );
  });

  it('refuses a file without content or without rows', async () => {
    assert.equal(await refuse(''), 'orders.csv: is empty; it needs a header line and at least one row');
    assert.equal(
      await refuse('\uFEFF\n'),
      'orders.csv: is empty; it needs a header line and at least one row',
    );
    assert.equal(await refuse(`${HEADER}\n`), 'orders.csv: has a header and no rows; it needs at least one');
  });

  it('refuses a missing file and a folder', async () => {
    const missing = await readOrdersFile('/nowhere/orders.csv');
    assert.equal(
      missing.outcome === 'bad_file' && missing.message,
      '/nowhere/orders.csv: there is no such file; check the path',
    );
    const folder = await readOrdersFile('/');
    assert.equal(folder.outcome === 'bad_file' && folder.message, '/: is a folder; name a CSV file');
  });

  it('recognises CP949, shows the line as it was meant, and tells how to save it', async () => {
    const message = await refuse(iconv.encode(`${HEADER}\n${GOOD}\n`, 'cp949'));
    assert.match(
      message,
      /^orders\.csv line 2: byte 7 \(0xB1\) is not UTF-8; the file looks like CP949 \(EUC-KR\), in which this line reads "A1,S1,김안규,12000/,
    );
    assert.match(message, /save it as UTF-8/);
  });

  it('names the first bad byte after good Korean text', async () => {
    const bytes = Buffer.concat([Buffer.from(`${HEADER}\n${GOOD}\n이도�`), Buffer.from([0xff, 0x0a])]);
    assert.match(await refuse(bytes), /^orders\.csv line 3: byte 10 \(0xFF\) is not UTF-8; save it/);
  });

  it('recognises UTF-16, spreadsheets and web pages', async () => {
    assert.match(
      await refuse(iconv.encode(`${HEADER}\n`, 'utf16le', { addBOM: true })),
      /is UTF-16, not UTF-8/,
    );
    assert.match(
      await refuse(iconv.encode(`${HEADER}\n`, 'utf16be', { addBOM: false })),
      /is UTF-16, not UTF-8/,
    );
    assert.match(await refuse(Buffer.from('PK\x03\x04rest', 'latin1')), /is a spreadsheet, not CSV/);
    assert.match(await refuse('<html><table>'), /is a web page \(HTML\), not CSV/);
    assert.match(await refuse(`${HEADER}\n${GOOD.replace('A1', 'A\0')}\n`), /line 2: a NUL byte/);
  });
});
