import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Inquiry, StatementRequest } from '../../../functions/bank/bank.ts';
import {
  checkStatementRequest,
  depositTransferBody,
  fillPassPhrase,
  readInquiryAnswer,
  readStatementAnswer,
  readTransferAnswer,
} from '../../../functions/bank/openbanking.messages.ts';
import { won } from '../../../functions/shared/money.ts';
import { testClock, transferOrder } from './bank-fixture.ts';

const ID = 'F123456789U000000001';
const OTHER_ID = 'F123456789U000000002';
const asked = { bankTranId: ID, amount: won(10_000n) };

/** A result of a transfer, as KFTC sends it. */
const item = (changes: Record<string, unknown> = {}) => ({
  bank_tran_id: ID,
  bank_tran_date: '20260310',
  bank_rsp_code: '000',
  tran_amt: '10000',
  ...changes,
});
const answer = (items: unknown, changes: Record<string, unknown> = {}) =>
  JSON.stringify({ rsp_code: 'A0000', rsp_message: '', res_list: items, ...changes });

describe('the message of a transfer', () => {
  const clock = testClock();
  const write = (changes: Parameters<typeof transferOrder>[1] = {}, contract = '1000000000001') =>
    depositTransferBody(transferOrder(clock, { bankTranId: ID, ...changes }), contract);

  for (const [field, wrong, right, expected] of [
    ['bankTranId', [`F${ID}`, `${ID}0`, 'F123456789V000000001'], [ID], 'organisation code, U, nine'],
    ['account', ['', '1'.repeat(25), '-1', '1-'], ['1', '1'.repeat(24)], 'at most 24 characters'],
    ['toBankCode', ['08', '0888', '-088', '08-'], ['088', 'ABC'], 'three characters'],
    ['toAccountNumber', ['', '1'.repeat(17), '-1', '1-'], ['1', '1'.repeat(16)], 'at most 16 characters'],
  ] as const) {
    it(`holds a ${field} of the bank's shape, and no other`, () => {
      for (const value of right) assert.ok(write({ [field]: value }).includes(`"${value}"`));
      const error = new RegExp(`transfer's ${field} .*: expected ${expected}`);
      for (const value of wrong) assert.throws(() => write({ [field]: value }), error, value);
    });
  }

  it('holds a contract account of the shape, and no other', () => {
    for (const number of ['1', '1'.repeat(16)]) assert.ok(write({}, number).includes(`"${number}"`));
    for (const number of ['', '1'.repeat(17), '-1', '1-']) {
      assert.throws(() => write({}, number), /contractAccountNumber .*: expected at most 16 characters/);
    }
  });

  it('holds an amount of one to twelve digits', () => {
    for (const amount of [1n, 999_999_999_999n])
      assert.ok(write({ amount: won(amount) }).includes(`"tran_amt":"${amount}"`));
    for (const amount of [0n, -5n, 1_000_000_000_000n]) {
      assert.throws(
        () => write({ amount: won(amount) }),
        /amount .*: expected more than 0 and at most twelve/,
      );
    }
  });

  it('is stored without the pass phrase, which has exactly one place in it', () => {
    const body = write();
    const passPhraseIn = (text: string) => (JSON.parse(text) as { wd_pass_phrase: string }).wd_pass_phrase;
    assert.equal(passPhraseIn(fillPassPhrase(body, 'a "b"\\')), 'a "b"\\');
    assert.equal(passPhraseIn(body), '{wd_pass_phrase}');
    for (const strange of ['', '{}', `${body}${body}`]) {
      assert.throws(() => fillPassPhrase(strange, 'x'), /no single place for the pass phrase/);
    }
  });
});

