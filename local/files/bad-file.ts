/** How many problems of a file are spelled out. The rest are counted: a column in the wrong unit has one problem a line. */
const PROBLEMS_SHOWN_MAX = 20;

/** How much of a wrong value is repeated in a message, in characters. */
const VALUE_SHOWN_MAX = 40;

/** One thing that is wrong with a file. */
export interface Problem {
  /** The line in the file, from 1 for the header, as an editor counts. Absent when the file as a whole is wrong. */
  readonly line?: number;
  readonly column?: string;
  /** The value, what is wrong with it, and what to do. */
  readonly message: string;
}

/** A file that cannot be used. Nothing of it is: half a file of orders would send the other half's deposits to review. */
export interface BadFile {
  readonly outcome: 'bad_file';
  /** The path as the user wrote it. */
  readonly file: string;
  /** In the order of the file's lines, at most 20. */
  readonly problems: readonly Problem[];
  /** How many there are, shown or not. */
  readonly problemCount: number;
  /** All of it for a terminal, one problem a line. */
  readonly message: string;
}

/** Reports what is wrong with a file. */
export function badFile(file: string, problems: readonly Problem[]): BadFile {
  const shown = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)).slice(0, PROBLEMS_SHOWN_MAX);
  const lines = shown.map((problem) => describe(file, problem));
  const hidden = problems.length - shown.length;
  if (hidden > 0) lines.push(`${file}: and ${hidden} more of such problems`);
  return {
    outcome: 'bad_file',
    file,
    problems: shown,
    problemCount: problems.length,
    message: lines.join('\n'),
  };
}

function describe(file: string, problem: Problem): string {
  const line = problem.line === undefined ? '' : ` line ${problem.line}`;
  const column = problem.column === undefined ? '' : `, column ${problem.column}`;
  return `${file}${line}${column}: ${problem.message}`;
}

/** Repeats a value in a message: in quotes, on one line, and cut when it is long. */
export function shown(value: string): string {
  const characters = Array.from(value.replaceAll(/\p{Cc}/gu, '�'));
  const cut = characters.length > VALUE_SHOWN_MAX;
  return `"${characters.slice(0, VALUE_SHOWN_MAX).join('')}${cut ? '…' : ''}"`;
}
