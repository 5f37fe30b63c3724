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

/** A list as lines, or what is said of an empty one. */
export function linesOr(none: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? none : columns(rows).join('\n');
}

/** A part of a longer text, with its title; nothing where there is nothing in it. */
export function part(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [title, ...columns(rows).map((line) => `  ${line}`)];
}

const KST_OFFSET_MS = 9 * 3_600_000;

/** An instant as the clock on a Korean wall shows it: `2026-03-02 10:00:05`. */
export function wallClock(at: Date | null): string {
  if (at === null) return '-';
  return new Date(at.getTime() + KST_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** The first of two people has asked. */
export function requestedText({ approvalId }: { readonly approvalId: bigint }, what: string): string {
  return `Request ${approvalId.toString()}: ${what}. Nothing has changed yet: a second person approves it with the same command.`;
}
