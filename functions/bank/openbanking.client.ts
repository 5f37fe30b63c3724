import type { Clock } from '../shared/clock.ts';
import type {
  Bank,
  BankRefusal,
  Exchange,
  Inquiry,
  InquiryResult,
  PreparedTransfer,
  RemitterPage,
  RemitterRequest,
  SendOutcome,
  SendResult,
  StatementPage,
  StatementRequest,
} from './bank.ts';
import { bankTranId } from './bank-tran-id.ts';
import { createCallLimiter } from './call-limiter.ts';
import { startDeadline, withinDeadline } from './deadline.ts';
import type { Deadline } from './deadline.ts';
import { callHttp, errorName } from './http-call.ts';
import type { CallHttp, HttpResult } from './http-call.ts';
import { isTokenRejected } from './openbanking.codes.ts';
import {
  checkStatementRequest,
  DEPOSIT_TRANSFER_PATH,
  depositTransferBody,
  fillPassPhrase,
  INQUIRIES_MAX,
  parseJson,
  readInquiryAnswer,
  readRemitterAnswer,
  readRspCode,
  readStatementAnswer,
  readTransferAnswer,
  REMITTER_LIST_PATH,
  remitterListBody,
  statementPath,
  TRANSACTION_LIST_PATH,
  TRANSFER_RESULT_PATH,
  transferResultBody,
} from './openbanking.messages.ts';
import { createTokens } from './openbanking.token.ts';
import type { AccessToken, Credentials } from './openbanking.token.ts';

export interface OpenBankingOptions {
  /** KFTC: `https://openapi.openbanking.or.kr`, test bed `https://testapi.openbanking.or.kr`. */
  readonly baseUrl: string;
  /** Asked at each token, so that a rotated secret works without a restart; `fresh` after the bank has refused what a cache held. */
  readonly credentials: (fresh: boolean) => Promise<Credentials>;
  /** KFTC's `wd_pass_phrase`; asked for transfers only, right before each; `fresh` after one that the bank did not carry out. */
  readonly passPhrase: (fresh: boolean) => Promise<string>;
  /** The number (`cntr_account_num`, AN16) of the contract account that a payout account, by its `fintech_use_num`, is. */
  readonly contractAccountNumber: (account: string) => string;
  /** Nine characters 0-9, A-Z for the id of a question to the bank, new each time (`randomQueryId`). */
  readonly queryId: () => string;
  readonly clock: Clock;
  /** For one call in all: waiting for a place, the token, the connection and the answer. */
  readonly callTimeoutMs: number;
  readonly maxConcurrentCalls: number;
  /** What carries a call to the bank and its answer back: HTTP on a connection of its own, unless given. */
  readonly callHttp?: CallHttp;
}

/** The life that a token must have left for a question, and for a transfer, which is never sent a second time for a token's sake. */
const QUESTION_TOKEN_LIFE_MS_MIN = 60_000;
const TRANSFER_TOKEN_LIFE_MS_MIN = 300_000;

interface Question {
  readonly operation: Exchange['operation'];
  readonly method: 'GET' | 'POST';
  /** The path with its query, for an organisation's code. */
  readonly path: (organisationCode: string) => string;
  readonly body: (organisationCode: string) => string;
}

type Answer =
  { readonly outcome: 'answer'; readonly body: string; readonly exchange: Exchange } | BankRefusal;

/**
 * The bank behind KFTC Open Banking v2.0 (developers.kftc.or.kr).
 *
 * @throws if the options cannot work, such as credentials that would travel unencrypted.
 */
