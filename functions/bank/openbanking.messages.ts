import { z } from 'zod';
import { BALANCE_MAX, parseWon } from '../shared/money.ts';
import type { Won } from '../shared/money.ts';
import type {
  Inquiry,
  InquiryOutcome,
  RemitterRequest,
  RemitterRow,
  SendOutcome,
  StatementRequest,
  StatementRow,
  TransferOrder,
} from './bank.ts';
import { fitsCp949 } from './cp949.ts';
import { kstCompact, kstDate, wholeSecond } from './kst.ts';
import { classifyInquiry, classifySend, codePair, isAccepted } from './openbanking.codes.ts';

/*
 * The messages of KFTC Open Banking v2.0 as this system writes and reads them. Names, types and lengths of fields are from
 * developers.kftc.or.kr (deposit transfer by account number, transaction list by fintech number); the result inquiry and the list of
 * remitters are from third-party code, not read in KFTC's own tables.
 */

export const TRANSACTION_LIST_PATH = '/v2.0/account/transaction_list/fin_num';
export const REMITTER_LIST_PATH = '/v2.0/inquiry/remit_list';
export const DEPOSIT_TRANSFER_PATH = '/v2.0/transfer/deposit/acnt_num';
export const TRANSFER_RESULT_PATH = '/v2.0/transfer/result';

/** KFTC: at most 25 rows a page, and at most 25 transfers an inquiry. */
export const PAGE_ROWS_MAX = 25;
export const INQUIRIES_MAX = 25;

/** Stands in a stored message where the pass phrase goes. */
const PASS_PHRASE_PLACEHOLDER = '{wd_pass_phrase}';
const PASS_PHRASE_FIELD = `"wd_pass_phrase":${JSON.stringify(PASS_PHRASE_PLACEHOLDER)}`;

/** Reads JSON; `undefined` when the text is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The query of one page of a statement: all rows, by time, ascending (`sort_order` A; D is descending). */
export function statementPath(request: StatementRequest, queryId: string, at: Date): string {
  const from = kstCompact(request.from);
  const to = kstCompact(request.to);
  const query = new URLSearchParams({
    bank_tran_id: queryId,
    fintech_use_num: request.account,
    inquiry_type: 'A',
    inquiry_base: 'T',
    from_date: from.slice(0, 8),
    from_time: from.slice(8),
    to_date: to.slice(0, 8),
    to_time: to.slice(8),
    sort_order: 'A',
    tran_dtime: kstCompact(at),
    ...(request.page === undefined ? {} : { befor_inquiry_trace_info: request.page }),
  });
  return `${TRANSACTION_LIST_PATH}?${query.toString()}`;
}

/** Asks who sent what came into an account in one second, oldest first. */
export function remitterListBody(request: RemitterRequest, queryId: string, at: Date): string {
  const second = kstCompact(request.at);
  const [date, time] = [second.slice(0, 8), second.slice(8)];
  return JSON.stringify({
    bank_tran_id: queryId,
    bank_code_std: request.account.bankCode,
    account_num: request.account.accountNumber,
    from_date: date,
    from_time: time,
    to_date: date,
    to_time: time,
    sort_order: 'A',
    tran_dtime: kstCompact(at),
    ...(request.page === undefined ? {} : { befor_inquiry_trace_info: request.page }),
  });
}

/** @throws if a request for a page is not for whole seconds of one KST date, which is what the port demands. */
export function checkStatementRequest(request: StatementRequest): void {
  const { from, to } = request;
  const isWhole =
    wholeSecond(from).getTime() === from.getTime() && wholeSecond(to).getTime() === to.getTime();
  if (!isWhole || from > to || kstDate(from) !== kstDate(to)) {
    throw new Error(
      `A statement from ${from.toISOString()} to ${to.toISOString()} is not whole seconds of one KST date; split it by date`,
    );
  }
}

/**
 * Writes a deposit transfer. The body is the one that is stored, and so holds a placeholder for the pass phrase;
 * {@link fillPassPhrase} puts it in on the way to the socket, and nowhere else.
 *
 * @throws if a field does not fit the message. Whoever takes names and texts in checks them first (`fitsCp949`).
 */
