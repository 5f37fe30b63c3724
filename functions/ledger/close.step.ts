import type { Kysely } from 'kysely';
import { addDays, kstDate, kstMidnight } from '../bank/kst.ts';
import type { Database } from '../database.ts';
import { insertClose, readFirstTime, readLastClose, readRange } from './close.repository.ts';

/**
 * Closes every day that is over and not closed yet, oldest first: opening, in, out and closing by account, and so by seller. A close is a range of the
 * chain, from where the day before ended to right before the first entry that belongs to a later day; so one day's closing is the next one's opening,
 * whatever comes late. What was sealed after its own day's close stands in the close of a later day, and is shown there as late.
 *
 * A posting belongs to the day, in Korea, on which the books took note (`at`): a deposit of 23:58 that the cycle of 00:03 books is the new day's.
 *
 * It can run at any time and again: a day is closed once.
 *
 * @returns the days that it closed, `YYYY-MM-DD`.
 */
export async function closeDays(db: Kysely<Database>, now: Date): Promise<string[]> {
  const today = kstDate(now);
  const closed: string[] = [];
  for (;;) {
    const day = await db.transaction().execute(async (trx) => {
      const last = await readLastClose(trx);
      const first = last === undefined ? await readFirstTime(trx) : undefined;
      const businessDate = last === undefined ? first && kstDate(first) : addDays(last.businessDate, 1);
      if (businessDate === undefined || businessDate >= today) return undefined;
      const range = await readRange(trx, (last?.position ?? 0n) + 1n, kstMidnight(addDays(businessDate, 1)));
      const dayBegan = kstMidnight(businessDate);
      const written = await insertClose(
        trx,
        { businessDate, before: last?.businessDate, dayBegan },
        range,
        now,
      );
      return written ? businessDate : undefined;
    });
    if (day === undefined) return closed;
    closed.push(day);
  }
}
