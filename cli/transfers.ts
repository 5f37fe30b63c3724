import { Option, type Command } from 'commander';
import {
  approve,
  cancel,
  close,
  listTheTransfers,
  showTransfer,
  type Approved,
  type TransferStory,
  type TransferView,
} from '../functions/operators/transfer.routes.ts';
import { formatWon } from '../functions/shared/money.ts';
import {
  HELD_REASONS,
  TRANSFER_STATES,
  type HeldReason,
  type TransferState,
} from '../functions/transfers/transfer.table.ts';
import { linesOr, part, requestedText, wallClock } from './lines.ts';
import { acts, ask, atMost, reads, rowNumber, type ActOptions, type ReadOptions } from './person-command.ts';

interface ListOptions extends ReadOptions {
  readonly state?: TransferState;
  readonly held?: HeldReason;
  readonly seller?: string;
  readonly limit: string;
}

interface CloseOptions extends ActOptions {
  readonly outcome: 'succeeded' | 'failed';
  readonly evidence: string;
}

/** Adds `transfers`, with which people look at payouts and refunds, and decide on those that wait for them. */
export function addTransfers(program: Command): void {
  const transfers = program
    .command('transfers')
    .description('payouts and refunds (이체): look at them, let them go, cancel or close them');
  reads(transfers.command('list'))
    .description(listTheTransfers.summary)
    .addOption(new Option('--state <state>', 'only those in this state').choices(TRANSFER_STATES))
    .addOption(new Option('--held <reason>', 'only those that are held for this').choices(HELD_REASONS))
    .option('--seller <id>', "only this seller's")
    .option('--limit <n>', 'how many at most', atMost, '50')
    .action(async (options: ListOptions) => {
      const { state, held, seller: seller_id, limit } = options;
      await ask(options, listTheTransfers, { state, held, seller_id, limit }, (found) =>
        linesOr('There is no such transfer.', found.transfers.map(lineOf)),
      );
    });
  reads(transfers.command('show'))
    .description(showTransfer.summary)
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (id: string, options: ReadOptions) => {
      await ask(options, showTransfer, { transfer_id: id }, storyText);
    });
  acts(transfers.command('approve'))
    .description(approve.summary)
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (id: string, options: ActOptions) => {
      await ask(options, approve, { transfer_id: id }, (approved) => approvedText(id, approved));
    });
  acts(transfers.command('cancel'))
    .description(cancel.summary)
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (id: string, options: ActOptions) => {
      await ask(
        options,
        cancel,
        { transfer_id: id },
        ({ kind, amount }) =>
          `Transfer ${id} of ${formatWon(amount)} won is cancelled.${kind === 'payout' ? ` What it was to pay stays owed: transfers approve ${id} pays it later.` : ''}`,
      );
    });
  acts(transfers.command('close'))
    .description(close.summary)
    .argument('<id>', 'the transfer', rowNumber)
    .addOption(
      new Option('--outcome <outcome>', 'what became of it')
        .choices(['succeeded', 'failed'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <text>', 'what you saw that says so; both people write the same')
    .action(async (id: string, options: CloseOptions) => {
      const { outcome, evidence } = options;
      await ask(options, close, { transfer_id: id, outcome, evidence }, (closed) => {
        if (closed.outcome === 'requested')
          return requestedText(closed, `close transfer ${id} as ${outcome}`);
        return closed.recorded === 'succeeded' || closed.recorded === 'ended'
          ? `Transfer ${id} is closed: it has ${outcome}.`
          : `Transfer ${id} is closed, and more is known of it: ${closed.recorded} (transfers show ${id}).`;
      });
    });
}

function lineOf(transfer: TransferView): string[] {
  return [
    transfer.transfer_id.toString(),
    stateOf(transfer),
    `${formatWon(transfer.amount)} won`,
    payeeOf(transfer),
    wallClock(transfer.planned_at),
  ];
}

function stateOf({ state, held_reason, failed_reason }: TransferView): string {
  const reason = held_reason ?? failed_reason;
  return reason === null ? state : `${state}(${reason})`;
}

function payeeOf({ kind, seller_id, deposit_row_id }: TransferView): string {
  return kind === 'payout' ? `payout to ${String(seller_id)}` : `refund of deposit ${String(deposit_row_id)}`;
}

function storyText(story: TransferStory): string {
  const { transfer } = story;
  const { bank_code, account_number_masked, account_holder, fee, retry_of } = transfer;
  const destination =
    account_number_masked === null
      ? 'none yet'
      : `bank ${String(bank_code)}, ${account_number_masked}, ${String(account_holder)}`;
  return [
    `Transfer ${transfer.transfer_id.toString()}: ${payeeOf(transfer)}, ${formatWon(transfer.amount)} won (fee ${formatWon(fee)}), ${stateOf(transfer)}`,
    `  to          ${destination}`,
    `  planned     ${wallClock(transfer.planned_at)}, settled ${wallClock(transfer.settled_at)}, sends ${transfer.sends}`,
    ...(retry_of === null ? [] : [`  pays again  what transfer ${retry_of.toString()} did not`]),
    ...story.followedBy.map(
      (one) => `  followed by transfer ${one.transfer_id.toString()}, which is ${one.state}`,
    ),
    `  waits for   ${story.waits_for}`,
    ...part(
      'Orders:',
      story.orders.map((order) => [
        order.order_id.toString(),
        order.shop_order_id,
        order.order_state,
        `${formatWon(order.amount)} won`,
        order.live ? 'paid by this transfer' : 'not paid by this one any more',
      ]),
    ),
    ...part(
      'Attempts:',
      story.attempts.map((attempt) => [
        attempt.n.toString(),
        attempt.reference,
        attempt.bank_tran_id,
        attempt.state,
        `sent ${wallClock(attempt.sent_at)}`,
        attempt.withdrawal_row === null
          ? 'not on the statement'
          : `row ${attempt.withdrawal_row.toString()} of the statement`,
      ]),
    ),
    ...part(
      'Evidence:',
      story.evidence.map((one) => [
        wallClock(one.at),
        one.reference,
        `${one.source} says ${one.verdict}${one.cause === null ? '' : ` (${one.cause})`}`,
        one.code,
        one.row_id === null ? '' : `row ${one.row_id.toString()}`,
      ]),
    ),
    ...part(
      'Postings:',
      story.postings.map((posting) => [
        wallClock(posting.at),
        posting.kind,
        `${posting.debit} -> ${posting.credit}`,
        `${formatWon(posting.amount)} won`,
      ]),
    ),
    ...part(
      'Approvals:',
      story.approvals.map((approval) => [
        approval.approval_id.toString(),
        approval.action,
        approval.state,
        `asked for by ${approval.requested_by} at ${wallClock(approval.requested_at)}: ${approval.request_reason}`,
        approval.decided_by === null ? '' : `approved by ${approval.decided_by}`,
      ]),
    ),
  ].join('\n');
}

function approvedText(id: string, approved: Approved): string {
  switch (approved.outcome) {
    case 'requested':
      return requestedText(approved, `let transfer ${id} go`);
    case 'released':
      return approved.waits === undefined
        ? `Transfer ${id} goes on.`
        : `Transfer ${id} is let go over its limits, and waits for something else still: ${approved.waits}.`;
    case 'planned_anew':
      return `Transfer ${approved.transferId.toString()} pays again what transfer ${id} did not${approved.waits === undefined ? '' : `, once it need not wait for ${approved.waits} any more`}.`;
    default:
      return approved satisfies never;
  }
}