export function createOpenBanking(options: OpenBankingOptions): Bank {
  const urlOf = urlsUnder(options.baseUrl);
  const limiter = createCallLimiter(options.maxConcurrentCalls, options.clock);
  const callBank = options.callHttp ?? callHttp;
  const tokens = createTokens({
    urlOf,
    credentials: options.credentials,
    clock: options.clock,
    callHttp: callBank,
  });
  /**
   * Whether the pass phrase may be an old one. No code is known for a wrong one, so every answer but success raises the doubt. That transfer
   * is not sent again for it: what the bank did with it, an inquiry and the statement say.
   */
  let doubtsPassPhrase = false;

  /** Asks a question, and asks it once more with a new token when the bank did not accept the first. */
  async function ask(question: Question, deadline: Deadline): Promise<Answer> {
    const first = await askOnce(question, deadline);
    if (first.answer.outcome !== 'refused' || !first.rejectedToken) return first.answer;
    tokens.drop(first.rejectedToken);
    return (await askOnce(question, deadline)).answer;
  }

  async function askOnce(
    question: Question,
    deadline: Deadline,
  ): Promise<{ answer: Answer; rejectedToken?: AccessToken }> {
    const got = await tokens.get(QUESTION_TOKEN_LIFE_MS_MIN, deadline);
    if (got.outcome === 'refused') return { answer: got };
    const { organisationCode } = got.token;
    const [path, body] = [question.path(organisationCode), question.body(organisationCode)];
    const { result, exchange } = await call({ ...question, path, body }, got.token, body, deadline);
    if (wasTokenRejected(result)) {
      return { answer: refusal('credentials', 'the token was rejected', exchange), rejectedToken: got.token };
    }
    return { answer: readAnswer(result, exchange) };
  }

  async function call(
    request: { operation: Exchange['operation']; method: 'GET' | 'POST'; path: string; body: string },
    token: AccessToken,
    wireBody: string,
    deadline: Deadline,
    mayStillWrite: () => boolean = () => true,
  ): Promise<{ result: HttpResult; exchange: Exchange }> {
    const requestedAt = options.clock.now();
    const startedMs = deadline.elapsedMs();
    const result = await callBank({
      url: urlOf(request.path),
      method: request.method,
      headers: headersFor(request.method, token),
      body: wireBody,
      timeoutMs: deadline.remainingMs(),
      mayStillWrite,
    });
    const elapsedMs = Math.round(deadline.elapsedMs() - startedMs);
    return { result, exchange: { ...exchangeOf(request, requestedAt), ...answerOf(result), elapsedMs } };
  }

  /** Runs a task in one of the places, or answers `tooLong` when none came free in time. */
  async function inPlace<T>(deadline: Deadline, task: () => Promise<T>, tooLong: () => T): Promise<T> {
    const leave = await limiter.enter(deadline.remainingMs());
    if (!leave) return tooLong();
    try {
      return await task();
    } finally {
      leave();
    }
  }

  function unheard(
    operation: Exchange['operation'],
    path: string,
    body: string,
    error: string,
    deadline: Deadline,
  ): Exchange {
    const at = options.clock.now();
    return {
      ...exchangeOf({ operation, path, body }, at),
      error,
      elapsedMs: Math.round(deadline.elapsedMs()),
    };
  }

  /** Asks a question when its turn comes. The path and the body stand for it in the journal where it does not come in time. */
  async function answerTo(question: Question, path: string, body: string): Promise<Answer> {
    const deadline = startDeadline(options.clock, options.callTimeoutMs);
    return await inPlace(
      deadline,
      () => ask(question, deadline),
      () => refusal('unavailable', 'timeout', unheard(question.operation, path, body, 'timeout', deadline)),
    );
  }

  async function listTransactions(request: StatementRequest): Promise<StatementPage | BankRefusal> {
    checkStatementRequest(request);
    const question: Question = {
      operation: 'transaction_list',
      method: 'GET',
      path: (code) => statementPath(request, bankTranId(code, options.queryId()), options.clock.now()),
      body: () => '',
    };
    const answer = await answerTo(question, TRANSACTION_LIST_PATH, '');
    if (answer.outcome === 'refused') return answer;
    const page = readStatementAnswer(answer.body, request);
    if (typeof page === 'string') return refusal('unavailable', page, answer.exchange);
    return { outcome: 'page', ...page, exchange: answer.exchange };
  }

  async function listRemitters(request: RemitterRequest): Promise<RemitterPage | BankRefusal> {
    const question: Question = {
      operation: 'remitter_list',
      method: 'POST',
      path: () => REMITTER_LIST_PATH,
      body: (code) => remitterListBody(request, bankTranId(code, options.queryId()), options.clock.now()),
    };
    const answer = await answerTo(question, REMITTER_LIST_PATH, '');
    if (answer.outcome === 'refused') return answer;
    const page = readRemitterAnswer(answer.body);
    if (typeof page === 'string') return refusal('unavailable', page, answer.exchange);
    return { outcome: 'page', ...page, exchange: answer.exchange };
  }

  async function inquire(inquiries: readonly Inquiry[]): Promise<InquiryResult> {
    if (inquiries.length < 1 || inquiries.length > INQUIRIES_MAX) {
      throw new Error(`An inquiry asks about 1 to ${INQUIRIES_MAX} transfers, not ${inquiries.length}`);
    }
    const body = transferResultBody(inquiries, options.clock.now());
    const question: Question = {
      operation: 'transfer_result',
      method: 'POST',
      path: () => TRANSFER_RESULT_PATH,
      body: () => body,
    };
    const answer = await answerTo(question, TRANSFER_RESULT_PATH, body);
    if (answer.outcome === 'refused') return answer;
    const outcomes = readInquiryAnswer(answer.body, inquiries);
    if (typeof outcomes === 'string') return refusal('unavailable', outcomes, answer.exchange);
    return { outcome: 'answered', byBankTranId: outcomes, exchange: answer.exchange };
  }

  async function sendTransfer(prepared: PreparedTransfer, mayStillWrite: () => boolean): Promise<SendResult> {
    const deadline = startDeadline(options.clock, options.callTimeoutMs);
    return inPlace(
      deadline,
      () => sendInPlace(prepared, mayStillWrite, deadline),
      () => notSent(prepared, 'deadline', 'timeout', deadline),
    );
  }

  async function sendInPlace(
    prepared: PreparedTransfer,
    mayStillWrite: () => boolean,
    deadline: Deadline,
  ): Promise<SendResult> {
    const got = await tokens.get(TRANSFER_TOKEN_LIFE_MS_MIN, deadline);
    if (got.outcome === 'refused') {
      const cause = got.cause === 'credentials' ? 'credentials' : 'connection';
      return { result: { outcome: 'not_sent', cause, code: got.detail }, exchange: got.exchange };
    }
    let passPhrase: string;
    try {
      const read = await withinDeadline(deadline, options.passPhrase(doubtsPassPhrase));
      if (!read.done) return notSent(prepared, 'credentials', 'timeout', deadline);
      passPhrase = read.value;
    } catch (error) {
      return notSent(prepared, 'credentials', errorName(error), deadline);
    }
    const wireBody = fillPassPhrase(prepared.body, passPhrase);
    const request = {
      operation: 'deposit_transfer',
      method: 'POST',
      path: prepared.path,
      body: prepared.body,
    } as const;
    const { result, exchange } = await call(request, got.token, wireBody, deadline, mayStillWrite);
    if (wasTokenRejected(result)) tokens.drop(got.token);
    const outcome = readSend(result, prepared);
    if (result.outcome === 'answered') doubtsPassPhrase = outcome.outcome !== 'succeeded';
    return { result: outcome, exchange };
  }

  function notSent(
    prepared: PreparedTransfer,
    cause: 'deadline' | 'credentials',
    code: string,
    deadline: Deadline,
  ): SendResult {
    const exchange = unheard('deposit_transfer', prepared.path, prepared.body, code, deadline);
    return { result: { outcome: 'not_sent', cause, code }, exchange };
  }

  return {
    listTransactions,
    listRemitters,
    inquire,
    sendTransfer,
    prepareTransfer: (order) => ({
      bankTranId: order.bankTranId,
      amount: order.amount,
      path: DEPOSIT_TRANSFER_PATH,
      body: depositTransferBody(order, options.contractAccountNumber(order.account)),
    }),
  };
}

