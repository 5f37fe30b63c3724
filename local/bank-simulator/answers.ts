import { kstCompact } from '../../functions/bank/kst.ts';
import type { SimulatedAccount, SimulatedRow } from './bank-state.ts';
import type { TransferVerdict } from './simulated-bank.ts';
import type { ResultMessage, TransferMessage } from './requests.ts';

/*
 * Answers in the shape of KFTC Open Banking v2.0. Field names are from developers.kftc.or.kr and, for the result inquiry, from
 * third-party code; not read in KFTC's own tables.
 */

/** What goes back over the wire, and how. */
export type WireAnswer =
  | { readonly kind: 'whole'; readonly status: number; readonly body: string; readonly delayMs: number }
  /** Half of the body, then the connection breaks. */
  | { readonly kind: 'cut'; readonly status: number; readonly body: string; readonly delayMs: number }
  /** Nothing, until the caller hangs up. */
  | { readonly kind: 'silence' };

/**
 * The code of a request that is not in order. KFTC has codes of its own for this, which could not be read; this one is in no table
 * of the client, as an unread code would be.
 */
const MALFORMED_REQUEST = 'A0004';

/** KFTC's code for a token that it does not accept, sent with HTTP 200 (third-party code; not read in KFTC's own tables). */
const TOKEN_REJECTED = 'O0002';

/** The fields that every answer begins with. */
function head(now: Date, apiTranId: string, rspCode: string, rspMessage = ''): Record<string, unknown> {
  const milliseconds = now.getUTCMilliseconds().toString().padStart(3, '0');
  const api_tran_dtm = `${kstCompact(now)}${milliseconds}`;
  return { api_tran_id: apiTranId, api_tran_dtm, rsp_code: rspCode, rsp_message: rspMessage };
}

export function malformedAnswer(now: Date, apiTranId: string, problem: string): Record<string, unknown> {
  return head(now, apiTranId, MALFORMED_REQUEST, problem);
}

export function tokenRejectedAnswer(now: Date, apiTranId: string): Record<string, unknown> {
  return head(now, apiTranId, TOKEN_REJECTED, 'Access Token 거부');
}

export interface StatementView {
  readonly queryId: string;
  readonly account: SimulatedAccount;
  readonly balance: bigint;
  readonly rows: readonly SimulatedRow[];
  /** Where the next page goes on; absent on the last one. */
  readonly trace?: string;
}

export function statementAnswer(now: Date, apiTranId: string, view: StatementView): Record<string, unknown> {
  return {
    ...pageAnswer(now, apiTranId, view),
    fintech_use_num: view.account.fintechUseNum,
    res_list: view.rows.map((row) => ({
      ...rowAnswer(row),
      inout_type: row.direction === 'in' ? '입금' : '출금',
    })),
  };
}

/** Who sent the rows of a page; fields of which the bank knows nothing are empty. */
export function remitterAnswer(now: Date, apiTranId: string, view: StatementView): Record<string, unknown> {
  return {
    ...pageAnswer(now, apiTranId, view),
    bank_code_std: view.account.bankCode,
    account_num: view.account.accountNumber,
    res_list: view.rows.map((row) => ({
      ...rowAnswer(row),
      remitter_name: row.sender?.name ?? '',
      remitter_bank_code: row.sender?.bankCode ?? '',
      remitter_account_num: row.sender?.accountNumber ?? '',
    })),
  };
}

/** What lists of rows have in common. */
function pageAnswer(now: Date, apiTranId: string, view: StatementView): Record<string, unknown> {
  const { account, rows, trace } = view;
  return {
    ...head(now, apiTranId, 'A0000'),
    bank_tran_id: view.queryId,
    bank_tran_date: kstCompact(now).slice(0, 8),
    bank_code_tran: account.bankCode,
    bank_rsp_code: '000',
    bank_rsp_message: '',
    bank_name: '오픈은행',
    balance_amt: view.balance.toString(),
    page_record_cnt: rows.length.toString(),
    next_page_yn: trace === undefined ? 'N' : 'Y',
    befor_inquiry_trace_info: trace ?? '',
  };
}

function rowAnswer(row: SimulatedRow): Record<string, string> {
  const at = kstCompact(row.occurredAt);
  return {
    tran_date: at.slice(0, 8),
    tran_time: at.slice(8),
    tran_type: row.kind,
    print_content: row.text,
    tran_amt: row.amount.toString(),
    after_balance_amt: row.balanceAfter.toString(),
    branch_name: row.branch,
  };
}

export function transferAnswer(
  now: Date,
  apiTranId: string,
  message: TransferMessage,
  codes: Pick<TransferVerdict, 'rspCode' | 'bankRspCode'>,
): Record<string, unknown> {
  const [item] = message.req_list;
  return {
    ...head(now, apiTranId, codes.rspCode),
    wd_bank_code_std: '097',
    wd_bank_name: '오픈은행',
    wd_print_content: message.wd_print_content,
    res_cnt: '1',
    res_list: [
      {
        tran_no: item.tran_no,
        bank_tran_id: item.bank_tran_id,
        bank_tran_date: kstCompact(now).slice(0, 8),
        bank_code_tran: '097',
        bank_rsp_code: codes.bankRspCode,
        bank_rsp_message: '',
        bank_code_std: item.bank_code_std,
        print_content: item.print_content,
        account_holder_name: item.account_holder_name,
        tran_amt: item.tran_amt,
      },
    ],
  };
}

/** One code in the head serves one transfer; where several were asked about, each result carries its own. */
export function resultAnswer(
  now: Date,
  apiTranId: string,
  message: ResultMessage,
  verdicts: readonly Pick<TransferVerdict, 'rspCode' | 'bankRspCode'>[],
): Record<string, unknown> {
  const [only, ...more] = verdicts;
  const headCode = only && more.length === 0 ? only.rspCode : 'A0000';
  return {
    ...head(now, apiTranId, headCode),
    check_type: message.check_type,
    res_cnt: verdicts.length.toString(),
    res_list: message.req_list.map((item, index) => ({
      tran_no: item.tran_no,
      bank_tran_id: item.org_bank_tran_id,
      bank_tran_date: item.org_bank_tran_date,
      rsp_code: verdicts[index]?.rspCode ?? '',
      bank_rsp_code: verdicts[index]?.bankRspCode ?? '',
      tran_amt: item.org_tran_amt,
    })),
  };
}
