import { InvalidArgumentError, Option, type Command } from 'commander';
import { parsePayeeAccount, type PayeeAccount } from '../functions/bank/payee-account.ts';
import { REVIEW_REASONS, type ReviewReason } from '../functions/deposits/match.ts';
import {
  assign,
  combine,
  ignore,
  listTheReviews,
  refund,
  refundToSender,
  showOneReview,
  split,
  undo,
} from '../functions/operators/review.routes.ts';
import { IGNORED_ACCOUNTS, type IgnoredAccount } from '../functions/reviews/review.table.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { parseWon } from '../functions/shared/money.ts';
import {
  acts,
  ask,
  atMost,
  reads,
  rowNumber,
  rowNumbers,
  type ActOptions,
  type AnswerOf,
  type ReadOptions,
} from './person-command.ts';
import { decidedText, listText, showText, undoneText } from './review-text.ts';

interface RefundOptions extends ActOptions {
  readonly to?: PayeeAccount;
  readonly toSender?: boolean;
}

interface ListOptions extends ReadOptions {
  readonly reason?: ReviewReason;
  readonly limit: string;
}

/** Adds `review`, with which people decide on deposits that are not certain. */
export function addReview(program: Command): void {
  const review = program
    .command('review')
    .description('deposits that wait for a person (입금 확인): look at them, and decide');
  addReadings(review);
  addAllocations(review);
  addRefund(review);
  acts(review.command('ignore'))
    .description(ignore.summary)
    .argument('<row>', 'the deposit', rowNumber)
    .addOption(
      new Option('--account <account>', 'whose money it is').choices(IGNORED_ACCOUNTS).default('suspense'),
    )
    .action(async (row_id: string, options: ActOptions & { readonly account: IgnoredAccount }) => {
      await ask(options, ignore, { row_id, account: options.account }, decidedText);
    });
  acts(review.command('undo'))
    .description(undo.summary)
    .argument('<decision>', 'the decision, by the number that review show names', rowNumber)
    .action(async (decision_id: string, options: ActOptions) => {
      await ask(options, undo, { decision_id }, undoneText);
    });
}

function addReadings(review: Command): void {
  reads(review.command('list'))
    .description(listTheReviews.summary)
    .addOption(new Option('--reason <reason>', 'only those with this reason').choices(REVIEW_REASONS))
    .option('--limit <n>', 'how many at most', atMost, '20')
    .action(async ({ reason, limit, ...options }: ListOptions) => {
      await ask(options, listTheReviews, { reason, limit }, ({ reviews, total }) =>
        listText(reviews, total, systemClock.now()),
      );
    });
  reads(review.command('show'))
    .description(showOneReview.summary)
    .argument('<row>', 'the deposit, by its number in the list', rowNumber)
    .action(async (row_id: string, options: ReadOptions) => {
      await ask(options, showOneReview, { row_id }, (shown) => showText(shown, systemClock.now()));
    });
}

function addAllocations(review: Command): void {
  acts(review.command('assign'))
    .description(assign.summary)
    .argument('<row>', 'the deposit', rowNumber)
    .argument('<order>', 'the order, as its shop calls it; SHOP/ORDER where several shops do')
    .action(async (row_id: string, order: string, options: ActOptions) => {
      await ask(options, assign, { row_id, order }, decidedText);
    });
  acts(review.command('split'))
    .description(split.summary)
    .argument('<row>', 'the deposit', rowNumber)
    .argument('<orders...>', 'ORDER, for all that it needs, or ORDER=AMOUNT', share, [])
    .action(async (row_id: string, orders: NamedShare[], options: ActOptions) => {
      await ask(options, split, { row_id, orders }, decidedText);
    });
  acts(review.command('combine'))
    .description(combine.summary)
    .argument('<order>', 'the order, as its shop calls it')
    .argument('<rows...>', 'the deposits', rowNumbers, [])
    .action(async (order: string, row_ids: string[], options: ActOptions) => {
      await ask(options, combine, { order, row_ids }, decidedText);
    });
}

function addRefund(review: Command): void {
  acts(review.command('refund'))
    .description(refund.summary)
    .argument('<row>', 'the deposit', rowNumber)
    .addOption(
      new Option(
        '--to <account>',
        'BANK:ACCOUNT:HOLDER, such as 088:110-222-333444:홍길동, as the buyer gave it',
      )
        .argParser(payeeAccount)
        .conflicts('toSender'),
    )
    .option('--to-sender', 'to the account that the bank says it came from, as review show names it')
    .action(async (row_id: string, options: RefundOptions) => {
      if (options.toSender === true) {
        await ask(options, refundToSender, { row_id }, refundText);
        return;
      }
      if (options.to === undefined)
        throw new InvalidArgumentError('name the account with --to, or take the sender’s with --to-sender.');
      const { bankCode: bank_code, accountNumber: account_number, holder } = options.to;
      await ask(options, refund, { row_id, bank_code, account_number, holder }, refundText);
    });
}

function refundText(answer: AnswerOf<typeof refund>): string {
  return answer.outcome === 'requested'
    ? `Asked for. Nothing is sent yet: a second person must enter the same command, account and all, within three days (request ${answer.approvalId.toString()}).`
    : `${decidedText(answer.decided)}\nTransfer ${answer.transferId.toString()} pays it back; until that has succeeded the deposit is refund_pending (환불 진행 중).`;
}

interface NamedShare {
  readonly order: string;
  readonly amount?: string;
}

function share(text: string, before: readonly NamedShare[]): NamedShare[] {
  const match = /^(.+)=([\d,]+)$/.exec(text);
  const [, order, digits] = match ?? [];
  if (order === undefined || digits === undefined) return [...before, { order: text }];
  const amount = parseWon(digits);
  if (amount === undefined) throw new InvalidArgumentError(`"${digits}" is no whole number of won.`);
  return [...before, { order, amount: amount.toString() }];
}

function payeeAccount(text: string): PayeeAccount {
  const account = parsePayeeAccount(text);
  if (typeof account === 'string') throw new InvalidArgumentError(`${account}.`);
  return account;
}
