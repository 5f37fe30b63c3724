import type { Clock } from '../../functions/shared/clock.ts';
import { won } from '../../functions/shared/money.ts';
import type { Won } from '../../functions/shared/money.ts';
import {
  malformedAnswer,
  remitterAnswer,
  resultAnswer,
  statementAnswer,
  tokenRejectedAnswer,
  transferAnswer,
} from './answers.ts';
import type { StatementView, WireAnswer } from './answers.ts';
import type { FaultDice } from './faults.ts';
import {
  kstInstant,
  remitterRequest,
  resultRequest,
  statementRequest,
  tokenRequest,
  transferRequest,
  whatIsWrong,
} from './requests.ts';
import type { ResultMessage, StatementQuery, TransferMessage } from './requests.ts';
import type { SimulatedRow } from './bank-state.ts';
import type { SimulatedBank, TransferDemand, TransferVerdict } from './simulated-bank.ts';
import type { TokenDesk } from './token-desk.ts';

/** Where transfers are asked for. */
export const TRANSFER_PATH = '/v2.0/transfer/deposit/acnt_num';

/** KFTC: at most 25 rows a page. */
const PAGE_ROWS_MAX = 25;

/** A maintenance window lies on the clock's own grid, so that its beginning and end do not hang on who calls. */
const MAINTENANCE_WINDOW_MS = 600_000;

/** What a liar says of a transfer that it has executed. */
const LIES = [
  { rspCode: 'A0009', bankRspCode: '453' },
  { rspCode: 'A0009', bankRspCode: '412' },
  { rspCode: 'A0312', bankRspCode: '' },
] as const;
const NO_SUCH_TRANSFER = { rspCode: 'A0310', bankRspCode: '' } as const;

export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string;
  readonly contentType: string;
  readonly body: string;
}

export interface WireOptions {
  readonly bank: SimulatedBank;
  readonly clock: Clock;
  readonly dice: FaultDice;
  readonly desk: Pick<TokenDesk, 'issue' | 'accepts'>;
  readonly organisationCode: string;
  /** Whether a pass phrase moves money now. */
  readonly acceptsPassPhrase: (given: string) => boolean;
  /** How long every answer takes, and how much longer a slow one. */
  readonly latencyMs: number;
  readonly slowMs: number;
}

