import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { won } from '../../../functions/shared/money.ts';
import type { Bank, StatementRow } from '../../../functions/bank/bank.ts';
import { createTokens } from '../../../functions/bank/openbanking.token.ts';
import { callHttp } from '../../../functions/bank/http-call.ts';
import { startDeadline } from '../../../functions/bank/deadline.ts';
import type { BankSimulator, BankSimulatorOptions } from '../../../local/bank-simulator/bank-simulator.ts';
import type { Faults } from '../../../local/bank-simulator/faults.ts';
import {
  COLLECTION_ACCOUNT,
  PAYOUT_ACCOUNT,
  SECRETS,
  startTestBank,
  testBank,
  testClock,
  transferOrder,
} from '../../functions/bank/bank-fixture.ts';
import type { TestClock } from '../../functions/bank/bank-fixture.ts';
import { until } from '../until.ts';

const yes = () => true;

describe('the bank simulator', () => {
  const stops: (() => Promise<void>)[] = [];
  let folder = '';
  let clock: TestClock;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'bank-simulator-'));
    clock = testClock();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    rmSync(folder, { recursive: true });
  });

  async function start(
    changes: Partial<BankSimulatorOptions> = {},
  ): Promise<{ simulated: BankSimulator; bank: Bank }> {
    const simulated = await startTestBank(clock, changes);
    stops.push(() => simulated.stop());
    return { simulated, bank: testBank(simulated.url, clock) };
  }

  /** Every row of an account that the bank shows for today, read page by page. */
  async function readAll(bank: Bank, account = COLLECTION_ACCOUNT): Promise<StatementRow[]> {
    const from = new Date('2026-03-02T00:00:00+09:00');
    const to = new Date('2026-03-02T23:59:59+09:00');
    const rows: StatementRow[] = [];
    let page: string | undefined;
    do {
      const answer = await bank.listTransactions({
        account,
        from,
        to,
        ...(page === undefined ? {} : { page }),
      });
      assert.equal(answer.outcome, 'page');
      rows.push(...answer.rows);
      page = answer.nextPage;
    } while (page !== undefined);
    return rows;
  }

  function deposit(simulated: BankSimulator, text = '김구매12345'): void {
    simulated.deposit({ account: COLLECTION_ACCOUNT, amount: won(100n), text });
  }

  it('chains the balances of an account over payments in and out', async () => {
    const { simulated, bank } = await start();
    simulated.deposit({ account: PAYOUT_ACCOUNT, amount: won(5n), text: '이자', kind: '이자' });
    await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    const rows = await readAll(bank, PAYOUT_ACCOUNT);
    assert.deepEqual(
      rows.map((row) => row.balanceAfter),
      [1_000_005n, 990_005n],
    );
    assert.deepEqual(
      rows.map((row) => row.direction),
      ['in', 'out'],
    );
  });

  it('credits a destination that it knows, and refuses another holder there', async () => {
    const { simulated, bank } = await start();
    const known = { toBankCode: '097', toAccountNumber: '1000000000002', toHolder: '우리상점' };
    await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock, known)), yes);
    assert.equal(simulated.rows(COLLECTION_ACCOUNT)[0]?.amount, 10_000n);
    const other = bank.prepareTransfer(transferOrder(clock, { ...known, toHolder: '김판매' }));
    const { result } = await bank.sendTransfer(other, yes);
    assert.deepEqual(result, { outcome: 'failed', cause: 'payee', code: 'A0312' });
  });

  for (const [how, outcome] of [
    ['whole', 'succeeded'],
    ['cut', 'ambiguous'],
  ] as const)
    it(`executes a transfer whose answer is held, and then lets the ${how} answer go`, async () => {
      const { simulated, bank } = await start();
      const held = simulated.holdTransferAnswers();
      const sending = bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      await until('the answer is held', () => held.count() === 1);
      assert.equal(simulated.transfers()[0]?.executed, true);
      held.letGo(how);
      assert.equal((await sending).result.outcome, outcome);
      const second = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      assert.equal(second.result.outcome, 'succeeded');
    });

  it('takes an id again on the next KST date', async () => {
    clock = testClock('2026-03-02T23:59:00+09:00');
    const { simulated, bank } = await start();
    const prepared = bank.prepareTransfer(transferOrder(clock));
    await bank.sendTransfer(prepared, yes);
    clock.advance(60_000);
    const { result } = await bank.sendTransfer(prepared, yes);
    assert.deepEqual(result, { outcome: 'succeeded', bankDate: '2026-03-03' });
    assert.equal(simulated.transfers().length, 2);
  });

  describe('on the wire', () => {
    async function post(
      url: string,
      body: unknown,
      contentType = 'application/json',
    ): Promise<Record<string, unknown>> {
      const tokens = createTokens({
        urlOf: (where) => new URL(where, url),
        credentials: () => Promise.resolve(SECRETS),
        clock,
        callHttp,
      });
      const got = await tokens.get(0, startDeadline(clock, 5000));
      assert.equal(got.outcome, 'token');
      const response = await fetch(`${url}/v2.0/transfer/deposit/acnt_num`, {
        method: 'POST',
        headers: { 'content-type': contentType, authorization: `Bearer ${got.token.value}` },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 200);
      return (await response.json()) as Record<string, unknown>;
    }

    it('takes a message in order, and none that is not', async () => {
      const { simulated, bank } = await start();
      const { body } = bank.prepareTransfer(transferOrder(clock));
      const message = {
        ...(JSON.parse(body) as Record<string, unknown>),
        wd_pass_phrase: SECRETS.passPhrase,
      };
      const [item] = (JSON.parse(body) as { req_list: [Record<string, unknown>] }).req_list;
      const wrong: [string, unknown][] = [
        ['wd_pass_phrase', { ...message, wd_pass_phrase: 'another' }],
        ['wd_print_content', { ...message, wd_print_content: '가'.repeat(11) }],
        ['tran_dtime', { ...message, tran_dtime: '20260231120000' }],
        ['req_cnt', { ...message, req_cnt: '2' }],
        ['cntr_account_num', { ...message, cntr_account_num: undefined }],
        ['req_list', { ...message, req_list: [item, item] }],
        ['tran_amt', { ...message, req_list: [{ ...item, tran_amt: '0' }] }],
        ['tran_amt', { ...message, req_list: [{ ...item, tran_amt: 10_000 }] }],
        ['bank_tran_id', { ...message, req_list: [{ ...item, bank_tran_id: 'SOMEBODY00U000000001' }] }],
        ['req_client_account_num', { ...message, req_list: [{ ...item, req_client_account_num: '1' }] }],
      ];
      for (const [field, body] of wrong) {
        const answer = await post(simulated.url, body);
        assert.equal(answer['rsp_code'], 'A0004', field);
        assert.match(String(answer['rsp_message']), new RegExp(field));
      }
      assert.equal((await post(simulated.url, message, 'text/plain'))['rsp_code'], 'A0004');
      assert.deepEqual(simulated.transfers(), []);
      assert.equal((await post(simulated.url, message))['rsp_code'], 'A0000');
    });

    it('rejects what comes without a token of its own', async () => {
      const { simulated } = await start();
      const response = await fetch(`${simulated.url}/v2.0/transfer/result`, { method: 'POST', body: '{}' });
      assert.equal(((await response.json()) as Record<string, unknown>)['rsp_code'], 'O0002');
    });
  });

  describe('with a file of rows', () => {
    const row = (at: string, balanceAfter: bigint) => ({
      occurredAt: new Date(at),
      direction: 'in' as const,
      amount: won(100n),
      balanceAfter: won(balanceAfter),
      text: '김구매12345',
      kind: '',
      branch: '',
    });
    const rows = [row('2026-03-02T12:00:00+09:00', 900n), row('2026-03-02T12:05:00+09:00', 700n)];

    it('shows each row once its time has come, with the balance of the file', async () => {
      const { simulated, bank } = await start();
      simulated.loadStatement(COLLECTION_ACCOUNT, rows);
      assert.deepEqual(
        (await readAll(bank)).map((shown) => shown.balanceAfter),
        [900n],
      );
      clock.advance(300_000);
      assert.deepEqual(
        (await readAll(bank)).map((shown) => shown.balanceAfter),
        [900n, 700n],
      );
    });

    it('takes the same file again, and no other rows beside it', async () => {
      const { simulated } = await start();
      simulated.loadStatement(COLLECTION_ACCOUNT, rows);
      simulated.loadStatement(COLLECTION_ACCOUNT, rows);
      assert.equal(simulated.rows(COLLECTION_ACCOUNT).length, 2);
      assert.throws(() => simulated.loadStatement(COLLECTION_ACCOUNT, [rows[0]!]), /already has rows/);
      assert.throws(() => deposit(simulated), /nothing may be added/);
    });

    it('refuses rows that are not in the order of time', async () => {
      const { simulated } = await start();
      assert.throws(() => simulated.loadStatement(COLLECTION_ACCOUNT, rows.toReversed()), /Row 2 .* earlier/);
    });
  });

  describe('with a journal', () => {
    it('has the same accounts, rows, balances and transfers after a restart', async () => {
      const journalFile = path.join(folder, 'bank.ndjson');
      const first = await start({ journalFile, faults: { paid_then_returned: 0.5, rows_late: 0.5 } });
      for (let index = 0; index < 10; index += 1) {
        clock.advance(1000);
        deposit(first.simulated);
        await first.bank.sendTransfer(first.bank.prepareTransfer(transferOrder(clock)), yes);
      }
      first.simulated.closeDestination('088', '110000000009');
      clock.advance(660_000);
      const before = [COLLECTION_ACCOUNT, PAYOUT_ACCOUNT].map((account) => first.simulated.rows(account));
      assert.equal(
        before[1]!.some((row) => row.kind === '반환'),
        true,
      );
      await first.simulated.stop();

      const second = await start({ journalFile });
      const after = [COLLECTION_ACCOUNT, PAYOUT_ACCOUNT].map((account) => second.simulated.rows(account));
      assert.deepEqual(after, before);
      assert.deepEqual(second.simulated.transfers(), first.simulated.transfers());
      const [last] = first.simulated.transfers().slice(-1);
      const again = second.bank.prepareTransfer(transferOrder(clock, { bankTranId: last!.bankTranId }));
      assert.deepEqual((await second.bank.sendTransfer(again, yes)).result, {
        outcome: 'ambiguous',
        code: 'A0326/822',
      });
      const toClosed = second.bank.prepareTransfer(transferOrder(clock, { toAccountNumber: '110000000009' }));
      assert.equal((await second.bank.sendTransfer(toClosed, yes)).result.outcome, 'failed');
    });

    it('cuts off a torn last line, and goes on', async () => {
      const journalFile = path.join(folder, 'bank.ndjson');
      const first = await start({ journalFile });
      deposit(first.simulated);
      await first.simulated.stop();
      appendFileSync(journalFile, '[{"type":"row_pos');
      const second = await start({ journalFile });
      deposit(second.simulated);
      await second.simulated.stop();
      const third = await start({ journalFile });
      assert.deepEqual(
        third.simulated.rows(COLLECTION_ACCOUNT).map((row) => row.balanceAfter),
        [100n, 200n],
      );
      assert.equal(readFileSync(journalFile, 'utf8').endsWith('\n'), true);
    });

    it('does not start from a journal that is broken elsewhere', async () => {
      const journalFile = path.join(folder, 'bank.ndjson');
      appendFileSync(journalFile, 'nonsense\n');
      await assert.rejects(start({ journalFile }), /bank\.ndjson:1 is no JSON/);
    });

    it('writes no secret into it', async () => {
      const journalFile = path.join(folder, 'bank.ndjson');
      const { bank } = await start({ journalFile });
      await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      const text = readFileSync(journalFile, 'utf8');
      assert.equal(text.includes(SECRETS.passPhrase) || text.includes(SECRETS.clientSecret), false);
    });

    it('refuses to open an account a second time with other details', async () => {
      const { simulated } = await start();
      const account = {
        fintechUseNum: PAYOUT_ACCOUNT,
        bankCode: '097',
        accountNumber: '1',
        holder: '남',
        openingBalance: won(1n),
      };
      assert.throws(() => simulated.openAccount(account), /other details/);
    });
  });

  describe('with faults', () => {
    const only = (fault: keyof Faults) => start({ faults: { [fault]: 1 }, slowMs: 1 });
    const asked = (bankTranId: string) => [{ bankTranId, bankDate: '2026-03-02', amount: won(10_000n) }];

    async function send(bank: Bank) {
      const order = transferOrder(clock);
      const { result } = await bank.sendTransfer(bank.prepareTransfer(order), yes);
      return { order, result };
    }

    it('says failed after executing', async () => {
      const { simulated, bank } = await only('say_failed_after_executing');
      const { result } = await send(bank);
      assert.equal(result.outcome, 'failed');
      assert.equal(simulated.rows(PAYOUT_ACCOUNT).length, 1);
      assert.equal(simulated.faultCounts().say_failed_after_executing, 1);
    });

    it('pays, and returns the money later with the reference and its own mark', async () => {
      const { simulated, bank } = await only('paid_then_returned');
      const { order, result } = await send(bank);
      assert.equal(result.outcome, 'succeeded');
      assert.equal((await readAll(bank, PAYOUT_ACCOUNT)).length, 1);
      clock.advance(600_000);
      const [, back] = await readAll(bank, PAYOUT_ACCOUNT);
      assert.deepEqual(
        [back?.direction, back?.amount, back?.text, back?.kind, back?.balanceAfter],
        ['in', order.amount, order.reference, '반환', 1_000_000n],
      );
      assert.equal(simulated.faultCounts().paid_then_returned, 1);
    });

    it('forgets the id of a transfer that it executed', async () => {
      const { bank } = await only('forget_id');
      const { order, result } = await send(bank);
      assert.equal(result.outcome, 'succeeded');
      for (let times = 0; times < 3; times += 1) {
        const answer = await bank.inquire(asked(order.bankTranId));
        assert.equal(answer.outcome, 'answered');
        assert.equal(answer.byBankTranId.get(order.bankTranId)?.outcome, 'no_such_transfer');
      }
    });

    it('lies when it is asked, in both ways', async () => {
      const { bank, simulated } = await only('lying_inquiry');
      const { order } = await send(bank);
      const said = new Set<string | undefined>();
      for (let times = 0; times < 20; times += 1) {
        const answer = await bank.inquire(asked(order.bankTranId));
        assert.equal(answer.outcome, 'answered');
        said.add(answer.byBankTranId.get(order.bankTranId)?.outcome);
      }
      assert.deepEqual([...said].sort(), ['failed', 'no_such_transfer']);
      assert.equal(simulated.faultCounts().lying_inquiry, 20);
    });

    it('shows rows late, and within the posting lag', async () => {
      const { simulated, bank } = await only('rows_late');
      deposit(simulated);
      assert.deepEqual(await readAll(bank), []);
      clock.advance(300_000);
      assert.equal((await readAll(bank)).length, 1);
      const [row] = simulated.rows(COLLECTION_ACCOUNT);
      assert.equal(row!.visibleAt.getTime() - row!.occurredAt.getTime() <= 300_000, true);
    });

    it('shows the last row of a page again on the next, and still ends', async () => {
      const { simulated, bank } = await only('rows_twice');
      for (let index = 0; index < 60; index += 1) deposit(simulated, `구매자${index}`);
      const texts = (await readAll(bank)).map((row) => row.text);
      assert.equal(new Set(texts).size, 60);
      assert.equal(texts.length, 62);
      assert.equal(simulated.faultCounts().rows_twice, 2);
    });

    it('gives rows out of order, of which none is lost', async () => {
      const { simulated, bank } = await only('rows_out_of_order');
      for (let index = 0; index < 30; index += 1) deposit(simulated, `구매자${index}`);
      const texts = (await readAll(bank)).map((row) => row.text);
      assert.equal(texts[0], '구매자24');
      assert.equal(new Set(texts).size, 30);
    });

    it('mangles names in every way seen in real feeds, for good', async () => {
      const { simulated, bank } = await only('mangled_names');
      for (let index = 0; index < 40; index += 1) deposit(simulated, '김구매12345');
      const texts = (await readAll(bank)).map((row) => row.text);
      assert.equal(texts.includes('김구매１２３４５'), true);
      assert.equal(
        texts.some((text) => /^(국민|기업|농협|신한|우리)김구매123$/.test(text)),
        true,
      );
      assert.deepEqual(
        (await readAll(bank)).map((row) => row.text),
        texts,
      );
    });

    it('answers HTTP 5xx, sometimes after executing', async () => {
      const { simulated, bank } = await only('http_5xx');
      for (let index = 0; index < 20; index += 1)
        assert.equal((await send(bank)).result.outcome, 'ambiguous');
      const executed = simulated.transfers().length;
      assert.equal(executed > 0 && executed < 20, true);
      assert.equal(simulated.faultCounts().http_5xx, 20);
    });

    it('takes its time', async () => {
      const { simulated, bank } = await only('slow');
      assert.equal((await send(bank)).result.outcome, 'succeeded');
      assert.equal(simulated.faultCounts().slow, 1);
    });

    it('cuts its answer in the middle of the body', async () => {
      const { simulated, bank } = await only('cut_mid_body');
      assert.deepEqual((await send(bank)).result, { outcome: 'ambiguous', code: 'ECONNRESET' });
      assert.equal(simulated.transfers()[0]?.executed, true);
    });

    it('is closed during a maintenance window, and executes nothing in it', async () => {
      const { simulated, bank } = await start({ faults: { maintenance_window: 0.5 } });
      const outcomes = new Set<string>();
      for (let index = 0; index < 20; index += 1) {
        const before = simulated.transfers().length;
        const from = clock.now();
        const answer = await bank.listTransactions({ account: COLLECTION_ACCOUNT, from, to: from });
        outcomes.add(answer.outcome === 'refused' ? answer.cause : answer.outcome);
        if (answer.outcome === 'refused') {
          await send(bank);
          assert.equal(simulated.transfers().length, before);
        }
        clock.advance(600_000);
      }
      assert.deepEqual([...outcomes].sort(), ['maintenance', 'page']);
    });

    it('meets the same faults with the same seed, and others with another', async () => {
      const history = async (seed: number) => {
        clock = testClock();
        const { simulated } = await start({ seed, faults: { mangled_names: 0.5, rows_late: 0.5 } });
        for (let index = 0; index < 30; index += 1) deposit(simulated);
        return simulated.rows(COLLECTION_ACCOUNT);
      };
      assert.deepEqual(await history(7), await history(7));
      assert.notDeepEqual(await history(7), await history(8));
    });
  });
});
