import type { Command } from 'commander';
import { createHeadFolder } from '../functions/ledger/head-folder.client.ts';
import { verifyLedger, type Verification } from '../functions/ledger/verify.step.ts';
import { formatWon } from '../functions/shared/money.ts';
import { headsFolder } from '../local/system.ts';
import { answer, reads, type Answer, type ReadOptions } from './person-command.ts';

/** The books, for whoever must know that they are what they were. */
export function addLedger(program: Command): void {
  const ledger = program.command('ledger').description('the books: replay them from the first entry');
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
