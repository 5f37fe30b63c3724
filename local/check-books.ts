import type { DailyResult } from '../functions/ledger/daily.step.ts';
import type { LocalSystem } from './system.ts';

export interface CheckedBooks {
  /** What the daily check found, in one line. */
  readonly text: string;
  /** Worth a person's attention: something is wrong, or could not be looked at. */
  readonly notable: boolean;
}

/** Runs the daily check of the books now. */
export async function checkBooks(system: Pick<LocalSystem, 'verification'>): Promise<CheckedBooks> {
  const run = await system.verification.invoke({});
  if (run.outcome !== 'returned')
    return { text: `! the daily check of the books did not end: ${JSON.stringify(run)}`, notable: true };
  const result = run.payload as DailyResult;
  const closed = result.closed.length === 0 ? '' : `, closed ${result.closed.join(', ')}`;
  const head = result.head_hash === '' ? '' : `, head ${result.head_hash.slice(0, 16)}…`;
  if (result.ended === 'sound')
    return {
      text: `the books are sound: ${result.entries} entries replayed${head}${closed}`,
      notable: false,
    };
  const what =
    result.first_broken?.what ??
    (result.ended === 'out_of_time' ? 'there was no time for all of them' : 'see the alarms');
  return { text: `! the books are ${result.ended.replaceAll('_', ' ')}: ${what}`, notable: true };
}
