import { InvalidArgumentError, type Command } from 'commander';
import { readClose, type Close } from '../functions/ledger/close.repository.ts';
import { createHeadFolder } from '../functions/ledger/head-folder.client.ts';
import { verifyLedger, type Verification } from '../functions/ledger/verify.step.ts';
import { formatWon } from '../functions/shared/money.ts';
import { headsFolder } from '../local/system.ts';
import { answer, reads, type Answer, type ReadOptions } from './person-command.ts';

/** The books, for whoever must know that they are what they were. */
export function addLedger(program: Command): void {
  const ledger = program
    .command('ledger')
    .description('the books: replay them, and look at their daily closes');
  reads(
    ledger
      .command('verify')
      .description(
        'replay the whole journal and hold it against its hashes, sums, daily closes and archived head; ends with 1 when something is broken',
      ),
  ).action(async (options: ReadOptions) => {
    await answer(options, async ({ db }) => {
      const archived = await createHeadFolder(headsFolder(options.folder)).latest();
      return verified(await verifyLedger(db, archived));
    });
  });
  reads(
    ledger
      .command('close')
      .description("show a day's close: each account's opening, in, out and closing, won")
      .argument('[date]', 'the day in Korea, 2026-03-10; the latest that is closed without it', businessDate),
  ).action(async (date: string | undefined, options: ReadOptions) => {
    await answer(options, async ({ db }) => closeOf(await readClose(db, date), date));
  });
}

function closeOf(close: Close | undefined, date: string | undefined): Answer {
  if (close === undefined) {
    const text =
      date === undefined ? 'no day is closed yet: the daily check closes it' : `${date} is not closed`;
    return { text, json: { outcome: 'refused', message: text }, failed: true };
  }
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
    close.to < close.from
      ? 'no entries'
      : `entries ${close.from.toString()} to ${close.to.toString()}, head ${close.headHash}`;
  return {
    text: [`${close.businessDate}: ${range}`, line('won', columns), ...rows].join('\n'),
    json: {
      business_date: close.businessDate,
      from_position: close.from,
      to_position: close.to,
      head_hash: close.headHash,
      accounts: close.accounts,
    },
  };
}

function businessDate(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError(`"${text}" is no date; write 2026-03-10.`);
  return text;
}

function verified(found: Verification): Answer {
  const { ok, entries, headHash, firstBroken, balances, unsealed, sealedThrough } = found;
  const accounts = [...balances].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    ...accounts.map(([account, balance]) => `  ${account.padEnd(32)}${formatWon(balance).padStart(20)}`),
    `${entries} entries, head ${headHash === '' ? '(none)' : headHash}`,
    ...(unsealed === 0 ? [] : [`${unsealed} postings are not sealed yet: the next cycle does it`]),
    firstBroken === undefined
      ? 'sound: every entry agrees with its hash, its sums, the daily closes and the archived head'
      : `BROKEN${firstBroken.position === null ? '' : ` at position ${firstBroken.position.toString()}`}` +
        `${firstBroken.postingId === null ? '' : `, posting ${firstBroken.postingId.toString()}`}: ${firstBroken.what}`,
  ];
  return {
    text: lines.join('\n'),
    json: {
      ok,
      entries,
      head_hash: headHash,
      first_broken:
        firstBroken === undefined
          ? null
          : { position: firstBroken.position, posting_id: firstBroken.postingId, what: firstBroken.what },
      accounts: Object.fromEntries(accounts),
      unsealed,
      sealed_through: sealedThrough,
    },
    failed: !ok,
  };
}
