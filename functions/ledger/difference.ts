/** One thing of which two books do not say the same. */
export interface Difference {
  readonly subject: 'order' | 'deposit' | 'transfer' | 'posting' | 'account';
  readonly id: bigint | string;
  readonly what: string;
}

/** So many are named where there are more; the count is told beside them. */
export const NAMED_MAX = 20;

/** Differences as an alarm and a log line tell them. */
export function nameDifferences(differences: readonly Difference[]): readonly string[] {
  return differences
    .slice(0, NAMED_MAX)
    .map(({ subject, id, what }) => `${subject} ${id.toString()}: ${what}`);
}
