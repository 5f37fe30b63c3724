import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import type { BankEvent } from './bank-state.ts';

/** An append-only file, one line a change: all events of a change are kept, or none. */
export interface Journal {
  append(change: readonly BankEvent[]): void;
}

/**
 * Opens a journal and answers what it holds. A last line without its line break was torn by a crash before anybody was told of it:
 * it is cut off, so that the next entry begins on a line of its own. Without a file, nothing is kept.
 *
 * @throws if any other line is no JSON: the file was changed by hand or by a broken disk, and a bank must not start from half of it.
 */
export function openJournal(file: string | undefined): {
  journal: Journal;
  entries: (readonly BankEvent[])[];
} {
  if (file === undefined) return { journal: { append: () => undefined }, entries: [] };
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  if (whole.length < bytes.length) truncateSync(file, whole.length);
  const lines = whole.toString('utf8').split('\n').slice(0, -1);
  return {
    entries: lines.map((line, index) => parseLine(line, `${file}:${index + 1}`)),
    journal: { append: (change) => appendFileSync(file, `${JSON.stringify(change)}\n`) },
  };
}

function parseLine(line: string, place: string): readonly BankEvent[] {
  try {
    return JSON.parse(line) as readonly BankEvent[];
  } catch (error) {
    throw new Error(`${place} is no JSON; remove the file to start the simulated bank anew`, {
      cause: error,
    });
  }
}
