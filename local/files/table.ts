import type { CsvError } from 'csv-parse/sync';
import { parse } from 'csv-parse/sync';
import type { BadFile, Problem } from './bad-file.ts';
import { badFile, shown } from './bad-file.ts';
import type { ReadCell } from './cells.ts';
import { readFileText } from './file-text.ts';

/** What a column of a file holds. */
export interface Column<T> {
  readonly read: ReadCell<T>;
  /** `filled`: in every line. `present`: the column is there, a value may be empty. `optional`: the column itself may be missing. */
  readonly need: 'filled' | 'present' | 'optional';
  /** Whether blanks around the value belong to it. */
  readonly verbatim: boolean;
}

type Columns = Readonly<Record<string, Column<unknown>>>;

type Values<C extends Columns> = { readonly [Name in keyof C]: C[Name] extends Column<infer T> ? T : never };

/** One line that could be read. */
export interface TableLine<C extends Columns> {
  /** The line in the file, from 1 for the header, as an editor counts; of a value over several lines, the first. */
  readonly line: number;
  /** The data row, from 1, counting neither the header nor empty lines. */
  readonly row: number;
  readonly values: Values<C>;
}

/** A table whose header is right. Lines that could not be read are problems, and missing here. */
export interface Table<C extends Columns> {
  readonly outcome: 'table';
  readonly lines: readonly TableLine<C>[];
  readonly problems: readonly Problem[];
}

/** A column that every line fills. */
export function filled<T>(read: ReadCell<T>): Column<T> {
  return { read, need: 'filled', verbatim: false };
}

/** A column that may be missing or empty: then its value is `undefined`. */
export function optional<T>(read: ReadCell<T>): Column<T | undefined> {
  return {
    read: (text) => (text === '' ? { ok: true, value: undefined } : read(text)),
    need: 'optional',
    verbatim: false,
  };
}

/** A column of a bank's text, whose blanks are kept and which may be empty. */
export function verbatim(read: ReadCell<string>, need: 'present' | 'optional'): Column<string> {
  return { read, need, verbatim: true };
}

/** Reads a CSV file with a header. The caller adds what is wrong between lines to `problems`. */
export async function readTable<C extends Columns>(path: string, columns: C): Promise<Table<C> | BadFile> {
  const file = await readFileText(path);
  if (file.outcome === 'problem') return badFile(path, [file.problem]);
  const { records, problem } = parseRecords(file.text);
  const [header, ...rows] = records;
  if (header === undefined) return badFile(path, [problem ?? { message: 'has no header' }]);
  const names = header.cells.map((name) => name.trim());
  const headerProblems = checkHeader(names, columns).map((message) => ({ line: header.line, message }));
  if (headerProblems.length > 0) return badFile(path, headerProblems);
  if (rows.length === 0)
    return badFile(path, [problem ?? { message: 'has a header and no rows; it needs at least one' }]);
  return readRows(rows, names, columns, problem);
}

interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Splits text into records. A quote out of place ends it with a problem, since nothing after it can be trusted. */
function parseRecords(text: string): { records: CsvRecord[]; problem: Problem | undefined } {
  const records: CsvRecord[] = [];
  let line = 1;
  try {
    parse(text.replaceAll(/\r\n?/g, '\n'), {
      bom: true,
      record_delimiter: '\n',
      relax_column_count: true,
      on_record: (record, info) => {
        if (record.length > 1 || record[0]?.trim() !== '') records.push({ line, cells: record });
        line = info.lines + 1;
        return null;
      },
    });
  } catch (error) {
    return { records, problem: { line, message: whyNoCsv(error as CsvError) } };
  }
  return { records, problem: undefined };
}

function whyNoCsv(error: CsvError): string {
  switch (error.code as string) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quote (") is opened and never closed; close it, or write "" for a quote inside a quoted value';
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'a quoted value goes on after its closing quote ("); write "" for a quote inside it, or close the one opened here';
    case 'INVALID_OPENING_QUOTE':
      return 'a quote (") stands inside a value that is not quoted; put the whole value in quotes and write "" for this one';
    default:
      throw error;
  }
}

