import type { Command } from 'commander';
import {
  approve,
  listAccounts,
  reject,
  request,
  type Account,
} from '../functions/operators/account.routes.ts';
import { readHidden } from './hidden-input.ts';
import { linesOr, wallClock } from './lines.ts';
import { acts, ask, reads, rowNumber, type ActOptions, type ReadOptions } from './person-command.ts';

interface RequestOptions extends ActOptions {
  readonly bank: string;
  readonly holder: string;
}

/** Adds `accounts`, with which people say where sellers are paid: one asks, another approves. */
export function addAccounts(program: Command): void {
  const accounts = program
    .command('accounts')
    .description("sellers' payout accounts (정산 계좌): one person asks for one, another approves it");
  reads(accounts.command('list'))
    .description(listAccounts.summary)
    .option('--seller <id>', 'all accounts that this seller has or had')
    .action(async (options: ReadOptions & { readonly seller?: string }) => {
      await ask(options, listAccounts, { seller_id: options.seller }, (found) =>
        linesOr('There is no such account.', found.accounts.map(lineOf)),
      );
    });
  acts(accounts.command('request'))
    .description(`${request.summary}; its number is read from standard input`)
    .argument('<seller>', 'the seller')
    .requiredOption('--bank <code>', "the bank's standard code, three digits")
    .requiredOption('--holder <name>', "the account's holder, as the bank has it")
    .action(async (sellerId: string, options: RequestOptions) => {
      const accountNumber = await readHidden(`account number of seller ${sellerId} (not shown): `);
      const { bank: bank_code, holder } = options;
      const input = { seller_id: sellerId, bank_code, account_number: accountNumber, holder };
      await ask(options, request, input, ({ payout_account_id: accountId, masked }) => {
        const id = accountId.toString();
        return `Account ${id} (${masked}) of seller ${sellerId} waits for a second person: accounts approve ${id}.`;
      });
    });
  acts(accounts.command('approve'))
    .description(approve.summary)
    .argument('<id>', 'the account', rowNumber)
    .action(async (id: string, options: ActOptions) => {
      await ask(
        options,
        approve,
        { payout_account_id: id },
        ({ account, held_payouts }) =>
          `Seller ${account.seller_id} is paid to ${account.account_number_masked} at bank ${account.bank_code} from now on; ${held_payouts.toString()} planned payouts go there with the next cycle.`,
      );
    });
  acts(accounts.command('reject'))
    .description(reject.summary)
    .argument('<id>', 'the account', rowNumber)
    .action(async (id: string, options: ActOptions) => {
      await ask(
        options,
        reject,
        { payout_account_id: id },
        ({ seller_id }) => `Account ${id} of seller ${seller_id} is rejected.`,
      );
    });
}

function lineOf(account: Account): string[] {
  return [
    account.payout_account_id.toString(),
    account.seller_id,
    account.state,
    `bank ${account.bank_code}`,
    account.account_number_masked,
    account.account_holder,
    `asked for by ${account.requested_by} at ${wallClock(account.requested_at)}`,
    account.approved_by === null ? '' : `approved by ${account.approved_by}`,
  ];
}