export function depositTransferBody(order: TransferOrder, contractAccountNumber: string): string {
  checkTransferOrder(order, contractAccountNumber);
  return JSON.stringify({
    cntr_account_type: 'N',
    cntr_account_num: contractAccountNumber,
    wd_pass_phrase: PASS_PHRASE_PLACEHOLDER,
    wd_print_content: order.reference,
    name_check_option: 'on',
    tran_dtime: kstCompact(order.at),
    req_cnt: '1',
    req_list: [
      {
        tran_no: '1',
        bank_tran_id: order.bankTranId,
        bank_code_std: order.toBankCode,
        account_num: order.toAccountNumber,
        account_holder_name: order.toHolder,
        print_content: order.recipientText,
        tran_amt: order.amount.toString(),
        req_client_name: order.toHolder,
        req_client_fintech_use_num: order.account,
        req_client_num: order.bankTranId,
        transfer_purpose: 'TR',
      },
    ],
  });
}

/**
 * Puts the pass phrase into a stored message. The field's name with its quotation marks cannot occur inside a value, where they
 * are escaped, so the place is the right one.
 *
 * @throws if the message has no place for it, and so was not written by {@link depositTransferBody}.
 */
export function fillPassPhrase(body: string, passPhrase: string): string {
  const [before, after, ...more] = body.split(PASS_PHRASE_FIELD);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(
      'The prepared transfer has no single place for the pass phrase; prepare it with prepareTransfer',
    );
  }
  return `${before}"wd_pass_phrase":${JSON.stringify(passPhrase)}${after}`;
}

const TEXT_BYTES_MAX = 20;

function checkTransferOrder(order: TransferOrder, contractAccountNumber: string): void {
  checkShape(
    'bankTranId',
    order.bankTranId,
    /^[0-9A-Z]{10}U[0-9A-Z]{9}$/,
    'organisation code, U, nine characters',
  );
  checkShape('account', order.account, /^[0-9A-Za-z]{1,24}$/, 'at most 24 characters');
  checkShape('toBankCode', order.toBankCode, /^[0-9A-Za-z]{3}$/, 'three characters');
  checkShape('toAccountNumber', order.toAccountNumber, /^[0-9A-Za-z]{1,16}$/, 'at most 16 characters');
  checkShape('contractAccountNumber', contractAccountNumber, /^[0-9A-Za-z]{1,16}$/, 'at most 16 characters');
  checkShape('amount', order.amount.toString(), /^[1-9]\d{0,11}$/, 'more than 0 and at most twelve digits');
  checkText('toHolder', order.toHolder);
  checkText('reference', order.reference);
  checkText('recipientText', order.recipientText);
}

function checkShape(field: string, value: string, shape: RegExp, expected: string): void {
  if (!shape.test(value))
    throw new Error(`A transfer's ${field} does not fit KFTC's message: expected ${expected}`);
}

function checkText(field: string, value: string): void {
  if (value === '' || !fitsCp949(value, TEXT_BYTES_MAX)) {
    throw new Error(
      `A transfer's ${field} does not fit KFTC's message: expected 1 to ${TEXT_BYTES_MAX} bytes of CP949`,
    );
  }
}

/** The body of an inquiry for deposit transfers (`check_type` 2; 1 is for withdrawals). */
export function transferResultBody(inquiries: readonly Inquiry[], at: Date): string {
  return JSON.stringify({
    check_type: '2',
    tran_dtime: kstCompact(at),
    req_cnt: inquiries.length.toString(),
    req_list: inquiries.map((inquiry, index) => ({
      tran_no: (index + 1).toString(),
      org_bank_tran_id: inquiry.bankTranId,
      org_bank_tran_date: inquiry.bankDate.replaceAll('-', ''),
      org_tran_amt: inquiry.amount.toString(),
    })),
  });
}

const TEXT_CHARACTERS_MAX = 100;

/**
 * A text as the database can store it, and bounded: PostgreSQL knows neither U+0000 nor half of a surrogate pair, and one such row must not keep
 * all others from being stored.
 */
function storable(text: string): string {
  return text.slice(0, TEXT_CHARACTERS_MAX).replaceAll('\0', ' ').toWellFormed();
}

/** Amounts are read as they came, since a mended one would be another. */
const wireText = z.string().transform(storable);

