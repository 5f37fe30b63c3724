import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { SAID_TO_HAVE_PAID } from './doubt.repository.ts';
import { absentByRead, MAY_BE_IT, SHOWS_REFERENCE } from './resolve.repository.ts';

/** The attempt of a transfer that is under way or in doubt; there is one at most. */
export async function readOpenAttempt(
  trx: Transaction<Database>,
  transferId: bigint,
): Promise<bigint | undefined> {
  const attempt = await trx
    .selectFrom('transfer_attempt')
    .select('attempt_id')
    .where('transfer_id', '=', transferId)
    .where('state', '=', 'open')
    .executeTakeFirst();
  return attempt?.attempt_id;
}

/** What is known of an attempt that its transfer's state does not say. */
export interface ShownOnStatement {
  /** A row with its reference. */
  readonly rowId: bigint | null;
  /** A row of its amount that went out and that nothing explains. */
  readonly unexplainedRowId: bigint | null;
  /** A read that proves its absence. */
  readonly absentByRead: bigint | null;
  readonly saidToHavePaid: boolean;
}

export async function readWhatTheStatementShows(
  trx: Transaction<Database>,
  attemptId: bigint,
  now: Date,
  absenceWaitMs: number,
): Promise<ShownOnStatement> {
  const { rows } = await sql<{
    row_id: bigint | null;
    unexplained: bigint | null;
    absent: bigint | null;
    said: boolean;
  }>`
    select (select min(s.row_id) from statement_row s where ${SHOWS_REFERENCE}) as row_id,
      (select min(w.row_id) from withdrawal w where ${MAY_BE_IT}) as unexplained,
      ${absentByRead(now, absenceWaitMs)} as absent,
      ${SAID_TO_HAVE_PAID} as said
    from transfer_attempt a where a.attempt_id = ${attemptId}`.execute(trx);
  const [shown] = rows;
  if (shown === undefined) throw new Error(`there is no attempt ${attemptId.toString()}`);
  return {
    rowId: shown.row_id,
    unexplainedRowId: shown.unexplained,
    absentByRead: shown.absent,
    saidToHavePaid: shown.said,
  };
}
