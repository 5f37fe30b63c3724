/** What a person asked for is not done, and nothing has changed. */
export interface Refused {
  readonly outcome: 'refused';
  /** For programs: `already_used`, `not_found`, …. */
  readonly code: string;
  /** For people: what stands in the way, with its value, and what to do. */
  readonly message: string;
}

export function refuse(code: string, message: string): Refused {
  return { outcome: 'refused', code, message };
}
