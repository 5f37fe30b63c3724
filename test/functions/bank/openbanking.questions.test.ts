import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { won } from '../../../functions/shared/money.ts';
import type { Inquiry, StatementRow } from '../../../functions/bank/bank.ts';
import {
  COLLECTION_ACCOUNT,
  handMadeServer,
  newBankTranId,
  PAYOUT_ACCOUNT,
  reply,
  SECRETS,
  startTestBank,
  testBank,
  testClock,
  transferOrder,
} from './bank-fixture.ts';
import type { Handler } from './bank-fixture.ts';

const ROW = {
  tran_date: '20260302',
  tran_time: '120000',
  inout_type: '입금',
  tran_type: '타행입금',
  print_content: '김구매12345',
  tran_amt: '10000',
  after_balance_amt: '10000',
  branch_name: '오픈뱅킹',
};

const stops: (() => Promise<void>)[] = [];

describe('a question to Open Banking', () => {
  const noon = testClock();
  const from = noon.now();
  const to = new Date(from.getTime() + 3_600_000);
  const request = { account: COLLECTION_ACCOUNT, from, to };

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function simulator(clock = testClock(), changes: Parameters<typeof startTestBank>[1] = {}) {
    const started = await startTestBank(clock, changes);
    stops.push(() => started.stop());
    return { simulated: started, clock };
  }

  async function server(handler: Handler, tokenHandler?: Parameters<typeof handMadeServer>[1]) {
    const started = await handMadeServer(handler, tokenHandler);
    stops.push(() => started.stop());
    return started;
  }

  function page(rows: unknown[], changes: Record<string, unknown> = {}) {
    const accepted = { rsp_code: 'A0000', rsp_message: '', bank_rsp_code: '000' };
    return {
      ...accepted,
      page_record_cnt: rows.length.toString(),
      next_page_yn: 'N',
      res_list: rows,
      ...changes,
    };
  }

  /** What a bank that answers with this page is said to have answered. */
  async function detailOf(body: unknown, status = 200): Promise<string> {
    const made = await server((outgoing) => reply(outgoing, status, body));
    const answer = await testBank(made.url, noon).listTransactions(request);
    assert.equal(answer.outcome, 'refused');
    assert.equal(answer.exchange.operation, 'transaction_list');
    return `${answer.cause}: ${answer.detail}`;
  }

  describe('about who sent what came in', () => {
    const account = { bankCode: '004', accountNumber: '100000000002' };
    const REMITTED = {
      ...ROW,
      remitter_name: ' 홍길동 ',
      remitter_bank_code: '088',
      remitter_account_num: '110222333444',
    };

    async function answered(body: unknown, status = 200) {
      const made = await server((outgoing) => reply(outgoing, status, body));
      return await testBank(made.url, noon).listRemitters({ account, at: from });
    }

    it('reads the sender of each row of that second, as the simulated bank knows it', async () => {
      const { simulated, clock } = await simulator();
      const sender = { bankCode: '088', accountNumber: '110222333444', name: '홍길동' };
      simulated.deposit({ account: COLLECTION_ACCOUNT, amount: won(100n), text: '모르는사람', sender });
      simulated.deposit({ account: COLLECTION_ACCOUNT, amount: won(200n), text: '모르는사람' });
      clock.advance(1000);
      simulated.deposit({ account: COLLECTION_ACCOUNT, amount: won(300n), text: '모르는사람', sender });
      const answer = await testBank(simulated.url, clock).listRemitters({
        account: { bankCode: '097', accountNumber: '1000000000002' },
        at: from,
      });
      assert.equal(answer.outcome, 'page');
      assert.deepEqual(
        answer.rows.map(({ amount, balanceAfter, ...row }) => [
          amount,
          balanceAfter,
          row.name,
          row.accountNumber,
        ]),
        [
          [100n, 100n, '홍길동', '110222333444'],
          [200n, 300n, '', ''],
        ],
      );
      assert.equal(answer.exchange.operation, 'remitter_list');
    });

    it('reads spaces around a name as none, and what is no text as not told', async () => {
      const strange = { ...REMITTED, remitter_account_num: 110222333444, remitter_bank_code: null };
      const answer = await answered(page([REMITTED, strange]));
      assert.equal(answer.outcome, 'page');
      assert.deepEqual(
        answer.rows.map((row) => [row.name, row.bankCode, row.accountNumber]),
        [
          ['홍길동', '088', '110222333444'],
          ['홍길동', '', ''],
        ],
      );
    });

    for (const [what, body, detail] of [
      ['a code that it does not list', { rsp_code: 'A0004', bank_rsp_code: '' }, /A0004/],
      ['an amount that is none', page([{ ...REMITTED, tran_amt: '1.5' }]), /res_list\.0/],
      ['a row without a time', page([{ ...REMITTED, tran_time: 'noon' }]), /tran_time/],
      ['what is no JSON', 'no', /not JSON/],
    ] as const) {
      it(`takes ${what} for no answer, and names no account`, async () => {
        const answer = await answered(body);
        assert.equal(answer.outcome, 'refused');
        assert.match(answer.detail, detail);
        assert.doesNotMatch(answer.detail, /110222333444|홍길동/);
      });
    }

    it('goes on where the bank says that more rows follow', async () => {
      const answer = await answered(page([REMITTED], { next_page_yn: 'Y', befor_inquiry_trace_info: 'R7' }));
      assert.equal(answer.outcome, 'page');
      assert.equal(answer.nextPage, 'R7');
    });
  });

  describe('about a statement', () => {
    it('reads 26 rows in two pages, each once and oldest first', async () => {
      const { simulated, clock } = await simulator();
      for (let index = 0; index < 26; index += 1) {
        clock.advance(1000);
        simulated.deposit({ account: COLLECTION_ACCOUNT, amount: won(100n), text: `구매자${index}` });
      }
      const bank = testBank(simulated.url, clock);
      const first = await bank.listTransactions(request);
      assert.equal(first.outcome, 'page');
      assert.equal(first.rows.length, 25);
      assert.notEqual(first.nextPage, undefined);
      const second = await bank.listTransactions({ ...request, page: first.nextPage! });
      assert.equal(second.outcome, 'page');
      assert.equal(second.nextPage, undefined);
      const texts = [...first.rows, ...second.rows].map((row) => row.text);
      assert.deepEqual(
        texts,
        Array.from({ length: 26 }, (_, index) => `구매자${index}`),
      );
    });

    it('reads every field of a row', async () => {
      const made = await server((outgoing) =>
        reply(outgoing, 200, page([{ ...ROW, after_balance_amt: '-5' }])),
      );
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(answer.outcome, 'page');
      const expected: StatementRow = {
        occurredAt: new Date('2026-03-02T12:00:00+09:00'),
        direction: 'in',
        amount: won(10_000n),
        balanceAfter: won(-5n),
        text: '김구매12345',
        kind: '타행입금',
        branch: '오픈뱅킹',
      };
      assert.deepEqual(answer.rows, [expected]);
    });

    it('shows texts as PostgreSQL can store them: no U+0000, no half of a character, at most 100', async () => {
      const broken = {
        ...ROW,
        tran_type: 'a\u0000b',
        print_content: '김\ud83d구매',
        branch_name: '가'.repeat(5000),
      };
      const made = await server((outgoing) => reply(outgoing, 200, page([broken])));
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(answer.outcome, 'page');
      const [row] = answer.rows;
      assert.deepEqual([row?.kind, row?.text, row?.branch], ['a b', '김\ufffd구매', '가'.repeat(100)]);
    });

    it('names a code as PostgreSQL can store it', async () => {
      assert.equal(await detailOf({ rsp_code: 'A0\u00009\ud83d' }), 'unavailable: A0 9\ufffd');
      assert.match(await detailOf(page([{ ...ROW, tran_amt: '1\u0000' }])), /tran_amt is "1 ", expected/);
    });

    it('quotes no object of an answer that it cannot read, since it could hold an account number', async () => {
      const secret = { account_num: '11012345678' };
      const details = [
        await detailOf(page([{ ...ROW, tran_amt: secret }])),
        await detailOf(page([{ ...ROW, tran_amt: [secret] }])),
        await detailOf({ rsp_code: secret }),
        await detailOf([secret]),
      ];
      for (const detail of details) assert.doesNotMatch(detail, /11012345678/);
      assert.match(details[0]!, /^unavailable: res_list.0.tran_amt is an object: /);
      assert.match(details[1]!, /^unavailable: res_list.0.tran_amt is a list: /);
    });

    it('takes the text from printed_content too, and does without what is optional', async () => {
      const rest = { ...ROW, print_content: undefined, branch_name: undefined, tran_type: null };
      const row = { ...rest, printed_content: '다른칸', inout_type: '지급' };
      const made = await server((outgoing) => reply(outgoing, 200, page([row])));
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(answer.outcome, 'page');
      assert.deepEqual(
        [answer.rows[0]?.text, answer.rows[0]?.kind, answer.rows[0]?.direction],
        ['다른칸', '', 'out'],
      );
    });

    it('asks for both instants, by time, ascending, with a new id', async () => {
      const made = await server((outgoing) => reply(outgoing, 200, page([])));
      await testBank(made.url, noon, { queryId: () => '0QUERY001' }).listTransactions({
        ...request,
        page: 'R24',
      });
      const query = Object.fromEntries(new URL(made.requests[0]!.path, made.url).searchParams);
      assert.deepEqual(query, {
        bank_tran_id: `${SECRETS.organisationCode}U0QUERY001`,
        fintech_use_num: COLLECTION_ACCOUNT,
        inquiry_type: 'A',
        inquiry_base: 'T',
        from_date: '20260302',
        from_time: '120000',
        to_date: '20260302',
        to_time: '130000',
        sort_order: 'A',
        tran_dtime: '20260302120000',
        befor_inquiry_trace_info: 'R24',
      });
    });

    it('puts rows that come out of order into the order of time', async () => {
      const later = { ...ROW, tran_time: '120500' };
      const made = await server((outgoing) => reply(outgoing, 200, page([later, ROW])));
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(answer.outcome, 'page');
      assert.deepEqual(
        answer.rows.map((row) => row.occurredAt.toISOString()),
        ['2026-03-02T03:00:00.000Z', '2026-03-02T03:05:00.000Z'],
      );
    });

    const malformed: [string, Record<string, unknown>, RegExp][] = [
      [
        'an amount with a decimal point',
        { tran_amt: '100.5' },
        /^unavailable: res_list\.1\.tran_amt is "100\.5"/,
      ],
      ['an amount that is no text', { tran_amt: 100 }, /^unavailable: res_list\.1\.tran_amt is 100/],
      [
        'no balance',
        { after_balance_amt: undefined },
        /^unavailable: res_list\.1\.after_balance_amt is missing/,
      ],
      ['an impossible date', { tran_date: '20260231' }, /^unavailable: res_list\.1\.tran_date is "20260231"/],
      ['an impossible time', { tran_time: '240000' }, /^unavailable: res_list\.1\..*"240000"/],
      ['a time not asked for', { tran_time: '130001' }, /^unavailable: res_list\.1\..*not asked for/],
      ['an unknown direction', { inout_type: '기타' }, /^unavailable: res_list\.1\.inout_type is "기타"/],
      ['no text', { print_content: undefined }, /^unavailable: res_list\.1\.print_content is missing/],
    ];
    for (const [what, change, expected] of malformed) {
      it(`refuses the whole page for a row with ${what}`, async () => {
        assert.match(await detailOf(page([ROW, { ...ROW, ...change }, ROW])), expected);
      });
    }

    it('refuses a page that contradicts itself', async () => {
      assert.match(
        await detailOf(page([ROW], { page_record_cnt: '2' })),
        /page_record_cnt is "2" for 1 rows/,
      );
      assert.match(await detailOf(page([ROW], { next_page_yn: 'Y' })), /leads no further/);
      assert.match(await detailOf(page([ROW], { next_page_yn: '' })), /next_page_yn is ""/);
      assert.match(
        await detailOf(page([], { next_page_yn: 'Y', befor_inquiry_trace_info: 'R1' })),
        /leads no further/,
      );
      assert.match(await detailOf(page(Array.from({ length: 26 }, () => ROW))), /res_list is/);
    });

    it('takes HTTP 200 for nothing without both codes', async () => {
      assert.equal(await detailOf(page([ROW], { rsp_code: 'A0002' })), 'unavailable: A0002/000');
      assert.equal(await detailOf(page([ROW], { bank_rsp_code: '' })), 'unavailable: A0000');
    });

    it('tells maintenance from other failures', async () => {
      assert.equal(await detailOf('', 503), 'maintenance: HTTP 503');
      assert.equal(await detailOf('', 502), 'unavailable: HTTP 502');
      assert.equal(await detailOf('<html>', 200), 'unavailable: not JSON');
    });

    it('refuses a cut answer and keeps what came of it', async () => {
      const made = await server((outgoing) => {
        outgoing.writeHead(200, { 'content-length': 1000 });
        outgoing.write('{"rsp_code":"A0', () => outgoing.destroy());
      });
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(answer.outcome, 'refused');
      assert.equal(answer.detail, 'ECONNRESET');
      assert.equal(answer.exchange.responseBody, '{"rsp_code":"A0');
    });

    it('refuses when the bank is silent for too long', async () => {
      const made = await server(() => undefined);
      const answer = await testBank(made.url, noon, { callTimeoutMs: 200 }).listTransactions(request);
      assert.equal(answer.outcome, 'refused');
      assert.deepEqual(
        [answer.cause, answer.detail, answer.exchange.error],
        ['unavailable', 'timeout', 'timeout'],
      );
    });

    it('throws for a range that is not whole seconds of one KST date', async () => {
      const bank = testBank('http://127.0.0.1:1', noon);
      const nextDay = new Date(from.getTime() + 86_400_000);
      const half = new Date(from.getTime() + 500);
      await assert.rejects(bank.listTransactions({ ...request, to: nextDay }), /one KST date/);
      await assert.rejects(bank.listTransactions({ ...request, to: half }), /whole seconds/);
      await assert.rejects(bank.listTransactions({ ...request, from: to, to: from }), /one KST date/);
    });
  });

  describe('and its token', () => {
    const rejections: [string, Handler][] = [
      ['HTTP 401', (outgoing) => reply(outgoing, 401, {})],
      ['O0002', (outgoing) => reply(outgoing, 200, { rsp_code: 'O0002', rsp_message: 'Access Token 거부' })],
    ];
    for (const [name, reject] of rejections) {
      it(`fetches another token once after ${name}`, async () => {
        const made = await server((outgoing, asked) => {
          if (asked.authorization === 'Bearer token-1') reject(outgoing, asked);
          else reply(outgoing, 200, page([ROW]));
        });
        const bank = testBank(made.url, noon);
        assert.equal((await bank.listTransactions(request)).outcome, 'page');
        assert.equal((await bank.listTransactions(request)).outcome, 'page');
        assert.equal(made.tokensIssued(), 2);
        assert.equal(made.requests.length, 3);
      });

      it(`gives up as a matter of credentials when ${name} comes twice`, async () => {
        const made = await server(reject);
        const answer = await testBank(made.url, noon).listTransactions(request);
        assert.equal(answer.outcome, 'refused');
        assert.equal(answer.cause, 'credentials');
        assert.equal(made.requests.length, 2);
      });
    }

    it('fetches one token for many questions at once', async () => {
      const made = await server((outgoing) => reply(outgoing, 200, page([])));
      const bank = testBank(made.url, noon, { maxConcurrentCalls: 10 });
      await Promise.all(Array.from({ length: 10 }, () => bank.listTransactions(request)));
      assert.equal(made.tokensIssued(), 1);
    });

    it('fetches another before the old one ends, with credentials read anew', async () => {
      const { simulated, clock } = await simulator(testClock(), { tokenLifeSeconds: 600 });
      let reads = 0;
      const credentials = () => Promise.resolve((reads++, SECRETS));
      const bank = testBank(simulated.url, clock, { credentials });
      await bank.listTransactions(request);
      clock.advance(530_000);
      await bank.listTransactions(request);
      assert.equal(reads, 1);
      clock.advance(20_000);
      assert.equal((await bank.listTransactions(request)).outcome, 'page');
      assert.equal(reads, 2);
    });

    it('works on after the bank has ended every token', async () => {
      const { simulated, clock } = await simulator();
      const bank = testBank(simulated.url, clock);
      await bank.listTransactions(request);
      simulated.revokeTokens();
      assert.equal((await bank.listTransactions(request)).outcome, 'page');
    });

    it('is a matter of credentials when the secret is wrong, and shows no secret', async () => {
      const { simulated, clock } = await simulator();
      const wrong = { ...SECRETS, clientSecret: `not ${SECRETS.clientSecret}` };
      const bank = testBank(simulated.url, clock, { credentials: () => Promise.resolve(wrong) });
      const answer = await bank.listTransactions(request);
      assert.equal(answer.outcome, 'refused');
      assert.deepEqual([answer.cause, answer.exchange.operation], ['credentials', 'token']);
      assert.equal(JSON.stringify(answer).includes(SECRETS.clientSecret), false);
    });

    it('reads a client secret again, once, that was rotated since it was cached', async () => {
      const { simulated, clock } = await simulator();
      simulated.addClientSecret('rotated');
      simulated.endClientSecret(SECRETS.clientSecret);
      const reads: boolean[] = [];
      const credentials = (fresh: boolean) => {
        reads.push(fresh);
        return Promise.resolve(fresh ? { ...SECRETS, clientSecret: 'rotated' } : SECRETS);
      };
      const bank = testBank(simulated.url, clock, { credentials });
      assert.equal((await bank.listTransactions(request)).outcome, 'page');
      assert.deepEqual(reads, [false, true]);
    });

    it('tries a refused client secret no second time when the secret still holds the same', async () => {
      const made = await server(
        () => assert.fail('no question without a token'),
        (outgoing) => reply(outgoing, 401, { rsp_code: 'O0001' }),
      );
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.deepEqual(
        [answer.outcome, answer.outcome === 'refused' && answer.detail],
        ['refused', 'HTTP 401 O0001'],
      );
      assert.equal(made.tokensIssued(), 1);
    });

    it('is a matter of credentials when they cannot be read', async () => {
      const credentials = () => Promise.reject(new RangeError('no such secret'));
      const answer = await testBank('http://127.0.0.1:1', noon, { credentials }).listTransactions(request);
      assert.equal(answer.outcome, 'refused');
      assert.deepEqual([answer.cause, answer.detail], ['credentials', 'RangeError']);
    });

    const failures: [number, unknown, string][] = [
      [503, '', 'maintenance'],
      [500, '', 'unavailable'],
      [200, '<html>', 'unavailable'],
      [200, { access_token: '', expires_in: 1 }, 'credentials'],
    ];
    for (const [status, body, cause] of failures) {
      it(`refuses as ${cause} when the token's answer is HTTP ${status} ${JSON.stringify(body)}`, async () => {
        const made = await server(
          () => assert.fail('no question without a token'),
          (outgoing) => reply(outgoing, status, body),
        );
        const answer = await testBank(made.url, noon).listTransactions(request);
        assert.equal(answer.outcome, 'refused');
        assert.equal(answer.cause, cause);
      });
    }

    it('never shows a token in what is stored', async () => {
      const made = await server(
        () => assert.fail('no question without a token'),
        (outgoing) => reply(outgoing, 200, { access_token: 'local-only-token', expires_in: 'soon' }),
      );
      const answer = await testBank(made.url, noon).listTransactions(request);
      assert.equal(JSON.stringify(answer).includes('local-only-token'), false);
    });
  });

  describe('with a bounded number of calls', () => {
    it('has no more of them at the bank at once than allowed', async () => {
      const held: ServerResponse[] = [];
      let most = 0;
      const made = await server((outgoing) => {
        most = Math.max(most, held.push(outgoing));
        if (held.length < 3) return;
        // Time for a fourth call to show itself; without one, the wait changes nothing.
        setTimeout(() => held.splice(0).forEach((waiting) => reply(waiting, 200, page([]))), 10);
      });
      const bank = testBank(made.url, noon, { maxConcurrentCalls: 3 });
      const answers = await Promise.all(Array.from({ length: 21 }, () => bank.listTransactions(request)));
      assert.equal(
        answers.every((answer) => answer.outcome === 'page'),
        true,
      );
      assert.equal(most, 3);
    });
  });

  describe('about what became of transfers', () => {
    function inquiry(changes: Partial<Inquiry> = {}): Inquiry {
      return { bankTranId: newBankTranId(), bankDate: '2026-03-02', amount: won(10_000n), ...changes };
    }

    it('answers for each of several: done, failed, and unknown to the bank', async () => {
      const { simulated, clock } = await simulator();
      const bank = testBank(simulated.url, clock);
      const done = transferOrder(clock);
      const failed = transferOrder(clock, { amount: won(2_000_000n) });
      for (const order of [done, failed]) await bank.sendTransfer(bank.prepareTransfer(order), () => true);
      const unknown = inquiry();
      const answer = await bank.inquire([
        inquiry({ bankTranId: done.bankTranId }),
        inquiry({ bankTranId: failed.bankTranId, amount: failed.amount }),
        unknown,
      ]);
      assert.equal(answer.outcome, 'answered');
      assert.deepEqual(answer.byBankTranId.get(done.bankTranId), { outcome: 'succeeded' });
      assert.deepEqual(answer.byBankTranId.get(failed.bankTranId), {
        outcome: 'failed',
        cause: 'funds',
        code: 'A0009/453',
      });
      assert.deepEqual(answer.byBankTranId.get(unknown.bankTranId), {
        outcome: 'no_such_transfer',
        code: 'A0310',
      });
      assert.equal(simulated.rows(PAYOUT_ACCOUNT).length, 1);
    });

    it('asks about deposit transfers, by id, date and amount', async () => {
      const made = await server((outgoing) => reply(outgoing, 200, { rsp_code: 'A0310' }));
      const asked = inquiry();
      const answer = await testBank(made.url, noon).inquire([asked]);
      assert.deepEqual(JSON.parse(made.requests[0]!.body), {
        check_type: '2',
        tran_dtime: '20260302120000',
        req_cnt: '1',
        req_list: [
          {
            tran_no: '1',
            org_bank_tran_id: asked.bankTranId,
            org_bank_tran_date: '20260302',
            org_tran_amt: '10000',
          },
        ],
      });
      assert.equal(answer.outcome, 'answered');
      assert.deepEqual(answer.byBankTranId.get(asked.bankTranId), {
        outcome: 'no_such_transfer',
        code: 'A0310',
      });
    });

    it('takes "no such transfer" for several at once as saying nothing of any', async () => {
      const made = await server((outgoing) => reply(outgoing, 200, { rsp_code: 'A0310' }));
      const answer = await testBank(made.url, noon).inquire([inquiry(), inquiry()]);
      assert.equal(answer.outcome, 'answered');
      assert.deepEqual(
        [...answer.byBankTranId.values()].map(({ outcome }) => outcome),
        ['ambiguous', 'ambiguous'],
      );
    });

    it('is ambiguous about a transfer that is missing, doubled, or of another amount in the answer', async () => {
      const [missing, doubled, other, head] = [inquiry(), inquiry(), inquiry(), inquiry()];
      const item = ({ bankTranId }: Inquiry, amount = '10000') => ({
        bank_tran_id: bankTranId,
        bank_rsp_code: '000',
        tran_amt: amount,
      });
      const list = [item(doubled), item(doubled), item(other, '1'), item(head)];
      const made = await server((outgoing) => reply(outgoing, 200, { rsp_code: 'A0000', res_list: list }));
      const answer = await testBank(made.url, noon).inquire([missing, doubled, other, head]);
      assert.equal(answer.outcome, 'answered');
      const outcomes = [missing, doubled, other, head].map(
        (asked) => answer.byBankTranId.get(asked.bankTranId)?.outcome,
      );
      assert.deepEqual(outcomes, ['ambiguous', 'ambiguous', 'ambiguous', 'succeeded']);
    });

    it('is refused on HTTP 5xx, no JSON and a cut body', async () => {
      const handlers: Handler[] = [
        (outgoing) => reply(outgoing, 500, {}),
        (outgoing) => reply(outgoing, 200, 'nonsense'),
        (outgoing) => {
          outgoing.writeHead(200, { 'content-length': 1000 });
          outgoing.write('{', () => outgoing.destroy());
        },
      ];
      for (const handler of handlers) {
        const made = await server(handler);
        const answer = await testBank(made.url, noon).inquire([inquiry()]);
        assert.equal(answer.outcome, 'refused');
        assert.equal(answer.cause, 'unavailable');
      }
    });

    it('throws for none and for more than 25', async () => {
      const bank = testBank('http://127.0.0.1:1', noon);
      await assert.rejects(bank.inquire([]), /1 to 25/);
      await assert.rejects(bank.inquire(Array.from({ length: 26 }, () => inquiry())), /1 to 25/);
    });
  });
});
