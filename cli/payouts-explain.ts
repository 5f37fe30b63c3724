import { Option, type Command } from 'commander';
import { kstCompact } from '../functions/bank/kst.ts';
import { formatWon } from '../functions/shared/money.ts';
import {
  adopt,
  explainAsLost,
  listUnexplained,
  type ExplainOutcome,
  type UnexplainedRow,
} from '../functions/transfers/adopt.step.ts';
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

interface ExplainOptions extends ActOptions {
  readonly transfer?: readonly bigint[];
  readonly lost?: boolean;
  readonly not?: readonly bigint[];
}

/** Choices that a line shows; all of them are in the JSON. */
const SHOWN_MAX = 3;

/** Adds what a person does about money that left and that nothing explains, as after a restore (docs/restore.md). */
export function addPayoutsExplain(payouts: Command): void {
  reads(
    payouts
      .command('unexplained')
      .description('list what left the account without an explanation, and which transfers it may have paid'),
  ).action(async (options: ReadOptions) => {
    await answer(options, async ({ db }) => listed(await listUnexplained(db)));
  });

  acts(
    payouts
      .command('explain')
      .description('say what a row paid that left the account; it takes two people, who say the same')
      .argument('<row>', 'the row, as payouts unexplained lists it', rowNumber)
      .addOption(
        new Option('--transfer <id...>', 'it paid this transfer, or these of one seller together')
          .argParser(rowNumbers)
          .conflicts(['lost', 'not']),
      )
      .option('--lost', 'it paid what the database no longer has; the amount stays in suspense')
      .option('--not <id...>', 'with --lost: transfers that fit, and that it surely did not pay', rowNumbers),
  ).action(async (rowId: bigint, options: ExplainOptions, command: Command) => {
    const { transfer, lost, not = [] } = options;
    if (transfer === undefined && lost !== true)
      command.error('error: say what the row paid: --transfer ID, or --lost');
    await answer(options, async ({ db }) => {
      const acting = actingNow(options);
      const outcome =
        transfer === undefined
          ? await explainAsLost(db, acting, { rowId, notPaid: not })
          : await adopt(db, acting, { rowId, transferIds: transfer });
      return said(rowId, outcome);
    });
  });
}

/** Reads one more id of a list. */
function rowNumbers(text: string, before: readonly bigint[] = []): readonly bigint[] {
  return [...before, rowNumber(text)];
}

function listed(rows: readonly UnexplainedRow[]): Answer {
  if (rows.length === 0) return { text: 'every row that went out is explained', json: { rows } };
  const lines = rows.map(({ rowId, occurredAt, amount, text, reference, proposals }) => {
    const choices = proposals.slice(0, SHOWN_MAX).map((ids) => ids.join('+'));
    const more = proposals.length > SHOWN_MAX ? `, or ${proposals.length - SHOWN_MAX} more` : '';
    const paid = choices.length === 0 ? 'no transfer fits' : `transfer ${choices.join(', or ')}${more}`;
    const time = kstCompact(occurredAt).replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3 $4:$5:$6');
    return `row ${rowId.toString()}  ${time}  ${formatWon(amount)} won  ${reference ?? `"${text}"`}  ${paid}`;
  });
  return { text: lines.join('\n'), json: { rows } };
}

function said(rowId: bigint, outcome: ExplainOutcome): Answer {
  if (outcome.outcome === 'refused') return { text: outcome.message, json: outcome, failed: true };
  const { result } = outcome;
  const row = `row ${rowId.toString()}`;
  if (result.outcome === 'requested')
    return {
      text: `noted; ${row} is explained once a second person says the same`,
      json: result,
    };
  const what =
    result.transferId === undefined
      ? 'explained, and stays in suspense'
      : `explained: it paid transfer ${result.transferId.toString()}, which is now succeeded`;
  return { text: `${row} is ${what}`, json: result };
}
