import { createHash } from 'node:crypto';

/** What happened in a world, step by step. Two runs of one seed are the same run when their hashes are. */
export interface History {
  /** `notable`: worth a person's attention who looks for what went wrong; the rest are single statements. */
  record(atMs: number, who: string, what: string, notable?: boolean): void;
  /** The notable steps, or all of them where they are kept. */
  lines(): readonly string[];
  steps(): number;
  /** SHA-256 over every step, in hexadecimal. */
  hash(): string;
}

/** @param keepAll whether single statements are kept too, for a person who reads one world. */
export function createHistory(keepAll: boolean): History {
  const hash = createHash('sha256');
  const lines: string[] = [];
  let steps = 0;
  return {
    record(atMs, who, what, notable = false) {
      const line = `${new Date(atMs).toISOString().slice(5, 23)} ${who}: ${what}`;
      hash.update(line).update('\n');
      steps += 1;
      if (notable || keepAll) lines.push(line);
    },
    lines: () => lines,
    steps: () => steps,
    hash: () => hash.copy().digest('hex'),
  };
}