function checkHeader(names: readonly string[], columns: Columns): string[] {
  const required = Object.keys(columns).filter((name) => columns[name]?.need !== 'optional');
  if (!names.some((name) => Object.hasOwn(columns, name))) return [noHeader(names, required)];
  const missing = required.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !Object.hasOwn(columns, name));
  const twice = names.filter((name, index) => Object.hasOwn(columns, name) && names.indexOf(name) !== index);
  return [
    ...missing.map((name) => `the column ${name} is missing; the file needs ${required.join(', ')}`),
    ...unknown.map(
      (name) => `the column ${shown(name)} is not known; the columns are ${Object.keys(columns).join(', ')}`,
    ),
    ...twice.map((name) => `the column ${name} is there twice; keep one`),
  ];
}

function noHeader(names: readonly string[], required: readonly string[]): string {
  const separator = names.length === 1 && /[;\t|]/.exec(names[0] ?? '')?.[0];
  const found = separator
    ? `is separated by ${separator === '\t' ? 'tabs' : separator}`
    : `names none of the columns`;
  return `the first line, ${shown(names.join(','))}, ${found}; write a header, separated by commas: ${required.join(',')}`;
}

function readRows<C extends Columns>(
  records: readonly CsvRecord[],
  names: readonly string[],
  columns: C,
  problem: Problem | undefined,
): Table<C> {
  const problems = problem === undefined ? [] : [problem];
  const lines: TableLine<C>[] = [];
  const places = Object.entries(columns).map(([name, column]) => ({
    name,
    column,
    index: names.indexOf(name),
  }));
  for (const [index, record] of records.entries()) {
    const found = readRow(record, names, places);
    if (Array.isArray(found)) problems.push(...found);
    else lines.push({ line: record.line, row: index + 1, values: found as Values<C> });
  }
  return { outcome: 'table', lines, problems };
}

interface Place {
  readonly name: string;
  readonly column: Column<unknown>;
  /** Where the column stands in the line, or -1 when the file lacks it. */
  readonly index: number;
}

/** Answers the values of one line by column, or every problem of the line. */
function readRow(
  record: CsvRecord,
  names: readonly string[],
  places: readonly Place[],
): Record<string, unknown> | Problem[] {
  const { line, cells } = record;
  const shape = whyWrongShape(cells, names);
  if (shape !== undefined) return [{ line, message: shape }];
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};
  for (const { name, column, index } of places) {
    const text = cells[index] ?? '';
    const read = readCell(column, column.verbatim ? text : text.trim());
    if (read.ok) values[name] = read.value;
    else problems.push({ line, column: name, message: read.problem });
  }
  return problems.length > 0 ? problems : values;
}

function whyWrongShape(cells: readonly string[], names: readonly string[]): string | undefined {
  if (cells.every((cell) => cell.trim() === '')) return 'holds nothing but commas; delete the line';
  if (cells.length === names.length) return undefined;
  const remedy =
    cells.length > names.length
      ? 'put a value that holds a comma in quotes, such as "1,000"'
      : 'write every comma, also for empty values';
  return `has ${cells.length} values where the header has ${names.length}; ${remedy}`;
}

function readCell(column: Column<unknown>, text: string): ReturnType<ReadCell<unknown>> {
  if (text === '' && column.need === 'filled')
    return { ok: false, problem: 'is empty; every line needs a value here' };
  return column.read(text);
}

/** Reports every line whose value in a column stands in an earlier line already. */
export function duplicates<C extends Columns>(
  lines: readonly TableLine<C>[],
  column: keyof C & string,
): Problem[] {
  const firstLine = new Map<unknown, number>();
  return lines.flatMap(({ line, values }) => {
    const value = values[column];
    const first = firstLine.get(value);
    if (first === undefined) firstLine.set(value, line);
    return first === undefined
      ? []
      : [
          {
            line,
            column,
            message: `${shown(String(value))} is already in line ${first}; keep one of the two`,
          },
        ];
  });
}
