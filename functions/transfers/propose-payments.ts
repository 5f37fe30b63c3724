import { MOST_PARTS, MOST_PARTS_TRIED, smallestSubset } from '../deposits/subset-sum.ts';
import type { TransferState } from './transfer.table.ts';

/** A transfer that is still to be paid, as far as this database knows. */
export interface OpenTransfer {
  readonly transferId: bigint;
  /** Null for a refund. */
  readonly sellerId: string | null;
  readonly amount: bigint;
  readonly state: TransferState;
  /** The earliest bank time among the deposits that it pays out; null for a refund. */
  readonly depositedAt: Date | null;
}

/** States in which a transfer may have been paid in a life that the database has forgotten. Unsent ones may have gone out together with others. */
export const UNSENT: readonly TransferState[] = ['planned', 'queued', 'held'];
export const ADOPTABLE: readonly TransferState[] = [...UNSENT, 'unknown'];

/**
 * Which transfers a withdrawal may have paid, best first: single ones of its amount, and for each seller of whom none fits, the fewest that make up the
 * amount together, since a page's orders go out in one transfer and may now be planned one by one. Nothing leaves before its deposit came: what was
 * deposited later is left out, and the latest before it is named first.
 */
export function proposePayments(
  row: { readonly amount: bigint; readonly occurredAt: Date },
  transfers: readonly OpenTransfer[],
): bigint[][] {
  const possible = transfers
    .filter(({ state, amount, depositedAt }) => {
      const before = depositedAt === null || depositedAt <= row.occurredAt;
      return ADOPTABLE.includes(state) && amount <= row.amount && before;
    })
    .sort((a, b) => timeOf(b) - timeOf(a) || (a.transferId < b.transferId ? -1 : 1));
  const single = possible.filter(({ amount }) => amount === row.amount);
  const served = new Set(single.map(({ sellerId }) => sellerId));
  const unsent = possible.filter(({ state, sellerId }) => UNSENT.includes(state) && !served.has(sellerId));
  const together = [...Map.groupBy(unsent, ({ sellerId }) => sellerId)].flatMap(([sellerId, own]) => {
    if (sellerId === null) return [];
    const parts = smallestSubset(
      own.slice(0, MOST_PARTS_TRIED),
      ({ amount }) => amount,
      row.amount,
      MOST_PARTS,
    );
    return parts === undefined ? [] : [parts.map(({ transferId }) => transferId)];
  });
  return [...single.map(({ transferId }) => [transferId]), ...together];
}

function timeOf({ depositedAt }: OpenTransfer): number {
  return depositedAt?.getTime() ?? 0;
}
