import type { Command } from 'commander';
import {
  readAccounts,
  readRequestedAccounts,
  type AccountView,
} from '../functions/orders/payout-account.repository.ts';
import { approveAccount, rejectAccount, requestAccount } from '../functions/orders/payout-account.step.ts';
import { readHidden } from './hidden-input.ts';
import { columns, refusedAnswer, wallClock } from './lines.ts';
import {
  actingNow,
  acts,
  answer,
  reads,
  rowNumber,
  type ActOptions,
  type ReadOptions,
} from './person-command.ts';

interface ListOptions extends ReadOptions {
  readonly seller?: string;
}

interface RequestOptions extends ActOptions {
  readonly bank: string;
  readonly holder: string;
}

/** Adds `accounts`, with which people say where sellers are paid: one asks, another approves. */
export function addAccounts(program: Command): void {
  const accounts = program
    .command('accounts')
    .description("sellers' payout accounts (정산 계좌): one person asks for one, another approves it");
  addList(accounts);
  addRequest(accounts);
  addApprove(accounts);
  addReject(accounts);
}

function addList(accounts: Command): void {
  reads(accounts.command('list'))
    .description("accounts that wait for a second person, or a seller's, numbers masked")
    .option('--seller <id>', 'all accounts that this seller has or had')
    .action(async (options: ListOptions) => {
      await answer(options, async ({ db }) => {
        const { seller } = options;
        const found = seller === undefined ? await readRequestedAccounts(db) : await readAccounts(db, seller);
        const lines = columns(found.map(lineOf));
        return {
          text: lines.length === 0 ? 'There is no such account.' : lines.join('\n'),
          json: { accounts: found },
        };
      });
    });
}

function lineOf(account: AccountView): string[] {
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

function addRequest(accounts: Command): void {
  acts(accounts.command('request'))
    .description('ask that a seller be paid to another account; its number is read from standard input')
    .argument('<seller>', 'the seller')
    .requiredOption('--bank <code>', "the bank's standard code, three digits")
    .requiredOption('--holder <name>', "the account's holder, as the bank has it")
    .action(async (sellerId: string, options: RequestOptions) => {
      const accountNumber = await readHidden(`account number of seller ${sellerId} (not shown): `);
      await answer(options, async ({ db, vault }) => {
        const details = { bankCode: options.bank, accountNumber, holder: options.holder };
        const outcome = await requestAccount(db, vault, actingNow(options), sellerId, details);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { payoutAccountId, masked } = outcome.result;
        const id = payoutAccountId.toString();
        return {
          text: `Account ${id} (${masked}) of seller ${sellerId} waits for a second person: accounts approve ${id}.`,
          json: { outcome: 'requested', payout_account_id: payoutAccountId, masked },
        };
      });
    });
}

function addApprove(accounts: Command): void {
  acts(accounts.command('approve'))
    .description('approve an account that somebody else asked for; it takes the former place at once')
    .argument('<id>', 'the account', rowNumber)
    .action(async (payoutAccountId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await approveAccount(db, actingNow(options), payoutAccountId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { account, heldPayouts } = outcome.result;
        return {
          text: `Seller ${account.seller_id} is paid to ${account.account_number_masked} at bank ${account.bank_code} from now on; ${heldPayouts.toString()} planned payouts go there with the next cycle.`,
          json: { outcome: 'approved', payout_account_id: payoutAccountId, held_payouts: heldPayouts },
        };
      });
    });
}

function addReject(accounts: Command): void {
  acts(accounts.command('reject'))
    .description('do not approve an account that somebody asked for')
    .argument('<id>', 'the account', rowNumber)
    .action(async (payoutAccountId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await rejectAccount(db, actingNow(options), payoutAccountId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return {
          text: `Account ${payoutAccountId.toString()} of seller ${outcome.result.seller_id} is rejected.`,
          json: { outcome: 'rejected', payout_account_id: payoutAccountId },
        };
      });
    });
}
