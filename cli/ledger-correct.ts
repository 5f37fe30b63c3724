import { InvalidArgumentError, type Command } from 'commander';
import { CORRECTION_TARGETS, correctSuspense } from '../functions/ledger/correct.step.ts';
import { formatWon, parseWon, type Won } from '../functions/shared/money.ts';
import { refusedAnswer, requestedAnswer } from './lines.ts';
import { actingNow, acts, answer, rowNumber, type ActOptions } from './person-command.ts';

interface CorrectOptions extends ActOptions {
  readonly row: bigint;
  readonly to: string;
  readonly amount?: Won;
}

/** Adds `ledger correct`, with which two people say whose it is what stands in suspense. */
export function addLedgerCorrect(program: Command): void {
  const ledger =
    program.commands.find((command) => command.name() === 'ledger') ??
    program.command('ledger').description('the books (원장)');
  acts(ledger.command('correct'))
    .description('two people move what stands in suspense for a row of the statement to whose it is')
    .requiredOption('--row <row>', 'the row; payouts status lists those in suspense', rowNumber)
    .requiredOption('--to <account>', `${CORRECTION_TARGETS.join(', ')}, or seller:<id>`)
    .option('--amount <won>', 'how much of it; all without it', amountOf)
    .action(async (options: CorrectOptions) => {
      await answer(options, async ({ db }) => {
        const { row: rowId, to, amount } = options;
        const outcome = await correctSuspense(db, actingNow(options), { rowId, to, amount });
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { result } = outcome;
        const id = rowId.toString();
        if (result.outcome === 'requested')
          return requestedAnswer(result, `move what stands in suspense for row ${id} to ${to}`);
        const left = result.left < 0n ? 0n - result.left : result.left;
        return {
          text: `${formatWon(result.amount)} won of row ${id} are now ${to}'s; ${formatWon(left)} won of it stand in suspense still.`,
          json: result,
        };
      });
    });
}

function amountOf(text: string): Won {
  const amount = parseWon(text);
  if (amount === undefined || amount === 0n)
    throw new InvalidArgumentError(`"${text}" is no amount; write whole won, such as 12000.`);
  return amount;
}