/** Answers the requests of KFTC's protocol from the books of a simulated bank, with its faults. No socket is involved. */
export function createWire(options: WireOptions): (request: WireRequest) => WireAnswer {
  const { bank, clock, dice, desk } = options;
  const statementSchema = statementRequest(options.organisationCode);
  const remitterSchema = remitterRequest(options.organisationCode);
  const transferSchema = transferRequest(options.organisationCode);
  const timesSeen = new Map<string, number>();
  let apiTranIds = 0;

  /** Names the nth time that something is asked: a fault that fired once must be able not to fire the next time. */
  function nth(what: string): string {
    if (!dice.isLoaded) return what;
    const times = (timesSeen.get(what) ?? 0) + 1;
    timesSeen.set(what, times);
    return `${what}#${times}`;
  }

  function apiTranId(): string {
    apiTranIds += 1;
    return `SIMULATED${apiTranIds.toString().padStart(11, '0')}`;
  }

  function whole(status: number, body: unknown): WireAnswer {
    return { kind: 'whole', status, body: JSON.stringify(body), delayMs: options.latencyMs };
  }

  /** Sends an answer as it is, late, or half of it. */
  function deliver(about: string, body: unknown): WireAnswer {
    const delayMs = options.latencyMs + (dice.fires('slow', about) ? options.slowMs : 0);
    const kind = dice.fires('cut_mid_body', about) ? 'cut' : 'whole';
    return { kind, status: 200, body: JSON.stringify(body), delayMs };
  }

  function malformed(problem: string): WireAnswer {
    return whole(200, malformedAnswer(clock.now(), apiTranId(), problem));
  }

  function isInMaintenance(): boolean {
    const window = Math.floor(clock.now().getTime() / MAINTENANCE_WINDOW_MS);
    return dice.fires('maintenance_window', `${window}`);
  }

  function token(request: WireRequest): WireAnswer {
    if (!request.contentType.startsWith('application/x-www-form-urlencoded'))
      return malformed('expected a form');
    const form = tokenRequest.safeParse(Object.fromEntries(new URLSearchParams(request.body)));
    if (!form.success) return malformed(whatIsWrong(form.error));
    const issued = desk.issue(form.data.client_id, form.data.client_secret);
    if (issued === undefined) return whole(200, tokenRejectedAnswer(clock.now(), apiTranId()));
    return whole(200, {
      ...issued,
      token_type: 'Bearer',
      scope: 'oob',
      client_use_code: options.organisationCode,
    });
  }

  function statement(request: WireRequest): WireAnswer {
    const query = statementSchema.safeParse(Object.fromEntries(request.url.searchParams));
    if (!query.success) return malformed(whatIsWrong(query.error));
    const account = bank.account(query.data.fintech_use_num);
    if (!account) return malformed('fintech_use_num: not registered');
    const {
      fintech_use_num: number,
      from_date,
      from_time,
      to_date,
      to_time,
      befor_inquiry_trace_info: trace,
    } = query.data;
    const about = nth(['list', number, from_date, from_time, to_date, to_time, trace].join(' '));
    if (dice.fires('http_5xx', about)) return whole(502, 'bad gateway');
    const page = pageOf(query.data, about);
    if (page === undefined) return malformed('befor_inquiry_trace_info: not one of this bank');
    const balance = bank.balance(number) ?? 0n;
    const view: StatementView = { queryId: query.data.bank_tran_id, account, balance, ...page };
    return deliver(about, statementAnswer(clock.now(), apiTranId(), view));
  }

  function remitters(request: WireRequest): WireAnswer {
    const message = remitterSchema.safeParse(jsonOf(request));
    if (!message.success) return malformed(whatIsWrong(message.error));
    const account = bank.accountByNumber(message.data.bank_code_std, message.data.account_num);
    if (!account) return malformed('account_num: not registered');
    const number = account.fintechUseNum;
    const { from_date, from_time, to_date, to_time, befor_inquiry_trace_info: trace } = message.data;
    const about = nth(['remitters', number, from_date, from_time, to_date, to_time, trace].join(' '));
    if (dice.fires('http_5xx', about)) return whole(502, 'bad gateway');
    const asked = { ...message.data, fintech_use_num: number, inquiry_type: 'I', inquiry_base: 'T' } as const;
    const page = pageOf(asked, about);
    if (page === undefined) return malformed('befor_inquiry_trace_info: not one of this bank');
    const balance = bank.balance(number) ?? 0n;
    const view: StatementView = { queryId: message.data.bank_tran_id, account, balance, ...page };
    return deliver(about, remitterAnswer(clock.now(), apiTranId(), view));
  }

  /** The rows of one page. The trace names the last row shown, so that rows which show up meanwhile shift nothing. */
  function pageOf(query: StatementQuery, about: string): Pick<StatementView, 'rows' | 'trace'> | undefined {
    const wanted = rowsAsked(query);
    const start = startOf(query, wanted);
    if (start === undefined) return undefined;
    const repeats = start > 0 && dice.fires('rows_twice', about) ? 1 : 0;
    const page = wanted.slice(start - repeats, start - repeats + PAGE_ROWS_MAX);
    const last = page.at(-1);
    const hasMore = start - repeats + page.length < wanted.length;
    const rows = page.map(({ row }) => row);
    const shuffled = rows.length > 1 && dice.fires('rows_out_of_order', about) ? rows.reverse() : rows;
    return { rows: shuffled, ...(last && hasMore ? { trace: `R${last.index}` } : {}) };
  }

  function rowsAsked(query: StatementQuery): { index: number; row: SimulatedRow }[] {
    const isByTime = query.inquiry_base === 'T';
    const from = kstInstant(query.from_date, isByTime ? (query.from_time ?? '000000') : '000000');
    const to = kstInstant(query.to_date, isByTime ? (query.to_time ?? '235959') : '235959');
    const rows = bank.visibleRows(query.fintech_use_num, from, to).filter(({ row }) => {
      return query.inquiry_type === 'A' || query.inquiry_type === (row.direction === 'in' ? 'I' : 'O');
    });
    return query.sort_order === 'A' ? rows : rows.reverse();
  }

  function transfer(request: WireRequest): WireAnswer {
    const message = transferSchema.safeParse(jsonOf(request));
    if (!message.success) return malformed(whatIsWrong(message.error));
    if (!options.acceptsPassPhrase(message.data.wd_pass_phrase))
      return malformed('wd_pass_phrase: not the one agreed');
    const about = nth(message.data.req_list[0].bank_tran_id);
    const fails = dice.fires('http_5xx', about);
    const failsBefore = fails && dice.draw(`before|${about}`) < 0.5;
    if (failsBefore) return whole(502, 'bad gateway');
    const verdict = bank.transfer(message.data.cntr_account_num, demandOf(message.data));
    if (fails) return whole(502, 'bad gateway');
    return answerTransfer(message.data, verdict, about);
  }

  function answerTransfer(message: TransferMessage, verdict: TransferVerdict, about: string): WireAnswer {
    const executedNow = verdict.rspCode === 'A0000';
    if (executedNow && dice.fires('execute_then_timeout', about)) return { kind: 'silence' };
    const lies = executedNow && dice.fires('say_failed_after_executing', about);
    return deliver(
      about,
      transferAnswer(clock.now(), apiTranId(), message, lies ? lieAbout(about) : verdict),
    );
  }

  function lieAbout(about: string): Pick<TransferVerdict, 'rspCode' | 'bankRspCode'> {
    return LIES[Math.floor(dice.draw(`lie|${about}`) * LIES.length)] ?? LIES[0];
  }

  function result(request: WireRequest): WireAnswer {
    const message = resultRequest.safeParse(jsonOf(request));
    if (!message.success) return malformed(whatIsWrong(message.error));
    const ids = message.data.req_list.map((item) => item.org_bank_tran_id);
    const about = nth(`result ${ids.join(' ')}`);
    if (dice.fires('http_5xx', about)) return whole(502, 'bad gateway');
    const verdicts = message.data.req_list.map((item) => resultOf(item, message.data.check_type));
    return deliver(about, resultAnswer(clock.now(), apiTranId(), message.data, verdicts));
  }

  /** What the bank says of one transfer. Withdrawals (`check_type` 1) are transfers of another kind, of which it has none. */
  function resultOf(
    item: ResultMessage['req_list'][number],
    checkType: string,
  ): Pick<TransferVerdict, 'rspCode' | 'bankRspCode'> {
    const date = item.org_bank_tran_date.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
    if (checkType !== '2') return NO_SUCH_TRANSFER;
    const truth = bank.resultOf(date, item.org_bank_tran_id, wonOf(item.org_tran_amt));
    const about = nth(`result of ${date} ${item.org_bank_tran_id}`);
    // Of one that is in progress a liar says the same as of one that is done.
    const isOrWillBe = truth.rspCode === 'A0000' || truth.transfer?.executeAt !== undefined;
    if (!isOrWillBe || !dice.fires('lying_inquiry', about)) return truth;
    return dice.draw(`deny|${about}`) < 0.5 ? NO_SUCH_TRANSFER : lieAbout(about);
  }

  const routes: Readonly<Record<string, (request: WireRequest) => WireAnswer>> = {
    'GET /v2.0/account/transaction_list/fin_num': statement,
    'POST /v2.0/inquiry/remit_list': remitters,
    [`POST ${TRANSFER_PATH}`]: transfer,
    'POST /v2.0/transfer/result': result,
  };

  return (request) => {
    if (isInMaintenance()) return whole(503, 'under maintenance');
    const name = `${request.method} ${request.url.pathname}`;
    if (name === 'POST /oauth/2.0/token') return token(request);
    const route = routes[name];
    if (!route) return whole(404, 'not found');
    if (!desk.accepts(request.authorization))
      return whole(200, tokenRejectedAnswer(clock.now(), apiTranId()));
    return route(request);
  };
}

