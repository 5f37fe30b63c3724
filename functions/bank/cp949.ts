import iconv from 'iconv-lite';

/**
 * How many bytes a text takes in CP949, the character set in which Korean banks count the length of a field (KFTC's AH types).
 * Answers `undefined` when CP949 cannot write the text: a bank would replace the character, and a reference would not be found
 * again.
 */
export function cp949Length(text: string): number | undefined {
  const bytes = iconv.encode(text, 'cp949');
  return iconv.decode(bytes, 'cp949') === text ? bytes.length : undefined;
}

/** Whether a text can be written in at most `bytesMax` bytes of CP949. */
export function fitsCp949(text: string, bytesMax: number): boolean {
  const length = cp949Length(text);
  return length !== undefined && length <= bytesMax;
}
