import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Kysely } from 'kysely';
import { parsePayeeAccount, type PayeeAccount } from '../functions/bank/payee-account.ts';
import type { Database } from '../functions/database.ts';
import { REVIEW_REASONS, type ReviewReason } from '../functions/deposits/match.ts';
import { refuse, type Refused } from '../functions/people/refusal.ts';
import { assignDeposit, type DecidedOutcome } from '../functions/reviews/assign.step.ts';
import { combineDeposits } from '../functions/reviews/combine.step.ts';
import { ignoreDeposit } from '../functions/reviews/ignore.step.ts';
import { findOrder, listReviews, showReview } from '../functions/reviews/queue.repository.ts';
import { refundDeposit } from '../functions/reviews/refund.step.ts';
import { IGNORED_ACCOUNTS, type IgnoredAccount } from '../functions/reviews/review.table.ts';
import { splitDeposit, type Share } from '../functions/reviews/split.step.ts';
import { undoDecision } from '../functions/reviews/undo.step.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { parseWon, type Won } from '../functions/shared/money.ts';
import {
  acts,
  actingNow,
  answer,
  reads,
  rowNumber,
  type ActOptions,
  type Answer,
  type ReadOptions,
} from './person-command.ts';
import { decidedText, listText, showText, undoneText } from './review-text.ts';

interface ListOptions extends ReadOptions {
  readonly reason?: ReviewReason;
  readonly limit: number;
}

/** Adds `review`, with which people decide on deposits that are not certain. */
export function addReview(program: Command): void {
  const review = program
    .command('review')
    .description('deposits that wait for a person (입금 확인): look at them, and decide');
  addList(review);
  addShow(review);
  addAssign(review);
  addSplit(review);
  addCombine(review);
  addRefund(review);
  addIgnore(review);
  addUndo(review);
}

function addList(review: Command): void {
  reads(review.command('list'))
    .description('the deposits that wait, oldest first, each with its reason and best candidates')
    .addOption(new Option('--reason <reason>', 'only those with this reason').choices(REVIEW_REASONS))
    .option('--limit <n>', 'how many at most', count, 20)
    .action(async (options: ListOptions) => {
      await answer(options, async ({ db }) => {
        const { reason, limit } = options;
        const found = await listReviews(db, { limit, ...(reason === undefined ? {} : { reason }) });
        return { text: listText(found.reviews, found.total, systemClock.now()), json: found };
      });
    });
}

function addShow(review: Command): void {
  reads(review.command('show'))
    .description('all that there is to know of one deposit')
    .argument('<row>', 'the deposit, by its number in the list', rowNumber)
    .action(async (rowId: bigint, options: ReadOptions) => {
      await answer(options, async ({ db }) => {
        const shown = await showReview(db, rowId);
        if (shown === undefined)
          return refusedAnswer(
            refuse(
              'deposit_not_found',
              `there is no deposit ${rowId.toString()}; review list shows those that wait`,
            ),
          );
        return { text: showText(shown, systemClock.now()), json: shown };
      });
    });
}

function addAssign(review: Command): void {
  acts(review.command('assign'))
    .description(
      'assign a deposit to an order, also to an expired or cancelled one; what is too much stays in review, what is missing stays outstanding',
    )
    .argument('<row>', 'the deposit', rowNumber)
    .argument('<order>', 'the order, as its shop calls it; SHOP/ORDER where several shops do')
    .action(async (depositRowId: bigint, order: string, options: ActOptions) => {
      await decide(options, async (db) => {
        const orderId = await orderIdOf(db, order);
        if (typeof orderId !== 'bigint') return orderId;
        return await assignDeposit(db, actingNow(options), { depositRowId, orderId });
      });
    });
}

function addSplit(review: Command): void {
  acts(review.command('split'))
    .description('split a deposit over several orders; what is left of it stays in review')
    .argument('<row>', 'the deposit', rowNumber)
    .argument('<orders...>', 'ORDER, for all that it needs, or ORDER=AMOUNT', share, [])
    .action(async (depositRowId: bigint, named: readonly NamedShare[], options: ActOptions) => {
      await decide(options, async (db) => {
        const shares: Share[] = [];
        for (const { order, amount } of named) {
          const orderId = await orderIdOf(db, order);
          if (typeof orderId !== 'bigint') return orderId;
          shares.push(amount === undefined ? { orderId } : { orderId, amount });
        }
        return await splitDeposit(db, actingNow(options), { depositRowId, shares });
      });
    });
}

