import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { machineTiming, type Clock } from '../../../functions/shared/clock.ts';
import { won } from '../../../functions/shared/money.ts';
import type { Bank, TransferOrder } from '../../../functions/bank/bank.ts';
import { bankTranId, randomQueryId } from '../../../functions/bank/bank-tran-id.ts';
import { createOpenBanking } from '../../../functions/bank/openbanking.client.ts';
import type { OpenBankingOptions } from '../../../functions/bank/openbanking.client.ts';
import { startBankSimulator } from '../../../local/bank-simulator/bank-simulator.ts';
import type { BankSimulator, BankSimulatorOptions } from '../../../local/bank-simulator/bank-simulator.ts';

/** Secrets are made anew in each run, so that none is in the repository. */
export const SECRETS = {
  clientId: 'local-only',
  clientSecret: randomBytes(16).toString('hex'),
  organisationCode: 'LOCALONLY0',
  passPhrase: randomBytes(64).toString('hex'),
};

export const PAYOUT_ACCOUNT = '100000000000000000000001';
export const PAYOUT_ACCOUNT_NUMBER = '1000000000001';
export const COLLECTION_ACCOUNT = '100000000000000000000002';

/** Noon of a Monday in Korea, unless a test moves it. */
export interface TestClock extends Clock {
  advance(milliseconds: number): void;
}

export function testClock(start = '2026-03-02T12:00:00+09:00'): TestClock {
  let now = new Date(start).getTime();
  return {
    ...machineTiming,
    now: () => new Date(now),
    advance: (milliseconds) => void (now += milliseconds),
  };
}

let nextNine = 1;

/** An id that no other test uses. */
export function newBankTranId(): string {
  nextNine += 1;
  return bankTranId(SECRETS.organisationCode, nextNine.toString().padStart(9, '0'));
}

export function transferOrder(clock: Clock, changes: Partial<TransferOrder> = {}): TransferOrder {
  return {
    account: PAYOUT_ACCOUNT,
    bankTranId: newBankTranId(),
    amount: won(10_000n),
    toBankCode: '088',
    toAccountNumber: '110000000001',
    toHolder: '김판매',
    reference: '정산T0000001',
    recipientText: '정산',
    at: clock.now(),
    ...changes,
  };
}

export function testBank(baseUrl: string, clock: Clock, changes: Partial<OpenBankingOptions> = {}): Bank {
  return createOpenBanking({
    baseUrl,
    credentials: () => Promise.resolve(SECRETS),
    passPhrase: () => Promise.resolve(SECRETS.passPhrase),
    contractAccountNumber: () => PAYOUT_ACCOUNT_NUMBER,
    queryId: randomQueryId,
    clock,
    callTimeoutMs: 5000,
    maxConcurrentCalls: 4,
    ...changes,
  });
}

/** A simulated bank with a payout account that holds a million won, and a collection account that holds nothing. */
export async function startTestBank(
  clock: Clock,
  changes: Partial<BankSimulatorOptions> = {},
): Promise<BankSimulator> {
  const simulator = await startBankSimulator({ clock, ...SECRETS, ...changes });
  const common = { bankCode: '097', holder: '우리상점' };
  simulator.openAccount({
    ...common,
    fintechUseNum: PAYOUT_ACCOUNT,
    accountNumber: PAYOUT_ACCOUNT_NUMBER,
    openingBalance: won(1_000_000n),
  });
  simulator.openAccount({
    ...common,
    fintechUseNum: COLLECTION_ACCOUNT,
    accountNumber: '1000000000002',
    openingBalance: won(0n),
  });
  return simulator;
}

export interface HandMadeServer {
  readonly url: string;
  /** What reached the server, oldest first, without the requests for a token. */
  readonly requests: { readonly path: string; readonly body: string; readonly authorization: string }[];
  readonly tokensIssued: () => number;
  stop(): Promise<void>;
}

export type Handler = (outgoing: ServerResponse, request: HandMadeServer['requests'][number]) => void;

/** A server that gives tokens to anybody and answers everything else by hand. */
export async function handMadeServer(
  handler: Handler,
  tokenHandler?: (outgoing: ServerResponse) => void,
): Promise<HandMadeServer> {
  const requests: HandMadeServer['requests'] = [];
  let tokens = 0;
  const server = createServer((incoming, outgoing) => {
    void readBody(incoming).then((body) => {
      if (incoming.url === '/oauth/2.0/token') {
        tokens += 1;
        if (tokenHandler) tokenHandler(outgoing);
        else reply(outgoing, 200, { access_token: `token-${tokens}`, expires_in: 86_400 });
        return;
      }
      const request = { path: incoming.url ?? '', body, authorization: incoming.headers.authorization ?? '' };
      requests.push(request);
      handler(outgoing, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tokensIssued: () => tokens,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export function reply(outgoing: ServerResponse, status: number, body: unknown): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The answer to a transfer, with the codes given. */
export function transferReply(
  requestBody: string,
  rspCode: string,
  bankRspCode: string,
  item: Record<string, string> = {},
): unknown {
  const message = JSON.parse(requestBody) as { req_list: [{ bank_tran_id: string; tran_amt: string }] };
  const [{ bank_tran_id, tran_amt }] = message.req_list;
  return {
    rsp_code: rspCode,
    rsp_message: '',
    res_list: [{ bank_tran_id, tran_amt, bank_tran_date: '20260302', bank_rsp_code: bankRspCode, ...item }],
  };
}
