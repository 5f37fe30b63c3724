import type { Generated, JSONColumnType } from 'kysely';

/** A lease with a fencing token: whoever holds the newest token may write. */
export interface LeaseTable {
  name: string;
  token: bigint;
  holder: string;
  ends_at: Date;
}

export interface CycleTable {
  cycle_id: Generated<bigint>;
  token: bigint;
  began_at: Date;
  ended_at: Date | null;
  ended_as: 'complete' | 'out_of_time' | 'failed_in_part' | null;
  summary: JSONColumnType<object> | null;
}

export interface ReconciliationTable {
  reconciliation_id: Generated<bigint>;
  cycle_token: bigint;
  account: string;
  at: Date;
  statement_balance: bigint;
  expected_balance: bigint;
  drift: bigint;
  unexplained_rows: number;
  complete: boolean;
  detail: JSONColumnType<object>;
}

export interface AlarmTable {
  alarm_id: Generated<bigint>;
  name: string;
  detail: JSONColumnType<object>;
  raised_at: Date;
}

export interface AuditTable {
  audit_id: Generated<bigint>;
  actor: string;
  action: string;
  subject: string;
  reason: string;
  detail: JSONColumnType<object>;
  at: Date;
  /** The request's own key and fingerprint, where it had them: a person's key stands here once. */
  request_key: string | null;
  request_fingerprint: string | null;
}

export interface InstallationTable {
  only_row: Generated<boolean>;
  /** Which database this was when it was last known to be the only one (shared/database-identity.ts). */
  database_identity: string;
  /** Raised by a restore, so that no bank id is ever used twice. 0 to 1,295: two characters in base 36. */
  id_epoch: number;
  /** Numbers of bank ids count from here: a restore sets it by the clock, so that two lives of one backup use different numbers, too. */
  bank_ids_from: Generated<bigint>;
  installed_at: Date;
}

/** That the database was found to be a copy, or set back. Payouts stand still until people have resumed them. */
export interface DatabaseRestoreTable {
  restore_id: Generated<bigint>;
  noticed_at: Date;
  noticed_by: 'claim' | 'cycle' | 'statement';
  identity_before: string;
  identity_seen: string;
  /** The epoch of the bank ids that are given out from now on. */
  id_epoch: number;
  /** The last that the database knows to have happened: it was set back to this instant, or to a later one. */
  known_until: Date;
  resumed_at: Date | null;
}
