/** How many items a page holds unless asked for otherwise, and at the most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 200;

/**
 * Where a list goes on: behind the item with this id. Lists are in the order of their ids, the youngest first, so that what is added meanwhile comes before
 * the first page and shifts nothing.
 */
export function writeCursor(id: bigint): string {
  return Buffer.from(`v1:${id.toString()}`).toString('base64url');
}

/** Reads a cursor. Answers `undefined` for what this system has not written. */
export function readCursor(text: string): bigint | undefined {
  const match = /^v1:(\d{1,18})$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  const digits = match?.[1];
  if (digits === undefined) return undefined;
  const id = BigInt(digits);
  return writeCursor(id) === text ? id : undefined;
}

/** Cuts what was read, one item more than a page has, into a page and the cursor behind it. */
export function pageOf<Item>(
  found: readonly Item[],
  limit: number,
  idOf: (item: Item) => bigint,
): { readonly items: readonly Item[]; readonly nextCursor: string | null } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last !== undefined ? writeCursor(idOf(last)) : null };
}