/** KFTC leaves a field without a value out, or sends it empty or null; the three mean the same. */
const optionalText = wireText.nullish().transform((text) => text ?? '');

const answerHead = z.object({
  rsp_code: wireText,
  rsp_message: optionalText,
  bank_rsp_code: optionalText,
  bank_rsp_message: optionalText,
});

const transferItem = z.object({
  rsp_code: optionalText,
  bank_tran_id: wireText,
  bank_tran_date: optionalText,
  bank_rsp_code: optionalText,
  tran_amt: z
    .string()
    .nullish()
    .transform((amount) => amount ?? ''),
});

const transferAnswer = answerHead.extend({
  res_list: z
    .array(transferItem)
    .nullish()
    .transform((list) => list ?? []),
});

/** The codes of an answer, or `undefined` when it has none. */
export function readRspCode(json: unknown): string | undefined {
  const head = answerHead.safeParse(json);
  return head.success ? head.data.rsp_code : undefined;
}

/** Reads the answer to a transfer. Whatever is not exactly the answer to this transfer is ambiguous. */
export function readTransferAnswer(body: string, asked: { bankTranId: string; amount: Won }): SendOutcome {
  const json = parseJson(body);
  if (json === undefined) return { outcome: 'ambiguous', code: 'not JSON' };
  const answer = transferAnswer.safeParse(json);
  if (!answer.success) return { outcome: 'ambiguous', code: describeIssue(answer.error, json) };
  const { rsp_code: rspCode, bank_rsp_code: headBankCode, res_list: items } = answer.data;
  const [item, ...more] = items;
  if (!item) return withoutSuccess(classifySend(rspCode, headBankCode));
  if (more.length > 0)
    return { outcome: 'ambiguous', code: `${codePair(rspCode, '')} with ${items.length} results` };
  const strange = mismatch(item, asked);
  if (strange !== undefined) return { outcome: 'ambiguous', code: strange };
  const verdict = classifySend(rspCode, item.bank_rsp_code);
  if (verdict.outcome !== 'succeeded') return verdict;
  const bankDate = readDate(item.bank_tran_date);
  return bankDate === undefined
    ? { outcome: 'ambiguous', code: `bank_tran_date is "${item.bank_tran_date}"` }
    : { outcome: 'succeeded', bankDate };
}

/** An answer without a result for the transfer cannot be a success, whatever its head says. */
function withoutSuccess(verdict: ReturnType<typeof classifySend>): SendOutcome {
  return verdict.outcome === 'succeeded' ? { outcome: 'ambiguous', code: 'A0000 without a result' } : verdict;
}

/** What in an item speaks of another transfer than the one asked about. */
function mismatch(
  item: z.infer<typeof transferItem>,
  asked: { bankTranId: string; amount: Won },
): string | undefined {
  if (item.bank_tran_id !== asked.bankTranId) return `bank_tran_id is "${item.bank_tran_id}"`;
  if (item.tran_amt !== '' && parseWon(item.tran_amt) !== asked.amount)
    return `tran_amt is "${storable(item.tran_amt)}"`;
  return undefined;
}

/**
 * Reads the answer to an inquiry. A transfer that the answer does not speak of is ambiguous. A0310 in the answer's head, without
 * results, is "no such transfer" where one transfer was asked about, and says nothing where several were.
 *
 * Answers a text where the answer as a whole says nothing.
 */
export function readInquiryAnswer(
  body: string,
  asked: readonly Inquiry[],
): ReadonlyMap<string, InquiryOutcome> | string {
  const json = parseJson(body);
  if (json === undefined) return 'not JSON';
  const answer = transferAnswer.safeParse(json);
  if (!answer.success) return describeIssue(answer.error, json);
  const { rsp_code: rspCode, bank_rsp_code: bankCode, res_list: items } = answer.data;
  const outcomes = asked.map((inquiry): [string, InquiryOutcome] => {
    const mine = items.filter((item) => item.bank_tran_id === inquiry.bankTranId);
    const [item, ...more] = mine;
    if (item && more.length === 0) return [inquiry.bankTranId, readInquiryItem(item, rspCode, inquiry)];
    if (items.length === 0 && asked.length === 1)
      return [inquiry.bankTranId, withoutResult(rspCode, bankCode)];
    return [
      inquiry.bankTranId,
      { outcome: 'ambiguous', code: `${codePair(rspCode, bankCode)} with ${mine.length} results` },
    ];
  });
  return new Map(outcomes);
}

