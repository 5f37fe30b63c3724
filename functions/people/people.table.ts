import type { Generated, JSONColumnType } from 'kysely';

/** What takes two people. */
export type ApprovalAction =
  /** Let a transfer that is held over a limit, or that a person held, go out. */
  | 'transfer_release'
  /** Close a transfer whose outcome nothing else has told for a day. */
  | 'transfer_close'
  /** Refund a deposit to an account that somebody typed. */
  | 'refund_to_typed_account'
  /** Let payouts go on after the system halted them. */
  | 'payouts_resume'
  /** Move what stands in suspense for a row of the statement to whose it is. */
  | 'ledger_correction';

/** Something that one person asked for and another must approve. */
export interface ApprovalTable {
  approval_id: Generated<bigint>;
  action: ApprovalAction;
  /** What it is about, such as `transfer 17`. */
  subject: string;
  /** What exactly was asked for. The second person approves this and nothing else. */
  detail: JSONColumnType<object>;
  state: Generated<'requested' | 'approved' | 'lapsed'>;
  requested_by: string;
  requested_at: Date;
  request_reason: string;
  decided_by: string | null;
  decided_at: Date | null;
  decision_reason: string | null;
}
