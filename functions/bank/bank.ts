import type { Won } from '../shared/money.ts';

/**
 * The bank as the rest of the system sees it. Every method returns its outcome, also when the bank is down or talks nonsense; it
 * throws only for a mistake in this program. No method retries a transfer, and none is called inside a database transaction.
 */
export interface Bank {
  /** One page of an account's rows, oldest first, between two instants (whole seconds, both included) of one KST date. */
  listTransactions(request: StatementRequest): Promise<StatementPage | BankRefusal>;

  /** Who sent what came into an account in one second. Banks tell it of some rows, and not of others. */
  listRemitters(request: RemitterRequest): Promise<RemitterPage | BankRefusal>;

  /** Builds the message of one transfer, byte for byte as it will be sent, so that it can be stored before the bank hears of it. */
  prepareTransfer(order: TransferOrder): PreparedTransfer;

  /**
   * Sends a prepared transfer once. `mayStillWrite` is asked right before the first byte is written; when it says no, or no
   * connection came about, the outcome is `not_sent`: the bank has surely heard nothing.
   */
  sendTransfer(prepared: PreparedTransfer, mayStillWrite: () => boolean): Promise<SendResult>;

  /** Asks what became of transfers, at most 25 in one call. It changes nothing at the bank. */
  inquire(inquiries: readonly Inquiry[]): Promise<InquiryResult>;
}

export interface StatementRequest {
  /** The account's KFTC `fintech_use_num`. */
  readonly account: string;
  readonly from: Date;
  readonly to: Date;
  /** `nextPage` of the page before, when this is not the first. */
  readonly page?: string;
}

/** One row of a statement. The bank gives it no id (KFTC; see `functions/deposits/row-identity.ts`). */
export interface StatementRow {
  /** Whole seconds. */
  readonly occurredAt: Date;
  readonly direction: 'in' | 'out';
  readonly amount: Won;
  /** The account's balance right after the row. */
  readonly balanceAfter: Won;
  /** What the payer or we typed (`print_content`), as the bank shows it: not normalised. */
  readonly text: string;
  /** The bank's own word for the kind of the row (`tran_type`), such as a return or a cancelled deposit; may be empty. */
  readonly kind: string;
  readonly branch: string;
}

export interface StatementPage {
  readonly outcome: 'page';
  readonly rows: readonly StatementRow[];
  /** Present when more rows follow. */
  readonly nextPage?: string;
  readonly exchange: Exchange;
}

export interface RemitterRequest {
  readonly account: CollectionAccount;
  /** A whole second. */
  readonly at: Date;
  /** `nextPage` of the page before, when this is not the first. */
  readonly page?: string;
}

/** An account as the bank's question about senders names it. */
export interface CollectionAccount {
  /** Three digits. */
  readonly bankCode: string;
  readonly accountNumber: string;
}

/** Who sent a row. What the bank does not tell is empty. */
export interface RemitterRow extends Pick<StatementRow, 'occurredAt' | 'amount' | 'balanceAfter'> {
  readonly bankCode: string;
  readonly accountNumber: string;
  readonly name: string;
}

export interface RemitterPage {
  readonly outcome: 'page';
  readonly rows: readonly RemitterRow[];
  /** Present when more rows follow. */
  readonly nextPage?: string;
  readonly exchange: Exchange;
}

/** The bank did not answer a question: nothing is known, nothing was changed. */
export interface BankRefusal {
  readonly outcome: 'refused';
  /** `maintenance` ends by itself; `credentials` needs a person; `unavailable` is everything else. */
  readonly cause: 'maintenance' | 'credentials' | 'unavailable';
  /** The bank's code, or what broke (`ECONNREFUSED`, `timeout`), for people. */
  readonly detail: string;
  readonly exchange: Exchange;
}

export interface TransferOrder {
  /** The payout account's KFTC `fintech_use_num`. */
  readonly account: string;
  /** KFTC `bank_tran_id`: organisation code, `U`, nine characters. Fixed in the attempt's row before the send. */
  readonly bankTranId: string;
  readonly amount: Won;
  readonly toBankCode: string;
  readonly toAccountNumber: string;
  readonly toHolder: string;
  /** `wd_print_content`: found again in our own statement. At most 20 CP949 bytes. */
  readonly reference: string;
  /** `print_content`: what the recipient reads. At most 20 CP949 bytes. */
  readonly recipientText: string;
  /** `tran_dtime`; its KST date is the attempt's bank date. */
  readonly at: Date;
}

export interface PreparedTransfer {
  readonly bankTranId: string;
  readonly amount: Won;
  readonly path: string;
  readonly body: string;
}

/**
 * Why a transfer failed: `funds` (our account is short), `limit` (a limit of the bank's), `payee` (the destination is at fault),
 * `maintenance` (the bank is closed), `rejected` (a listed refusal of another kind).
 */
export type FailureCause = 'funds' | 'limit' | 'payee' | 'maintenance' | 'rejected';

/**
 * The four classes of errors (docs/architecture.md): succeeded, definitely failed, ambiguous, refused before sending. A code that is not listed is
 * ambiguous.
 */
export type SendOutcome =
  | {
      readonly outcome: 'succeeded';
      /** The bank's own date of the transfer, `YYYY-MM-DD`: inquire with it. */ readonly bankDate: string;
    }
  | { readonly outcome: 'failed'; readonly cause: FailureCause; readonly code: string }
  | { readonly outcome: 'ambiguous'; readonly code: string }
  | {
      readonly outcome: 'not_sent';
      readonly cause: 'deadline' | 'connection' | 'credentials';
      readonly code: string;
    };

export interface SendResult {
  readonly result: SendOutcome;
  readonly exchange: Exchange;
}

export interface Inquiry {
  readonly bankTranId: string;
  /** `YYYY-MM-DD`, KST: the attempt's, or what the bank returned for it. */
  readonly bankDate: string;
  readonly amount: Won;
}

/** `no_such_transfer` is KFTC A0310: the bank knows nothing of the id. It is not, alone, a proof of absence. */
export type InquiryOutcome =
  | { readonly outcome: 'succeeded' }
  | { readonly outcome: 'failed'; readonly cause: FailureCause; readonly code: string }
  | { readonly outcome: 'no_such_transfer'; readonly code: string }
  | { readonly outcome: 'ambiguous'; readonly code: string };

export type InquiryResult =
  | {
      readonly outcome: 'answered';
      readonly byBankTranId: ReadonlyMap<string, InquiryOutcome>;
      readonly exchange: Exchange;
    }
  | BankRefusal;

/** What went over the wire, for the append-only journal (kept five years). The authorization header is not part of it. */
export interface Exchange {
  readonly operation: 'transaction_list' | 'remitter_list' | 'deposit_transfer' | 'transfer_result' | 'token';
  readonly path: string;
  readonly requestBody: string;
  readonly requestedAt: Date;
  readonly httpStatus?: number;
  /** As received, also when it is cut or no JSON. Absent when nothing came. */
  readonly responseBody?: string;
  /** Set when no whole answer came: `timeout`, `ECONNRESET`, …. */
  readonly error?: string;
  readonly elapsedMs: number;
}