/** Where a page begins among the rows asked for: behind the row that the trace names. */
function startOf(query: StatementQuery, rows: readonly { index: number }[]): number | undefined {
  const trace = query.befor_inquiry_trace_info;
  if (trace === undefined) return 0;
  if (!/^R\d{1,15}$/.test(trace)) return undefined;
  const named = Number(trace.slice(1));
  const next = rows.findIndex(({ index }) => (query.sort_order === 'A' ? index > named : index < named));
  return next < 0 ? rows.length : next;
}

function demandOf(message: TransferMessage): TransferDemand {
  const [item] = message.req_list;
  return {
    bankTranId: item.bank_tran_id,
    amount: wonOf(item.tran_amt),
    toBankCode: item.bank_code_std,
    toAccountNumber: item.account_num,
    toHolder: item.account_holder_name,
    reference: message.wd_print_content,
    recipientText: item.print_content,
  };
}

/** Digits that were found in order, as won. */
function wonOf(digits: string): Won {
  return won(BigInt(digits));
}

/** The JSON of a request that says that it is JSON. */
function jsonOf(request: WireRequest): unknown {
  if (!request.contentType.startsWith('application/json')) return undefined;
  try {
    return JSON.parse(request.body) as unknown;
  } catch {
    return undefined;
  }
}
