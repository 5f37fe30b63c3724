import { Option, type Command } from 'commander';
import { formatWon } from '../functions/shared/money.ts';
import { BANK_TAKES } from '../functions/shared/environment.ts';
import { approveTransfer, type Approved } from '../functions/transfers/approve.step.ts';
import { cancelTransfer } from '../functions/transfers/cancel.step.ts';
import { closeTransfer, type Closed } from '../functions/transfers/close.step.ts';
import { activeStops } from '../functions/transfers/stops.repository.ts';
import {
  listTransfers,
  readTransferStory,
  type TransferStory,
  type TransferView,
} from '../functions/transfers/transfer-view.repository.ts';
import { HELD_REASONS, TRANSFER_STATES } from '../functions/transfers/transfer.table.ts';
import { whatItWaitsFor } from '../functions/transfers/what-it-waits-for.ts';
import type { HeldReason, TransferState } from '../functions/transfers/transfer.table.ts';
import { atMost, columns, refusedAnswer, requestedAnswer, wallClock } from './lines.ts';
import {
  actingNow,
  acts,
  answer,
  reads,
  rowNumber,
  type ActOptions,
  type Answer,
  type ReadOptions,
} from './person-command.ts';

interface ListOptions extends ReadOptions {
  readonly state?: TransferState;
  readonly held?: HeldReason;
  readonly seller?: string;
  readonly limit: number;
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
  addList(transfers);
  addShow(transfers);
  addApprove(transfers);
  addCancel(transfers);
  addClose(transfers);
}

function addList(transfers: Command): void {
  reads(transfers.command('list'))
    .description('the latest transfers')
    .addOption(new Option('--state <state>', 'only those in this state').choices(TRANSFER_STATES))
    .addOption(new Option('--held <reason>', 'only those that are held for this').choices(HELD_REASONS))
    .option('--seller <id>', "only this seller's")
    .option('--limit <n>', 'how many at most', atMost, 50)
    .action(async (options: ListOptions) => {
      await answer(options, async ({ db }) => {
        const { state, held, seller: sellerId, limit } = options;
        const found = await listTransfers(db, { state, held, sellerId, limit });
        const lines = columns(found.map(lineOf));
        return {
          text: lines.length === 0 ? 'There is no such transfer.' : lines.join('\n'),
          json: { transfers: found },
        };
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

function addShow(transfers: Command): void {
  reads(transfers.command('show'))
    .description('all that is known of one transfer')
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (transferId: bigint, options: ReadOptions) => {
      await answer(options, async ({ db }) => {
        const story = await readTransferStory(db, transferId);
        if (story === undefined) {
          const message = `there is no transfer ${transferId.toString()}; transfers list shows the latest`;
          return refusedAnswer({ outcome: 'refused', code: 'not_found', message });
        }
        const waitsFor = whatItWaitsFor(story.transfer, await activeStops(db));
        return { text: storyText(story, waitsFor), json: { ...story, waits_for: waitsFor } };
      });
    });
}

function storyText(story: TransferStory, waitsFor: string): string {
  const { transfer } = story;
  const { bank_code, account_number_masked, account_holder, fee, retry_of } = transfer;
  const destination =
    account_number_masked === null
      ? 'none yet'
      : `bank ${String(bank_code)}, ${account_number_masked}, ${String(account_holder)}`;
  const part = (title: string, rows: string[][]): string[] =>
    rows.length === 0 ? [] : [title, ...columns(rows).map((line) => `  ${line}`)];
  return [
    `Transfer ${transfer.transfer_id.toString()}: ${payeeOf(transfer)}, ${formatWon(transfer.amount)} won (fee ${formatWon(fee)}), ${stateOf(transfer)}`,
    `  to          ${destination}`,
    `  planned     ${wallClock(transfer.planned_at)}, settled ${wallClock(transfer.settled_at)}, sends ${transfer.sends}`,
    ...(retry_of === null ? [] : [`  pays again  what transfer ${retry_of.toString()} did not`]),
    ...story.followedBy.map(
      (one) => `  followed by transfer ${one.transfer_id.toString()}, which is ${one.state}`,
    ),
    `  waits for   ${waitsFor}`,
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

function addApprove(transfers: Command): void {
  acts(transfers.command('approve'))
    .description('two people let a held transfer go, or pay again what failed, came back or was cancelled')
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (transferId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await approveTransfer(db, actingNow(options), transferId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return approvedAnswer(transferId, outcome.result);
      });
    });
}

function approvedAnswer(transferId: bigint, result: Approved): Answer {
  const id = transferId.toString();
  switch (result.outcome) {
    case 'requested':
      return requestedAnswer(result, `let transfer ${id} go`);
    case 'released':
      return {
        text:
          result.waits === undefined
            ? `Transfer ${id} goes on.`
            : `Transfer ${id} is let go over its limits, and waits for something else still: ${result.waits}.`,
        json: result,
      };
    case 'planned_anew':
      return {
        text: `Transfer ${result.transferId.toString()} pays again what transfer ${id} did not${result.waits === undefined ? '' : `, once it need not wait for ${result.waits} any more`}.`,
        json: result,
      };
    default:
      return result satisfies never;
  }
}

function addCancel(transfers: Command): void {
  acts(transfers.command('cancel'))
    .description('cancel a transfer that was not sent; its orders stay paid and owed')
    .argument('<id>', 'the transfer', rowNumber)
    .action(async (transferId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await cancelTransfer(db, actingNow(options), transferId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { amount, kind } = outcome.result;
        const id = transferId.toString();
        return {
          text: `Transfer ${id} of ${formatWon(amount)} won is cancelled.${kind === 'payout' ? ` What it was to pay stays owed: transfers approve ${id} pays it later.` : ''}`,
          json: { outcome: 'cancelled', transfer_id: transferId, amount },
        };
      });
    });
}

function addClose(transfers: Command): void {
  acts(transfers.command('close'))
    .description('two people end a transfer whose outcome nothing has told for a day')
    .argument('<id>', 'the transfer', rowNumber)
    .addOption(
      new Option('--outcome <outcome>', 'what became of it')
        .choices(['succeeded', 'failed'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <text>', 'what you saw that says so; both people write the same')
    .action(async (transferId: bigint, options: CloseOptions) => {
      await answer(options, async ({ db }) => {
        const { outcome: end, evidence } = options;
        const absenceWaitMs = (BANK_TAKES.processingMinutes + BANK_TAKES.postingLagMinutes) * 60_000;
        const closing = { transferId, outcome: end, evidence, absenceWaitMs };
        const outcome = await closeTransfer(db, actingNow(options), closing);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return closedAnswer(transferId, end, outcome.result);
      });
    });
}

function closedAnswer(transferId: bigint, end: string, result: Closed): Answer {
  const id = transferId.toString();
  if (result.outcome === 'requested') return requestedAnswer(result, `close transfer ${id} as ${end}`);
  return {
    text:
      result.recorded === 'succeeded' || result.recorded === 'ended'
        ? `Transfer ${id} is closed: it has ${end}.`
        : `Transfer ${id} is closed, and more is known of it: ${result.recorded} (transfers show ${id}).`,
    json: result,
  };
}
