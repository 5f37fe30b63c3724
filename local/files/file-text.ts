import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import iconv from 'iconv-lite';
import type { Problem } from './bad-file.ts';
import { shown } from './bad-file.ts';

/** The largest file that is read, in bytes: about two million rows, and well below the longest string that Node can hold. */
const FILE_BYTES_MAX = 200_000_000;

const HOW_TO_SAVE =
  'save it as UTF-8 (Excel: Save As, "CSV UTF-8 (Comma delimited)"; or: iconv -f cp949 -t utf-8 old.csv > new.csv)';

export type FileText =
  | { readonly outcome: 'text'; readonly text: string }
  | { readonly outcome: 'problem'; readonly problem: Problem };

/**
 * Reads a whole UTF-8 file, with or without a byte order mark. Korean spreadsheets still write CP949, and a file decoded wrongly
 * would match no depositor name at all: other encodings are recognised and refused, not guessed.
 */
export async function readFileText(path: string): Promise<FileText> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) return problem({ message: tooLarge(size) });
    return decode(await readFile(path));
  } catch (error) {
    return problem({ message: whyUnreadable(error) });
  }
}

/** Decodes the bytes of a file, or says why they are no UTF-8 text. */
export function decode(bytes: Buffer): FileText {
  const foreign = foreignFormat(bytes);
  if (foreign !== undefined) return problem({ message: foreign });
  if (!isUtf8(bytes)) return problem(firstBadByte(bytes));
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const nul = text.indexOf('\0');
  if (nul >= 0)
    return problem({
      line: lineAt(text, nul),
      message: 'a NUL byte: this is no text file; export it as CSV',
    });
  if (text.trim() === '')
    return problem({ message: 'is empty; it needs a header line and at least one row' });
  return { outcome: 'text', text };
}

function problem(problem: Problem): FileText {
  return { outcome: 'problem', problem };
}

function tooLarge(size: number): string {
  return `is ${size.toLocaleString('en-US')} bytes long, more than ${FILE_BYTES_MAX.toLocaleString('en-US')}; split it by dates`;
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file; check the path';
    case 'EISDIR':
      return 'is a folder; name a CSV file';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user; change its permissions';
    default:
      return `cannot be read (${code})`;
  }
}

/** Names the formats that people take for CSV. A bank's `.xls` export is often a workbook, or a web page under that name. */
function foreignFormat(bytes: Buffer): string | undefined {
  const start = bytes.toString('latin1', 0, 8);
  if (start.startsWith('\xff\xfe') || start.startsWith('\xfe\xff') || looksLikeUtf16(bytes))
    return `is UTF-16, not UTF-8; ${HOW_TO_SAVE}`;
  if (start.startsWith('PK\x03\x04') || start.startsWith('\xd0\xcf\x11\xe0')) {
    return 'is a spreadsheet, not CSV; open it and save it as "CSV UTF-8 (Comma delimited)"';
  }
  if (/^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|table|meta|\?xml)/i.test(bytes.toString('latin1', 0, 200))) {
    return 'is a web page (HTML), not CSV; open it in a spreadsheet and save it as "CSV UTF-8 (Comma delimited)"';
  }
  return undefined;
}

/** UTF-16 without a byte order mark: the header is ASCII, so every second byte of it is zero. */
function looksLikeUtf16(bytes: Buffer): boolean {
  const head = bytes.subarray(0, 16);
  const zerosAt = (odd: number) => head.filter((byte, index) => index % 2 === odd && byte === 0).length;
  return head.length >= 4 && (zerosAt(0) === head.length >> 1 || zerosAt(1) === head.length >> 1);
}

function firstBadByte(bytes: Buffer): Problem {
  const { line, lineStart, at } = locateBadByte(bytes);
  const lineEnd = bytes.indexOf(0x0a, lineStart);
  const korean = iconv
    .decode(bytes.subarray(lineStart, lineEnd < 0 ? bytes.length : lineEnd), 'cp949')
    .trim();
  const where = `byte ${at - lineStart + 1} (0x${bytes.readUInt8(at).toString(16).toUpperCase()}) is not UTF-8`;
  const isKorean = !korean.includes('�') && /\p{Script=Hangul}/u.test(korean);
  const guess = isKorean
    ? `; the file looks like CP949 (EUC-KR), in which this line reads ${shown(korean)}`
    : '';
  return { line, message: `${where}${guess}; ${HOW_TO_SAVE}` };
}

/** Finds the first byte that breaks UTF-8. A line feed is never part of a longer character, so lines can be tried one by one. */
function locateBadByte(bytes: Buffer): { line: number; lineStart: number; at: number } {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const found = bytes.indexOf(0x0a, lineStart);
    const end = found < 0 ? bytes.length : found;
    if (!isUtf8(bytes.subarray(lineStart, end)) || found < 0)
      return { line, lineStart, at: badByteWithin(bytes, lineStart, end) };
    line += 1;
    lineStart = end + 1;
  }
}

/** A character that the file really holds encodes back to its own bytes; the first that does not stands for the bad byte. */
function badByteWithin(bytes: Buffer, start: number, end: number): number {
  let at = start;
  for (const character of bytes.toString('utf8', start, end)) {
    const encoded = Buffer.from(character);
    if (!bytes.subarray(at, at + encoded.length).equals(encoded)) return at;
    at += encoded.length;
  }
  return at;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