describe('the answer to a transfer', () => {
  const read = (body: string) => readTransferAnswer(body, asked);
  const codeOf = (body: string) => {
    const outcome = read(body);
    assert.equal(outcome.outcome, 'ambiguous');
    return outcome.code;
  };

  it('is a success with both codes, our id, our amount and a date', () => {
    const success = { outcome: 'succeeded', bankDate: '2026-03-10' };
    assert.deepEqual(read(answer([item()])), success);
    // An answer need not repeat the amount.
    assert.deepEqual(read(answer([item({ tran_amt: '' })])), success);
    assert.deepEqual(read(answer([item({ tran_amt: null })])), success);
  });

  it('is ambiguous, and says why, when it is not exactly the answer to this transfer', () => {
    assert.equal(codeOf('{"rsp_code":'), 'not JSON');
    assert.match(codeOf('{}'), /^rsp_code is missing: /);
    assert.match(codeOf('[]'), /^answer is a list: /);
    assert.match(codeOf('null'), /^answer is null: /);
    assert.match(codeOf('7'), /^answer is 7: /);
    assert.match(codeOf(answer({})), /^res_list is an object: /);
    assert.match(codeOf(answer([item(), 7])), /^res_list\.1 is 7: /);
    assert.match(codeOf(answer([[]])), /^res_list\.0 is a list: /);
    assert.match(codeOf(answer([item({ bank_tran_id: 5 })])), /^res_list\.0\.bank_tran_id is 5: /);
    assert.equal(codeOf(answer([item(), item()])), 'A0000 with 2 results');
    assert.equal(codeOf(answer([item({ bank_tran_id: OTHER_ID })])), `bank_tran_id is "${OTHER_ID}"`);
    assert.equal(codeOf(answer([item({ tran_amt: '9999' })])), 'tran_amt is "9999"');
    assert.equal(codeOf(answer([item({ tran_amt: 'x' })])), 'tran_amt is "x"');
    assert.equal(codeOf(answer([])), 'A0000');
    assert.equal(codeOf(answer([], { bank_rsp_code: '000' })), 'A0000 without a result');
    for (const date of ['', '20260230', '2026031', '202603100', '2026-3-1'])
      assert.equal(codeOf(answer([item({ bank_tran_date: date })])), `bank_tran_date is "${date}"`);
  });

  it('quotes no more than a hundred characters of what it cannot read', () => {
    const code = codeOf(answer('x'.repeat(1000)));
    assert.match(code, /^res_list is "x{99}: /);
  });

  it('is a failure without a result where both codes say so', () => {
    assert.deepEqual(read(answer([], { rsp_code: 'A0312' })), {
      outcome: 'failed',
      cause: 'payee',
      code: 'A0312',
    });
  });

  it('is a success for nothing that does not bear our id and both codes, whatever else it says', () => {
    const codes = fc.constantFrom('A0000', '000', 'A0009', '453', '', 'A0310', 'x');
    const strange = fc.record(
      {
        bank_tran_id: fc.constantFrom(ID, OTHER_ID, '', null),
        bank_tran_date: fc.constantFrom('20260310', '', '20269999'),
        bank_rsp_code: codes,
        tran_amt: fc.constantFrom('10000', '9999', '', '10000 '),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(codes, codes, fc.array(strange, { maxLength: 2 }), (head, headBank, items) => {
        const outcome = read(answer(items, { rsp_code: head, bank_rsp_code: headBank }));
        if (outcome.outcome !== 'succeeded') return;
        assert.equal(head, 'A0000');
        assert.equal(items.length, 1);
        assert.equal(items.at(0)?.bank_tran_id, ID);
        assert.equal(items.at(0)?.bank_rsp_code, '000');
        assert.notEqual(items.at(0)?.tran_amt, '9999');
      }),
    );
  });

  it('is ambiguous for any text that is no answer', () => {
    fc.assert(fc.property(fc.json(), (body) => assert.equal(read(body).outcome, 'ambiguous')));
  });
});

describe('the answer to an inquiry', () => {
  const one: Inquiry = { ...asked, bankDate: '2026-03-10' };
  const other: Inquiry = { ...one, bankTranId: OTHER_ID };
  const read = (body: string, inquiries: readonly Inquiry[] = [one]) => {
    const outcomes = readInquiryAnswer(body, inquiries);
    return typeof outcomes === 'string' ? outcomes : Object.fromEntries(outcomes);
  };

  it('says nothing of anything when it is none', () => {
    assert.equal(read('<html>'), 'not JSON');
    const problem = readInquiryAnswer('{}', [one]);
    assert.ok(typeof problem === 'string');
    assert.match(problem, /^rsp_code is missing: /);
  });

  it('speaks of each transfer by its own result, by the code of the result before that of the head', () => {
    const items = [
      item({ rsp_code: 'A0009', bank_rsp_code: '453' }),
      item({ bank_tran_id: OTHER_ID, rsp_code: '', bank_rsp_code: '000' }),
    ];
    assert.deepEqual(read(answer(items), [one, other]), {
      [ID]: { outcome: 'failed', cause: 'funds', code: 'A0009/453' },
      [OTHER_ID]: { outcome: 'succeeded' },
    });
  });

  it('leaves a transfer ambiguous that it does not speak of, or twice, or with another amount', () => {
    assert.deepEqual(read(answer([item()]), [one, other]), {
      [ID]: { outcome: 'succeeded' },
      [OTHER_ID]: { outcome: 'ambiguous', code: 'A0000 with 0 results' },
    });
    assert.deepEqual(read(answer([item({ bank_tran_id: OTHER_ID })])), {
      [ID]: { outcome: 'ambiguous', code: 'A0000 with 0 results' },
    });
    assert.deepEqual(read(answer([item(), item()])), {
      [ID]: { outcome: 'ambiguous', code: 'A0000 with 2 results' },
    });
    assert.deepEqual(read(answer([item({ tran_amt: '1' })])), {
      [ID]: { outcome: 'ambiguous', code: 'tran_amt is "1"' },
    });
  });

  it('is "no such transfer" by its head for one transfer only', () => {
    const head = { rsp_code: 'A0310' };
    assert.deepEqual(read(answer([], head)), { [ID]: { outcome: 'no_such_transfer', code: 'A0310' } });
    const nothing = { outcome: 'ambiguous', code: 'A0310 with 0 results' };
    assert.deepEqual(read(answer([], head), [one, other]), { [ID]: nothing, [OTHER_ID]: nothing });
  });

  it('is no success without a result', () => {
    const expected = { [ID]: { outcome: 'ambiguous', code: 'A0000 without a result' } };
    assert.deepEqual(read(answer([], { bank_rsp_code: '000' })), expected);
    assert.deepEqual(read(answer(null, { bank_rsp_code: '000' })), expected);
  });
});

describe('a page of a statement', () => {
  const request: StatementRequest = {
    account: '1',
    from: new Date('2026-03-10T10:00:00+09:00'),
    to: new Date('2026-03-10T11:00:00+09:00'),
  };
  const row = (changes: Record<string, unknown> = {}) => ({
    tran_date: '20260310',
    tran_time: '103000',
    inout_type: '입금',
    tran_type: '',
    print_content: '홍길동0420',
    tran_amt: '10000',
    after_balance_amt: '10000',
    ...changes,
  });
  const page = (rows: unknown[], changes: Record<string, unknown> = {}) =>
    JSON.stringify({
      rsp_code: 'A0000',
      bank_rsp_code: '000',
      next_page_yn: 'N',
      res_list: rows,
      ...changes,
    });
  const read = (rows: unknown[], changes: Record<string, unknown> = {}) =>
    readStatementAnswer(page(rows, changes), request);
  const rowsOf = (rows: unknown[], changes: Record<string, unknown> = {}) => {
    const answered = read(rows, changes);
    if (typeof answered === 'string') throw new Error(answered);
    return answered.rows;
  };

  const problemOf = (rows: unknown[], changes: Record<string, unknown> = {}) => {
    const answered = read(rows, changes);
    return typeof answered === 'string' ? answered : 'none';
  };

  it('tells what came in from what went out, and guesses nothing', () => {
    const directions = ['입금', '출금', '지급'].map(
      (inout_type) => rowsOf([row({ inout_type })])[0]?.direction,
    );
    assert.deepEqual(directions, ['in', 'out', 'out']);
    assert.equal(
      read([row({ inout_type: '기타' })]),
      'res_list.0.inout_type is "기타", expected 입금, 출금 or 지급',
    );
  });

  it('holds rows from the first second asked for to the last', () => {
    for (const tran_time of ['100000', '110000']) assert.equal(rowsOf([row({ tran_time })]).length, 1);
    for (const tran_time of ['095959', '110001']) {
      assert.match(problemOf([row({ tran_time })]), /^res_list\.0\.tran_date .* was not asked for$/);
    }
  });

  it('holds no row whose time, amount or balance is none', () => {
    for (const [change, problem] of [
      [{ tran_date: '20260230' }, /which is no time/],
      [{ tran_date: 'x20260310' }, /tran_date/],
      [{ tran_date: '20260310x' }, /tran_date/],
      [{ tran_time: '1030000' }, /tran_time/],
      [{ tran_time: 'x103000' }, /tran_time/],
      [{ tran_amt: '1.5' }, /tran_amt is "1\.5", expected whole won/],
      [{ after_balance_amt: '' }, /after_balance_amt is "", expected whole won/],
      [{ print_content: null }, /print_content is missing/],
    ] as const) {
      assert.match(problemOf([row(change)]), problem);
    }
    assert.equal(rowsOf([row({ after_balance_amt: '-5' })])[0]?.balanceAfter, -5n);
  });

  it('holds as many rows as it says, where it says how many', () => {
    assert.equal(rowsOf([row()], { page_record_cnt: '1' }).length, 1);
    assert.equal(rowsOf([row()], { page_record_cnt: null }).length, 1);
    assert.equal(read([row()], { page_record_cnt: '2' }), 'page_record_cnt is "2" for 1 rows');
    for (const page_record_cnt of ['x1', '1x'])
      assert.match(problemOf([row()], { page_record_cnt }), /count|cnt/);
    assert.deepEqual(rowsOf([], { res_list: null }), []);
  });

  it('is asked for in whole seconds of one day in Korea', () => {
    checkStatementRequest(request);
    checkStatementRequest({ ...request, to: request.from });
    const midnight = new Date('2026-03-11T00:00:00+09:00');
    for (const wrong of [
      { from: new Date(request.from.getTime() + 1) },
      { to: new Date(request.to.getTime() + 1) },
      { to: new Date(request.from.getTime() - 1000) },
      { to: midnight },
    ]) {
      assert.throws(() => checkStatementRequest({ ...request, ...wrong }), /whole seconds of one KST date/);
    }
  });
});
