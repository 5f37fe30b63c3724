/** Ids a page; a page is 1 KiB. */
const PAGE_BITS = 13n;
const PAGE_MASK = (1n << PAGE_BITS) - 1n;

/** A set of whole numbers that are given out one after the other, such as a table's ids: about a bit for each. */
export class IdSet {
  readonly #pages = new Map<bigint, Uint8Array>();

  has(id: bigint): boolean {
    const byte = this.#pages.get(id >> PAGE_BITS)?.[Number(id & PAGE_MASK) >> 3] ?? 0;
    return (byte & (1 << Number(id & 7n))) !== 0;
  }

  add(id: bigint): void {
    let page = this.#pages.get(id >> PAGE_BITS);
    if (page === undefined) {
      page = new Uint8Array(1 << (Number(PAGE_BITS) - 3));
      this.#pages.set(id >> PAGE_BITS, page);
    }
    const at = Number(id & PAGE_MASK) >> 3;
    page[at] = (page[at] ?? 0) | (1 << Number(id & 7n));
  }
}
