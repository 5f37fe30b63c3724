/** Writes CSV as RFC 4180 has it, but with plain line feeds: a value is quoted only where it must be. */
export function toCsv(header: readonly string[], lines: readonly (readonly string[])[]): string {
  return [header, ...lines].map((values) => values.map(quoteWhereNeeded).join(',')).join('\n') + '\n';
}

function quoteWhereNeeded(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
