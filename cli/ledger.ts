import { InvalidArgumentError, type Command } from 'commander';
import { CORRECTION_TARGETS } from '../functions/ledger/correct.step.ts';
import {
  correct,
  showClose,
  verify,
  type Close,
  type Verification,
} from '../functions/operators/ledger.routes.ts';
import { formatWon, parseWon } from '../functions/shared/money.ts';
import { requestedText } from './lines.ts';
import {
  acts,
  ask,
  reads,
  rowNumber,
  type ActOptions,
  type ReadOptions,
  type Told,
} from './person-command.ts';

interface CorrectOptions extends ActOptions {
  readonly row: string;
  readonly to: string;
  readonly amount?: string;
}

/** The books, for whoever must know that they are what they were, and for two people who say whose it is what stands in suspense. */
export function addLedger(program: Command): void {
  const ledger = program
    .command('ledger')
    .description(
      'the books (원장): replay them, look at their daily closes, correct what stands in suspense',
    );
  reads(ledger.command('verify'))
    .description(verify.summary)
    .action(async (options: ReadOptions) => {
      await ask(options, verify, {}, verified);
    });
  reads(ledger.command('close'))
    .description(showClose.summary)
    .argument('[date]', 'the day in Korea, 2026-03-10; the latest that is closed without it', businessDate)
    .action(async (date: string | undefined, options: ReadOptions) => {
      await ask(options, showClose, { date }, closeText);
    });
  acts(ledger.command('correct'))
    .description(correct.summary)
    .requiredOption('--row <row>', 'the row; payouts status lists those in suspense', rowNumber)
    .requiredOption('--to <account>', `${CORRECTION_TARGETS.join(', ')}, or seller:<id>`)
    .option('--amount <won>', 'how much of it; all without it', amountOf)
    .action(async (options: CorrectOptions) => {
      const { row: row_id, to, amount } = options;
      await ask(options, correct, { row_id, to, amount }, (answer) => {
        if (answer.outcome === 'requested')
          return requestedText(answer, `move what stands in suspense for row ${row_id} to ${to}`);
        const left = answer.left < 0n ? 0n - answer.left : answer.left;
        return `${formatWon(answer.amount)} won of row ${row_id} are now ${to}'s; ${formatWon(left)} won of it stand in suspense still.`;
      });
    });
}

function amountOf(text: string): string {
  const amount = parseWon(text);
  if (amount === undefined || amount === 0n)
    throw new InvalidArgumentError(`"${text}" is no amount; write whole won, such as 12000.`);
  return amount.toString();
}

function closeText(close: Close): string {
  const columns = ['opening', 'in', 'out', 'closing', 'late in', 'late out'];
  const line = (account: string, cells: readonly string[]) =>
    `  ${account.padEnd(32)}${cells.map((cell) => cell.padStart(16)).join('')}`;
  const rows = close.accounts.map((row) =>
    line(
      row.account,
      [row.opening, row.money_in, row.money_out, row.closing, row.late_in, row.late_out].map(formatWon),
    ),
  );
  const range =
    close.to_position < close.from_position
      ? 'no entries'
      : `entries ${close.from_position.toString()} to ${close.to_position.toString()}, head ${close.head_hash}`;
  return [`${close.business_date}: ${range}`, line('won', columns), ...rows].join('\n');
}

function businessDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError(`"${text}" is no date; write 2026-03-10.`);
  return text;
}

function verified(found: Verification): Told {
  const { ok, whole, entries, head_hash: headHash, first_broken: broken, accounts, unsealed } = found;
  const lines = [
    ...Object.entries(accounts).map(
      ([account, balance]) => `  ${account.padEnd(32)}${formatWon(balance).padStart(20)}`,
    ),
    `${entries} entries, head ${headHash === '' ? '(none)' : headHash}`,
    ...(unsealed === 0 ? [] : [`${unsealed} postings are not sealed yet: the next cycle does it`]),
    broken === null
      ? whole
        ? 'sound: every entry agrees with its hash, its sums, the daily closes and the archived head'
        : 'NOT WHOLE: the journal is too long to be replayed for one request; nothing is wrong so far, and the daily check replays it all'
      : `BROKEN${broken.position === null ? '' : ` at position ${broken.position.toString()}`}` +
        `${broken.posting_id === null ? '' : `, posting ${broken.posting_id.toString()}`}: ${broken.what}`,
  ];
  return { text: lines.join('\n'), failed: !ok };
}
