/** The chain's head as of a day's close, kept where the database's owner cannot rewrite it. */
export interface ArchivedHead {
  /** `YYYY-MM-DD`, KST. */
  readonly businessDate: string;
  readonly position: bigint;
  /** In hexadecimal. */
  readonly hash: string;
}

export type KeepOutcome = 'kept' | 'exists' | 'exists_with_another_head';

/** A place for heads that can be added to and read, and where nothing can be changed. */
export interface HeadArchive {
  /** Keeps a day's head, unless one of that day is kept already. */
  keep(head: ArchivedHead): Promise<KeepOutcome>;
  /** The head of the latest day; nothing in an empty archive. */
  latest(): Promise<ArchivedHead | undefined>;
}

/** A head as the text that an archive holds. */
export function writeHead(head: ArchivedHead): string {
  return `${JSON.stringify({ business_date: head.businessDate, position: head.position.toString(), hash: head.hash })}\n`;
}

/**
 * Reads what `writeHead` wrote.
 *
 * @throws when it is something else: an archive that cannot be read proves nothing.
 */
export function readHead(text: string, name: string): ArchivedHead {
  const { business_date, position, hash } = parsed(text);
  if (
    typeof business_date !== 'string' ||
    typeof position !== 'string' ||
    !/^\d+$/.test(position) ||
    typeof hash !== 'string' ||
    !/^[0-9a-f]{64}$/.test(hash)
  )
    throw new Error(`${name} holds no head of the ledger; restore it from the archive's own history`);
  return { businessDate: business_date, position: BigInt(position), hash };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The name of a day's head in the archive; names sort by their days. */
export function headName(businessDate: string): string {
  return `${businessDate}.json`;
}

/** What became of keeping a head where one of that day is kept already. */
export function compareHeads(kept: ArchivedHead, head: ArchivedHead): KeepOutcome {
  return kept.position === head.position && kept.hash === head.hash ? 'exists' : 'exists_with_another_head';
}