function readInquiryItem(
  item: z.infer<typeof transferItem>,
  headCode: string,
  asked: Inquiry,
): InquiryOutcome {
  const strange = mismatch(item, asked);
  if (strange !== undefined) return { outcome: 'ambiguous', code: strange };
  return classifyInquiry(item.rsp_code === '' ? headCode : item.rsp_code, item.bank_rsp_code);
}

function withoutResult(rspCode: string, bankCode: string): InquiryOutcome {
  const verdict = classifyInquiry(rspCode, bankCode);
  return verdict.outcome === 'succeeded' ? { outcome: 'ambiguous', code: 'A0000 without a result' } : verdict;
}

const statementRow = z.object({
  tran_date: z.string().regex(/^\d{8}$/),
  tran_time: z.string().regex(/^\d{6}$/),
  inout_type: wireText,
  tran_type: optionalText,
  print_content: wireText.nullish(),
  printed_content: wireText.nullish(),
  tran_amt: z.string(),
  after_balance_amt: z.string(),
  branch_name: optionalText,
});

const statementAnswer = answerHead.extend({
  page_record_cnt: z
    .string()
    .regex(/^\d{1,2}$/)
    .nullish(),
  next_page_yn: z.enum(['Y', 'N']),
  befor_inquiry_trace_info: optionalText,
  res_list: z
    .array(statementRow)
    .max(PAGE_ROWS_MAX)
    .nullish()
    .transform((list) => list ?? []),
});

/**
 * `inout_type` (third-party code; not read in KFTC's own tables): deposit, withdrawal, payment. A fourth value, 기타 ("other"), is
 * known without its direction, so a row that has it makes the page unreadable rather than being guessed.
 */
const DIRECTIONS: ReadonlyMap<string, 'in' | 'out'> = new Map([
  ['입금', 'in'],
  ['출금', 'out'],
  ['지급', 'out'],
]);

export interface ReadPage {
  readonly rows: readonly StatementRow[];
  readonly nextPage?: string;
}

/** Reads an answer with an accepted code. Answers a text that says what is wrong with it. */
function readAccepted<Shape extends z.ZodType<object>>(body: string, shape: Shape): z.infer<Shape> | string {
  const json = parseJson(body);
  if (json === undefined) return 'not JSON';
  const head = answerHead.safeParse(json);
  if (!head.success) return describeIssue(head.error, json);
  const { rsp_code: rspCode, bank_rsp_code: bankCode } = head.data;
  if (!isAccepted(rspCode, bankCode)) return codePair(rspCode, bankCode);
  const answer = shape.safeParse(json);
  return answer.success ? answer.data : describeIssue(answer.error, json);
}

/** Reads a page of a statement, oldest row first. Answers a text that says what is wrong with it: no row is ever left out. */
export function readStatementAnswer(body: string, request: StatementRequest): ReadPage | string {
  const answer = readAccepted(body, statementAnswer);
  if (typeof answer === 'string') return answer;
  return readPage(answer, request);
}

function readPage(answer: z.infer<typeof statementAnswer>, request: StatementRequest): ReadPage | string {
  const {
    res_list: list,
    page_record_cnt: count,
    next_page_yn: more,
    befor_inquiry_trace_info: trace,
  } = answer;
  if (typeof count === 'string' && Number(count) !== list.length)
    return `page_record_cnt is "${count}" for ${list.length} rows`;
  if (more === 'Y' && (trace === '' || list.length === 0))
    return 'next_page_yn is "Y" on a page that leads no further';
  const rows: StatementRow[] = [];
  for (const [index, wire] of list.entries()) {
    const row = readRow(wire, request);
    if (typeof row === 'string') return `res_list.${index}.${row}`;
    rows.push(row);
  }
  rows.sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
  return { rows, ...(more === 'Y' ? { nextPage: trace } : {}) };
}

/** What a bank tells of a person: whatever is no text is not told. It is never quoted, since it names an account. */
const told = z.unknown().transform((value) => (typeof value === 'string' ? storable(value).trim() : ''));

