import { InvalidArgumentError } from 'commander';
import type { Refused } from '../functions/people/act.step.ts';
import type { Requested } from '../functions/people/two-people.step.ts';
import type { Answer } from './person-command.ts';

/** Lines of cells, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const KST_OFFSET_MS = 9 * 3_600_000;

/** An instant as the clock on a Korean wall shows it: `2026-03-02 10:00:05`. */
export function wallClock(at: Date | null): string {
  if (at === null) return '-';
  return new Date(at.getTime() + KST_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** What was asked for was not done. */
export function refusedAnswer(refused: Refused): Answer {
  return { text: refused.message, json: refused, failed: true };
}

/** The first of two people has asked. */
export function requestedAnswer(requested: Requested, what: string): Answer {
  return {
    text: `Request ${requested.approvalId.toString()}: ${what}. Nothing has changed yet: a second person approves it with the same command.`,
    json: requested,
  };
}

/** Reads how many, 1 to 1,000. */
export function atMost(text: string): number {
  const count = Number(text);
  if (!/^\d{1,4}$/.test(text) || count < 1 || count > 1000)
    throw new InvalidArgumentError(`"${text}" is no number from 1 to 1000.`);
  return count;
}
