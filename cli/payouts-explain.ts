import { Option, type Command } from 'commander';
import { kstCompact } from '../functions/bank/kst.ts';
import {
  explain,
  unexplained,
  type Explained,
  type UnexplainedRow,
} from '../functions/operators/payout.routes.ts';
import { formatWon } from '../functions/shared/money.ts';
import {
  acts,
  ask,
  reads,
  rowNumber,
  rowNumbers,
  type ActOptions,
  type ReadOptions,
} from './person-command.ts';

interface ExplainOptions extends ActOptions {
  readonly transfer?: string[];
  readonly lost?: boolean;
  readonly not?: string[];
}

/** Choices that a line shows; all of them are in the JSON. */
const SHOWN_MAX = 3;

/** Adds what a person does about money that left and that nothing explains, as after a restore (docs/restore.md). */
export function addPayoutsExplain(payouts: Command): void {
  reads(payouts.command('unexplained'))
    .description(unexplained.summary)
    .action(async (options: ReadOptions) => {
      await ask(options, unexplained, {}, ({ rows }) => listText(rows));
    });
  acts(payouts.command('explain'))
    .description(explain.summary)
    .argument('<row>', 'the row, as payouts unexplained lists it', rowNumber)
    .addOption(
      new Option('--transfer <id...>', 'it paid this transfer, or these of one seller together')
        .argParser(rowNumbers)
        .conflicts(['lost', 'not']),
    )
    .option('--lost', 'it paid what the database no longer has; the amount stays in suspense')
    .option('--not <id...>', 'with --lost: transfers that fit, and that it surely did not pay', rowNumbers)
    .action(async (id: string, options: ExplainOptions, command: Command) => {
      const { transfer: transfer_ids, lost, not } = options;
      if (transfer_ids === undefined && lost !== true)
        command.error('error: say what the row paid: --transfer ID, or --lost');
      const said = transfer_ids === undefined ? { lost: true as const, not } : { transfer_ids };
      await ask(options, explain, { row_id: id, ...said }, (explained) => saidText(id, explained));
    });
}

function listText(rows: readonly UnexplainedRow[]): string {
  if (rows.length === 0) return 'every row that went out is explained';
  const lines = rows.map(({ rowId, occurredAt, amount, text, reference, proposals }) => {
    const choices = proposals.slice(0, SHOWN_MAX).map((ids) => ids.join('+'));
    const more = proposals.length > SHOWN_MAX ? `, or ${proposals.length - SHOWN_MAX} more` : '';
    const paid = choices.length === 0 ? 'no transfer fits' : `transfer ${choices.join(', or ')}${more}`;
    const time = kstCompact(occurredAt).replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3 $4:$5:$6');
    return `row ${rowId.toString()}  ${time}  ${formatWon(amount)} won  ${reference ?? `"${text}"`}  ${paid}`;
  });
  return lines.join('\n');
}

function saidText(id: string, explained: Explained): string {
  const row = `row ${id}`;
  if (explained.outcome === 'requested')
    return `noted; ${row} is explained once a second person says the same`;
  return explained.transferId === undefined
    ? `${row} is explained, and stays in suspense`
    : `${row} is explained: it paid transfer ${explained.transferId.toString()}, which is now succeeded`;
}
