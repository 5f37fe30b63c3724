/** Korea has no daylight saving time, so its offset is a constant: UTC+9. */
const KST_OFFSET_MS = 9 * 3_600_000;

/** The calendar date in Korea, `YYYY-MM-DD`, of an instant. */
export function kstDate(at: Date): string {
  return new Date(at.getTime() + KST_OFFSET_MS).toISOString().slice(0, 10);
}

/** The wall clock in Korea, `YYYYMMDDHHMMSS`, of an instant: KFTC's `tran_dtime`. */
export function kstCompact(at: Date): string {
  return new Date(at.getTime() + KST_OFFSET_MS).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '');
}

/** The instant at which a date, `YYYY-MM-DD`, begins in Korea. */
export function kstMidnight(date: string): Date {
  return new Date(`${date}T00:00:00+09:00`);
}

/** The date after, or `days` after, a date `YYYY-MM-DD`. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** The whole second that an instant lies in. */
export function wholeSecond(at: Date): Date {
  return new Date(Math.floor(at.getTime() / 1000) * 1000);
}