const remitterRow = statementRow
  .pick({ tran_date: true, tran_time: true, tran_amt: true, after_balance_amt: true })
  .extend({
    remitter_name: told,
    remitter_bank_code: told,
    remitter_account_num: told,
  });

const remitterAnswer = statementAnswer.pick({ next_page_yn: true, befor_inquiry_trace_info: true }).extend({
  res_list: z
    .array(remitterRow)
    .max(PAGE_ROWS_MAX)
    .nullish()
    .transform((list) => list ?? []),
});

/** Reads a page of who sent what. Answers a text that says what is wrong with it, and names no account. */
export function readRemitterAnswer(
  body: string,
): { readonly rows: readonly RemitterRow[]; readonly nextPage?: string } | string {
  const answer = readAccepted(body, remitterAnswer);
  if (typeof answer === 'string') return answer;
  const rows: RemitterRow[] = [];
  for (const [index, wire] of answer.res_list.entries()) {
    const occurredAt = readInstant(wire.tran_date, wire.tran_time);
    const amount = parseWon(wire.tran_amt);
    const balanceAfter = parseWon(wire.after_balance_amt, { signed: true, max: BALANCE_MAX });
    if (occurredAt === undefined || amount === undefined || balanceAfter === undefined)
      return `res_list.${index} has no time, amount or balance that can be read`;
    const { remitter_bank_code: bank, remitter_account_num: accountNumber, remitter_name: name } = wire;
    rows.push({ occurredAt, amount, balanceAfter, bankCode: bank, accountNumber, name });
  }
  const { next_page_yn: more, befor_inquiry_trace_info: trace } = answer;
  return { rows, ...(more === 'Y' && trace !== '' ? { nextPage: trace } : {}) };
}

/** Reads a row, or answers the field and the value that cannot be read. */
function readRow(wire: z.infer<typeof statementRow>, request: StatementRequest): StatementRow | string {
  const occurredAt = readInstant(wire.tran_date, wire.tran_time);
  if (occurredAt === undefined)
    return `tran_date is "${wire.tran_date}" and tran_time "${wire.tran_time}", which is no time`;
  if (occurredAt < request.from || occurredAt > request.to) {
    return `tran_date is "${wire.tran_date}" and tran_time "${wire.tran_time}", which was not asked for`;
  }
  const direction = DIRECTIONS.get(wire.inout_type);
  if (direction === undefined) return `inout_type is "${wire.inout_type}", expected 입금, 출금 or 지급`;
  const amount = parseWon(wire.tran_amt);
  if (amount === undefined) return `tran_amt is "${storable(wire.tran_amt)}", expected whole won`;
  const balanceAfter = parseWon(wire.after_balance_amt, { signed: true, max: BALANCE_MAX });
  if (balanceAfter === undefined)
    return `after_balance_amt is "${storable(wire.after_balance_amt)}", expected whole won`;
  const text = wire.print_content ?? wire.printed_content;
  if (typeof text !== 'string') return 'print_content is missing';
  return {
    occurredAt,
    direction,
    amount,
    balanceAfter,
    text,
    kind: wire.tran_type,
    branch: wire.branch_name,
  };
}

/** `YYYYMMDD` as `YYYY-MM-DD`, if it is a date. */
function readDate(compact: string): string | undefined {
  return readInstant(compact, '000000') && compact.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
}

/** The instant of a KST date and time; 31 February and 24:00:00 are none. */
function readInstant(date: string, time: string): Date | undefined {
  const iso = `${date}${time}`.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6+09:00');
  const instant = new Date(iso);
  return !Number.isNaN(instant.getTime()) && kstCompact(instant) === `${date}${time}` ? instant : undefined;
}

/** Names the first field that has another shape than expected, and the value that came; never an object, which could hold an account number. */
function describeIssue(error: z.ZodError, json: unknown): string {
  const [issue] = error.issues;
  if (!issue) return 'unreadable';
  return `${issue.path.join('.') || 'answer'} is ${quote(valueAt(json, issue.path))}: ${issue.message}`;
}

function quote(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value).slice(0, TEXT_CHARACTERS_MAX);
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
