import type { FailureCause } from './bank.ts';

/**
 * What a pair of KFTC codes means. `rsp_code` is the word of KFTC's own system, `bank_rsp_code` that of the bank that moves the
 * money. Both tables are by allow-list: what is in neither is ambiguous, and only an inquiry or the statement ends that.
 *
 * Sources: third-party code and vendors' pages; not read in KFTC's own tables. KFTC documents no code for maintenance where it could be
 * read, so none is listed: a transfer answered during maintenance is ambiguous, which is safe, and a question is refused as
 * `maintenance` on HTTP 503 alone (RFC 9110, 15.6.4).
 */
export type Verdict =
  | { readonly outcome: 'succeeded' }
  | { readonly outcome: 'failed'; readonly cause: FailureCause; readonly code: string }
  | { readonly outcome: 'ambiguous'; readonly code: string };

export type InquiryVerdict = Verdict | { readonly outcome: 'no_such_transfer'; readonly code: string };

/** `see_bank`: the failure is the bank's, and `bank_rsp_code` says which. */
type Meaning = 'accepted' | 'unknown' | 'see_bank' | 'no_such_transfer' | FailureCause;

/**
 * KFTC's `rsp_code`. The balance of an account is known to its bank only, so the codes for funds and limits that come from KFTC's
 * own system are taken for limits (an inference). A0009 is documented by Payple, a vendor that passes KFTC's codes on: the detail
 * is in `bank_rsp_code`.
 */
const API_CODES: ReadonlyMap<string, Meaning> = new Map([
  ['A0000', 'accepted'],
  ['A0001', 'unknown'], // still processing
  ['A0003', 'unknown'],
  ['A0007', 'unknown'], // timeout
  ['A0008', 'unknown'],
  ['A0009', 'see_bank'],
  ['A0016', 'unknown'],
  ['A0017', 'unknown'],
  ['A0101', 'limit'],
  ['A0102', 'limit'],
  ['A0106', 'limit'],
  ['A0310', 'no_such_transfer'], // in answer to an inquiry only
  ['A0312', 'payee'], // the holder's name is another
  ['A0317', 'payee'],
  ['A0326', 'unknown'], // the id was used before: the first send may have landed
]);

/** The bank's `bank_rsp_code`. */
const BANK_CODES: ReadonlyMap<string, Meaning> = new Map([
  ['000', 'accepted'],
  ['400', 'unknown'], // in progress
  ['412', 'payee'], // no such account
  ['415', 'payee'], // closed
  ['419', 'payee'], // stopped after a report
  ['420', 'payee'], // stopped
  ['426', 'payee'], // protected from seizure
  ['453', 'funds'],
  ['454', 'funds'],
  ['455', 'limit'],
  ['456', 'limit'],
  ['803', 'unknown'],
  ['804', 'unknown'], // timeout
  ['819', 'unknown'], // KFTC could not pass it on, or could not tell
  ['822', 'unknown'], // the id was used before: the first send may have landed
]);

/** KFTC's code for a token that it does not accept, sent with HTTP 200 (third-party code; not read in KFTC's own tables). */
const TOKEN_REJECTED_CODE = 'O0002';

/** Both codes for people and for the journal: `A0009/453`. */
export function codePair(rspCode: string, bankRspCode: string): string {
  return bankRspCode === '' ? rspCode : `${rspCode}/${bankRspCode}`;
}

/** Whether both systems say that they did what was asked. HTTP 200 alone says nothing. */
export function isAccepted(rspCode: string, bankRspCode: string): boolean {
  return API_CODES.get(rspCode) === 'accepted' && BANK_CODES.get(bankRspCode) === 'accepted';
}

/** Whether a code says that the token is not accepted. */
export function isTokenRejected(rspCode: string): boolean {
  return rspCode === TOKEN_REJECTED_CODE;
}

/** Classifies the answer to a transfer. `bankRspCode` is empty where the answer has none. */
export function classifySend(rspCode: string, bankRspCode: string): Verdict {
  if (isAccepted(rspCode, bankRspCode)) return { outcome: 'succeeded' };
  const code = codePair(rspCode, bankRspCode);
  const cause = agreedCause(rspCode, bankRspCode);
  return cause === undefined ? { outcome: 'ambiguous', code } : { outcome: 'failed', cause, code };
}

/** Classifies the answer to an inquiry: as for a transfer, and A0310 without a word from the bank is "no such transfer". */
export function classifyInquiry(rspCode: string, bankRspCode: string): InquiryVerdict {
  if (API_CODES.get(rspCode) === 'no_such_transfer' && bankRspCode === '') {
    return { outcome: 'no_such_transfer', code: rspCode };
  }
  return classifySend(rspCode, bankRspCode);
}

/**
 * The cause of a failure on which the two codes agree, the bank's being the more exact one. There is none when either code is
 * unlisted or unknown, or when one says that it failed and the other that it was done.
 */
function agreedCause(rspCode: string, bankRspCode: string): FailureCause | undefined {
  const api = API_CODES.get(rspCode) ?? 'unknown';
  if (api === 'unknown' || api === 'no_such_transfer') return undefined;
  if (bankRspCode === '') return failureCause(api);
  return failureCause(BANK_CODES.get(bankRspCode) ?? 'unknown');
}

function failureCause(meaning: Meaning): FailureCause | undefined {
  switch (meaning) {
    case 'accepted':
    case 'unknown':
    case 'see_bank':
    case 'no_such_transfer':
      return undefined;
    case 'funds':
    case 'limit':
    case 'payee':
    case 'maintenance':
    case 'rejected':
      return meaning;
  }
}