function addCombine(review: Command): void {
  acts(review.command('combine'))
    .description('pay one order with several deposits, which must come out to the won')
    .argument('<order>', 'the order, as its shop calls it')
    .argument('<rows...>', 'the deposits', rows, [])
    .action(async (order: string, depositRowIds: readonly bigint[], options: ActOptions) => {
      await decide(options, async (db) => {
        const orderId = await orderIdOf(db, order);
        if (typeof orderId !== 'bigint') return orderId;
        return await combineDeposits(db, actingNow(options), { orderId, depositRowIds });
      });
    });
}

function addRefund(review: Command): void {
  acts(review.command('refund'))
    .description(
      'refund all that is left of a deposit (환불); two people type the same account, one after the other',
    )
    .argument('<row>', 'the deposit', rowNumber)
    .requiredOption(
      '--to <account>',
      'BANK:ACCOUNT:HOLDER, such as 088:110-222-333444:홍길동, as the buyer gave it',
      payeeAccount,
    )
    .action(async (depositRowId: bigint, options: ActOptions & { readonly to: PayeeAccount }) => {
      await answer(options, async ({ db, vault }) => {
        const outcome = await refundDeposit(db, vault, actingNow(options), { depositRowId, to: options.to });
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        const { result } = outcome;
        if (result.outcome === 'requested')
          return {
            text: `Asked for. Nothing is sent yet: a second person must type the same command, account and all, within three days (request ${result.approvalId.toString()}).`,
            json: result,
          };
        return {
          text: `${decidedText(result.decided)}\nTransfer ${result.transferId.toString()} pays it back; until that has succeeded the deposit is refund_pending (환불 진행 중).`,
          json: result,
        };
      });
    });
}

function addIgnore(review: Command): void {
  acts(review.command('ignore'))
    .description("say that what is left of a deposit is nobody's order, and book it to another account")
    .argument('<row>', 'the deposit', rowNumber)
    .addOption(
      new Option('--account <account>', 'whose money it is').choices(IGNORED_ACCOUNTS).default('suspense'),
    )
    .action(async (depositRowId: bigint, options: ActOptions & { readonly account: IgnoredAccount }) => {
      await decide(
        options,
        async (db) => await ignoreDeposit(db, actingNow(options), { depositRowId, account: options.account }),
      );
    });
}

function addUndo(review: Command): void {
  acts(review.command('undo'))
    .description('undo a decision, while each transfer that pays by it can still be cancelled')
    .argument('<decision>', 'the decision, by the number that review show names', rowNumber)
    .action(async (decisionId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await undoDecision(db, actingNow(options), decisionId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return { text: undoneText(outcome.result), json: outcome.result };
      });
    });
}

/** Runs a decision and says what came of it. */
async function decide(
  options: ActOptions,
  work: (db: Kysely<Database>) => Promise<DecidedOutcome>,
): Promise<void> {
  await answer(options, async ({ db }) => {
    const outcome = await work(db);
    if (outcome.outcome === 'refused') return refusedAnswer(outcome);
    return { text: decidedText(outcome.result), json: outcome.result };
  });
}

function refusedAnswer(refused: Refused): Answer {
  return { text: refused.message, json: refused, failed: true };
}

async function orderIdOf(db: Kysely<Database>, name: string): Promise<bigint | Refused> {
  const found = await findOrder(db, name);
  switch (found.outcome) {
    case 'found':
      return found.orderId;
    case 'missing':
      return refuse('order_not_found', `no shop has an order "${name}"; name it as its shop does`);
    case 'several':
      return refuse(
        'order_ambiguous',
        `several shops have an order "${name}": say ${found.names.join(' or ')}`,
      );
    default:
      return found satisfies never;
  }
}

interface NamedShare {
  readonly order: string;
  readonly amount?: Won;
}

function share(text: string, before: readonly NamedShare[]): readonly NamedShare[] {
  const match = /^(.+)=([\d,]+)$/.exec(text);
  const [, order, digits] = match ?? [];
  if (order === undefined || digits === undefined) return [...before, { order: text }];
  const amount = parseWon(digits);
  if (amount === undefined) throw new InvalidArgumentError(`"${digits}" is no whole number of won.`);
  return [...before, { order, amount }];
}

function rows(text: string, before: readonly bigint[]): readonly bigint[] {
  return [...before, rowNumber(text)];
}

function payeeAccount(text: string): PayeeAccount {
  const account = parsePayeeAccount(text);
  if (typeof account === 'string') throw new InvalidArgumentError(`${account}.`);
  return account;
}

const LIST_MAX = 1000;

function count(text: string): number {
  const n = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (n < 1 || n > LIST_MAX) throw new InvalidArgumentError(`"${text}" is no number from 1 to ${LIST_MAX}.`);
  return n;
}
