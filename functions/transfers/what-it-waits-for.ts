import type { HeldReason, TransferState } from './transfer.table.ts';

/** What happens to a transfer next, or who has to do what. */
export function whatItWaitsFor(
  transfer: {
    readonly transfer_id: bigint;
    readonly kind: 'payout' | 'refund';
    readonly state: TransferState;
    readonly held_reason: HeldReason | null;
  },
  stops: readonly string[],
): string {
  const id = transfer.transfer_id.toString();
  const { state, held_reason: heldReason } = transfer;
  switch (state) {
    case 'planned':
    case 'queued':
      return stops.length === 0
        ? 'its turn: the next cycle dispatches it, and the settlement claims it'
        : `payouts to go on: ${stops.join(', ')} (payouts status)`;
    case 'sending':
      return "the bank's answer";
    case 'unknown':
      return `the statement, which tells whether it has left; a day after its lease two people may close it (transfers close ${id})`;
    case 'held':
      return heldReason === null ? 'a person' : whatHeldWaitsFor(heldReason, id);
    case 'failed':
    case 'returned':
    case 'cancelled':
      return transfer.kind === 'payout'
        ? `two people who pay again what of its orders is still to be paid (transfers approve ${id}), unless it is followed by another`
        : 'nothing: its deposit is decided anew (review list)';
    case 'succeeded':
      return 'nothing';
    default:
      return state satisfies never;
  }
}

function whatHeldWaitsFor(reason: HeldReason, id: string): string {
  switch (reason) {
    case 'limit':
      return `two people who let it go over a limit, its seller's or that of all (transfers approve ${id})`;
    case 'attempts':
      return `two people who look why so many sends have not paid, and let it be sent again (transfers approve ${id}), or one who cancels it`;
    case 'unsendable':
      return `somebody who mends what no message could be built of (accounts request), and then two people (transfers approve ${id})`;
    case 'approval':
      return 'an approved payout account of its seller (accounts list)';
    case 'restore':
      return `two people who make sure that no row that was given up after a restore has paid it (transfers approve ${id})`;
    case 'seller_debt':
      return "its seller's balance to cover it";
    default:
      return reason satisfies never;
  }
}