/** From the first byte written on, only a whole answer with listed codes says anything. */
function readSend(result: HttpResult, prepared: PreparedTransfer): SendOutcome {
  switch (result.outcome) {
    case 'not_written':
      return { outcome: 'not_sent', cause: result.cause, code: result.error };
    case 'broken':
      return { outcome: 'ambiguous', code: result.error };
    case 'answered':
      return result.status === 200
        ? readTransferAnswer(result.body, prepared)
        : { outcome: 'ambiguous', code: `HTTP ${result.status}` };
  }
}

function readAnswer(result: HttpResult, exchange: Exchange): Answer {
  if (result.outcome !== 'answered') return refusal('unavailable', result.error, exchange);
  if (result.status === 503) return refusal('maintenance', 'HTTP 503', exchange);
  if (result.status !== 200) return refusal('unavailable', `HTTP ${result.status}`, exchange);
  return { outcome: 'answer', body: result.body, exchange };
}

/** HTTP 401, or KFTC's own code in an answer with HTTP 200. */
function wasTokenRejected(result: HttpResult): boolean {
  if (result.outcome !== 'answered') return false;
  return result.status === 401 || isTokenRejected(readRspCode(parseJson(result.body)) ?? '');
}

function headersFor(method: 'GET' | 'POST', token: AccessToken): Record<string, string> {
  const headers = { authorization: `Bearer ${token.value}`, accept: 'application/json' };
  return method === 'GET' ? headers : { ...headers, 'content-type': 'application/json; charset=UTF-8' };
}

function exchangeOf(
  request: { operation: Exchange['operation']; path: string; body: string },
  requestedAt: Date,
): Omit<Exchange, 'elapsedMs'> {
  return { operation: request.operation, path: request.path, requestBody: request.body, requestedAt };
}

function answerOf(result: HttpResult): Partial<Exchange> {
  if (result.outcome === 'answered') return { httpStatus: result.status, responseBody: result.body };
  if (result.outcome === 'not_written') return { error: result.error };
  return {
    error: result.error,
    ...(result.status === undefined ? {} : { httpStatus: result.status }),
    ...(result.body === undefined ? {} : { responseBody: result.body }),
  };
}

function refusal(cause: BankRefusal['cause'], detail: string, exchange: Exchange): BankRefusal {
  return { outcome: 'refused', cause, detail, exchange };
}

/** Resolves paths under a base URL, which must be encrypted unless it is this very machine. */
function urlsUnder(baseUrl: string): (path: string) => URL {
  const base = new URL(baseUrl);
  const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(base.hostname);
  if (base.protocol !== 'https:' && !(base.protocol === 'http:' && isLocal)) {
    throw new Error(`The bank's address ${baseUrl} must begin with https://, since a secret goes over it`);
  }
  const root = base.href.replace(/\/+$/, '');
  return (path) => new URL(`${root}${path}`);
}
