/** JSON with amounts and ids as text, since JSON has no whole numbers of their size; PostgreSQL casts them back without loss. */
export function jsonOf(value: object): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}
