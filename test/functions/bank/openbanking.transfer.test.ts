import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { won } from '../../../functions/shared/money.ts';
import type { BankSimulator } from '../../../local/bank-simulator/bank-simulator.ts';
import {
  COLLECTION_ACCOUNT,
  handMadeServer,
  PAYOUT_ACCOUNT,
  reply,
  SECRETS,
  startTestBank,
  testBank,
  testClock,
  transferOrder,
  transferReply,
} from './bank-fixture.ts';
import type { Handler, HandMadeServer } from './bank-fixture.ts';

const yes = () => true;

describe('a transfer through Open Banking', () => {
  const clock = testClock();
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  async function simulator(changes: Parameters<typeof startTestBank>[1] = {}): Promise<BankSimulator> {
    const started = await startTestBank(clock, changes);
    stops.push(() => started.stop());
    return started;
  }

  async function server(
    handler: Handler,
    tokenHandler?: Parameters<typeof handMadeServer>[1],
  ): Promise<HandMadeServer> {
    const started = await handMadeServer(handler, tokenHandler);
    stops.push(() => started.stop());
    return started;
  }

  it('succeeds, debits the account and shows its reference on the statement', async () => {
    const simulated = await simulator();
    const bank = testBank(simulated.url, clock);
    const order = transferOrder(clock);
    const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(order), yes);
    assert.deepEqual(result, { outcome: 'succeeded', bankDate: '2026-03-02' });
    assert.equal(exchange.operation, 'deposit_transfer');
    assert.equal(exchange.httpStatus, 200);
    const [row] = simulated.rows(PAYOUT_ACCOUNT);
    assert.deepEqual([row?.text, row?.balanceAfter], [order.reference, 990_000n]);
  });

  it('keeps the pass phrase out of what is stored, and still sends it', async () => {
    const made = await server((outgoing, request) =>
      reply(outgoing, 200, transferReply(request.body, 'A0000', '000')),
    );
    const bank = testBank(made.url, clock);
    const prepared = bank.prepareTransfer(transferOrder(clock));
    const { exchange } = await bank.sendTransfer(prepared, yes);
    assert.equal(prepared.body.includes(SECRETS.passPhrase), false);
    assert.equal(JSON.stringify(exchange).includes(SECRETS.passPhrase), false);
    assert.equal(exchange.requestBody, prepared.body);
    const sent = JSON.parse(made.requests[0]!.body) as Record<string, unknown>;
    assert.equal(sent['wd_pass_phrase'], SECRETS.passPhrase);
    const stored = JSON.parse(prepared.body) as Record<string, unknown>;
    assert.deepEqual({ ...sent, wd_pass_phrase: stored['wd_pass_phrase'] }, stored);
  });

  it('puts a pass phrase full of special characters where it belongs', async () => {
    const passPhrase = `"$&'\\{wd_pass_phrase}`;
    const made = await server((outgoing, request) =>
      reply(outgoing, 200, transferReply(request.body, 'A0000', '000')),
    );
    const bank = testBank(made.url, clock, { passPhrase: () => Promise.resolve(passPhrase) });
    const order = transferOrder(clock, { reference: '{wd_pass_phrase}' });
    await bank.sendTransfer(bank.prepareTransfer(order), yes);
    const sent = JSON.parse(made.requests[0]!.body) as Record<string, unknown>;
    assert.equal(sent['wd_pass_phrase'], passPhrase);
    assert.equal(sent['wd_print_content'], '{wd_pass_phrase}');
  });

  it('asks for the pass phrase for transfers only', async () => {
    const simulated = await simulator();
    const bank = testBank(simulated.url, clock, {
      passPhrase: () => assert.fail('nobody sends a transfer here'),
    });
    const from = clock.now();
    assert.equal(
      (await bank.listTransactions({ account: COLLECTION_ACCOUNT, from, to: from })).outcome,
      'page',
    );
  });

  it('fails for want of funds', async () => {
    const simulated = await simulator();
    const bank = testBank(simulated.url, clock);
    const prepared = bank.prepareTransfer(transferOrder(clock, { amount: won(1_000_001n) }));
    const { result } = await bank.sendTransfer(prepared, yes);
    assert.deepEqual(result, { outcome: 'failed', cause: 'funds', code: 'A0009/453' });
    assert.deepEqual(simulated.rows(PAYOUT_ACCOUNT), []);
  });

  it('fails for a closed destination', async () => {
    const simulated = await simulator();
    simulated.closeDestination('088', '110000000001');
    const bank = testBank(simulated.url, clock);
    const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'failed', cause: 'payee', code: 'A0009/412' });
  });

  it('is ambiguous, and moves no money again, when its id was used before', async () => {
    const simulated = await simulator();
    const bank = testBank(simulated.url, clock);
    const prepared = bank.prepareTransfer(transferOrder(clock));
    await bank.sendTransfer(prepared, yes);
    const { result } = await bank.sendTransfer(prepared, yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'A0326/822' });
    assert.equal(simulated.rows(PAYOUT_ACCOUNT).length, 1);
  });

  it('is ambiguous when the bank executes it and answers nothing', async () => {
    const simulated = await simulator({ faults: { execute_then_timeout: 1 } });
    const bank = testBank(simulated.url, clock, { callTimeoutMs: 200 });
    const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'timeout' });
    assert.equal(exchange.error, 'timeout');
    assert.equal(simulated.transfers()[0]?.executed, true);
  });

  it('is ambiguous when the answer is cut, and keeps what came of it', async () => {
    const made = await server((outgoing) => {
      outgoing.writeHead(200, { 'content-length': 100 });
      outgoing.write('{"rsp_code":"A0000"', () => outgoing.destroy());
    });
    const bank = testBank(made.url, clock);
    const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'ECONNRESET' });
    assert.equal(exchange.responseBody, '{"rsp_code":"A0000"');
    assert.equal(exchange.httpStatus, 200);
  });

  it('is ambiguous when the answer hangs half-way, and keeps what came of it', async () => {
    const made = await server((outgoing) => {
      outgoing.writeHead(200, { 'content-length': 100 });
      outgoing.write('{"rsp');
    });
    const bank = testBank(made.url, clock, { callTimeoutMs: 300 });
    const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'timeout' });
    assert.equal(exchange.responseBody, '{"rsp');
  });

  it('is ambiguous when the answer is longer than any answer of a bank', async () => {
    const made = await server((outgoing) => reply(outgoing, 200, 'x'.repeat(5_000_000)));
    const bank = testBank(made.url, clock);
    const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'response_too_large' });
    assert.equal(exchange.responseBody?.length, 1_000_000);
  });

  for (const status of [301, 400, 401, 500, 502, 503]) {
    it(`is ambiguous on HTTP ${status}, even with the codes of a failure, and is not sent again`, async () => {
      const made = await server((outgoing, request) =>
        reply(outgoing, status, transferReply(request.body, 'A0312', '')),
      );
      const bank = testBank(made.url, clock);
      const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      assert.deepEqual(result, { outcome: 'ambiguous', code: `HTTP ${status}` });
      assert.equal(made.requests.length, 1);
    });
  }

  it('is ambiguous on HTTP 200 that is no JSON', async () => {
    const made = await server((outgoing) => reply(outgoing, 200, '<html>'));
    const bank = testBank(made.url, clock);
    const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'not JSON' });
  });

  it('is ambiguous when the answer speaks of another transfer, another amount, or no date', async () => {
    const strange: Record<string, string>[] = [
      { bank_tran_id: 'X' },
      { tran_amt: '1' },
      { bank_tran_date: '20260231' },
    ];
    const made = await server((outgoing, { body }) =>
      reply(outgoing, 200, transferReply(body, 'A0000', '000', strange.pop())),
    );
    const bank = testBank(made.url, clock);
    for (let count = strange.length; count > 0; count -= 1) {
      const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      assert.equal(result.outcome, 'ambiguous');
    }
    assert.equal(made.requests.length, 3);
  });

  it('is ambiguous when the head says done and no result follows', async () => {
    const made = await server((outgoing) =>
      reply(outgoing, 200, { rsp_code: 'A0000', bank_rsp_code: '000' }),
    );
    const bank = testBank(made.url, clock);
    const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(result, { outcome: 'ambiguous', code: 'A0000 without a result' });
  });

  it('is ambiguous and not repeated when the token is rejected, and the next one has a new token', async () => {
    const made = await server((outgoing, { authorization, body }) => {
      if (authorization === 'Bearer token-1') reply(outgoing, 200, { rsp_code: 'O0002', rsp_message: '' });
      else reply(outgoing, 200, transferReply(body, 'A0000', '000'));
    });
    const bank = testBank(made.url, clock);
    const first = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.deepEqual(first.result, { outcome: 'ambiguous', code: 'O0002' });
    assert.equal(made.requests.length, 1);
    const second = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
    assert.equal(second.result.outcome, 'succeeded');
    assert.equal(made.tokensIssued(), 2);
  });

  it('is ambiguous and not repeated when the pass phrase is an old one, and the next one reads it anew', async () => {
    const simulated = await simulator();
    simulated.changePassPhrase('rotated');
    const reads: boolean[] = [];
    const passPhrase = (fresh: boolean) => {
      reads.push(fresh);
      return Promise.resolve(fresh ? 'rotated' : SECRETS.passPhrase);
    };
    const bank = testBank(simulated.url, clock, { passPhrase });
    const send = async () =>
      (await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes)).result.outcome;
    assert.deepEqual([await send(), await send(), await send()], ['ambiguous', 'succeeded', 'ambiguous']);
    assert.deepEqual(reads, [false, true, false]);
    assert.equal(simulated.transfers().length, 1);
  });

  it('fetches a new token first when the one it has may not outlive the transfer', async () => {
    const simulated = await simulator({ tokenLifeSeconds: 600 });
    const own = testClock();
    const tokens: Date[] = [];
    const credentials = () => Promise.resolve((tokens.push(own.now()), SECRETS));
    const bank = testBank(simulated.url, own, { credentials });
    await bank.listTransactions({ account: COLLECTION_ACCOUNT, from: own.now(), to: own.now() });
    own.advance(400_000);
    await bank.listTransactions({ account: COLLECTION_ACCOUNT, from: own.now(), to: own.now() });
    assert.equal(tokens.length, 1);
    await bank.sendTransfer(bank.prepareTransfer(transferOrder(own)), yes);
    assert.equal(tokens.length, 2);
  });

  it('refuses to write a message whose fields do not fit', () => {
    const bank = testBank('http://127.0.0.1:1', clock);
    const cases = [
      { reference: '가'.repeat(11) },
      { recipientText: '정산😀' },
      { toHolder: '' },
      { amount: won(0n) },
      { amount: won(1_000_000_000_000n) },
      { bankTranId: 'F123456789U4bc34239z' },
      { toAccountNumber: '110-000-000001' },
    ];
    for (const change of cases) {
      assert.throws(
        () => bank.prepareTransfer(transferOrder(clock, change)),
        new RegExp(Object.keys(change)[0]!),
      );
    }
  });

  it('refuses an address over which secrets would go unencrypted', () => {
    assert.throws(() => testBank('http://bank.example', clock), /https/);
  });

  describe('that is not sent', () => {
    it('asks for leave to write once the connection stands, and writes no byte without it', async () => {
      const raw = await rawServer();
      const bank = testBank(raw.url, clock);
      let connectionsWhenAsked = 0;
      const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), () => {
        connectionsWhenAsked += 1;
        return false;
      });
      assert.deepEqual(result, { outcome: 'not_sent', cause: 'deadline', code: 'too late to write' });
      assert.equal(exchange.httpStatus, undefined);
      assert.equal(connectionsWhenAsked, 1);
      assert.equal(await raw.bytesOfTransfer(), 0);
    });

    it('says so when nobody listens, without asking for leave to write', async () => {
      const made = await server(
        () => assert.fail('nobody is asked'),
        (outgoing) => {
          reply(outgoing, 200, { access_token: 'local-only', expires_in: 86_400 });
          void made.stop();
        },
      );
      const bank = testBank(made.url, clock);
      const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), () =>
        assert.fail('asked'),
      );
      assert.equal(result.outcome, 'not_sent');
      assert.equal(result.cause, 'connection');
    });

    it('says so when the bank gives no token', async () => {
      const made = await server(
        () => assert.fail('no transfer without a token'),
        (outgoing) => reply(outgoing, 401, { rsp_code: 'O0001' }),
      );
      const bank = testBank(made.url, clock);
      const { result, exchange } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      assert.deepEqual(result, { outcome: 'not_sent', cause: 'credentials', code: 'HTTP 401 O0001' });
      assert.equal(exchange.operation, 'token');
      assert.equal(JSON.stringify(exchange).includes(SECRETS.clientSecret), false);
    });

    it('says so when the pass phrase cannot be read', async () => {
      const made = await server(() => assert.fail('no transfer without a pass phrase'));
      const passPhrase = () => Promise.reject(new RangeError('no such secret'));
      const bank = testBank(made.url, clock, { passPhrase });
      const { result } = await bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), yes);
      assert.deepEqual(result, { outcome: 'not_sent', cause: 'credentials', code: 'RangeError' });
    });

    it('says so when no place comes free within its time', async () => {
      const made = await server(() => undefined);
      const bank = testBank(made.url, clock, { callTimeoutMs: 300, maxConcurrentCalls: 1 });
      const asked = clock.now();
      const inPlace = bank.listTransactions({ account: PAYOUT_ACCOUNT, from: asked, to: asked });
      const waiting = bank.sendTransfer(bank.prepareTransfer(transferOrder(clock)), () =>
        assert.fail('asked'),
      );
      assert.equal((await inPlace).outcome, 'refused');
      assert.equal((await waiting).result.outcome, 'not_sent');
    });
  });

  /**
   * A server that gives a token to its first connection, and on the second only counts the bytes. It speaks HTTP by hand, so that
   * no HTTP library decides what counts as a request.
   */
  async function rawServer(): Promise<{ url: string; bytesOfTransfer: () => Promise<number> }> {
    const sockets: Socket[] = [];
    let bytes = 0;
    const second = Promise.withResolvers<number>();
    const listener = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      if (sockets.length === 1) {
        const token = JSON.stringify({ access_token: 'local-only', expires_in: 86_400 });
        socket.once('data', () =>
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${token.length}\r\n\r\n${token}`),
        );
        return;
      }
      socket.on('data', (chunk) => (bytes += chunk.length));
      socket.on('close', () => second.resolve(bytes));
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    });
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    return { url, bytesOfTransfer: () => second.promise };
  }
});
