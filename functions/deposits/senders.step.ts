import type { CollectionAccount, Exchange, RemitterRow } from '../bank/bank.ts';
import { journal } from '../bank/bank-message.repository.ts';
import type { PayeeAccount } from '../bank/payee-account.ts';
import type { CycleContext } from '../cycle/cycle-context.ts';
import { fence } from '../cycle/lease.ts';
import { insertSenders, readUnasked, type Unasked } from './sender.repository.ts';
import { rowsOf, senderOf } from './sender.ts';

/** Deposits of which one cycle asks, at most: one call each, or fewer. */
const DEPOSITS_MAX = 20;
/** Pages of one second, 25 rows each. */
const PAGES_MAX = 4;
/** This list of the bank's may show a row later than its statement does. After so long it is not asked any more, ms. */
const TELLS_WITHIN_MS = 24 * 60 * 60_000;

/**
 * Asks the bank who sent the deposits that wait for a person, so that a refund can be proposed to the account that the money came from. Nobody's money
 * waits for it: a bank that does not answer, or does not know the question, is asked again in the next cycle, and the cycle has not failed for it.
 *
 * @returns of how many deposits the sender is known now.
 */
export async function askForSenders(context: CycleContext): Promise<number> {
  const { db, vault, now, token, settings, hasTime, log } = context;
  if (settings.sendersOf === undefined) return 0;
  const unasked = await readUnasked(db, settings.collectionAccount, DEPOSITS_MAX);
  let known = 0;
  for (const deposits of Map.groupBy(unasked, (one) => one.occurredAt.getTime()).values()) {
    if (!hasTime()) break;
    const asked = await askOfOneSecond(context, settings.sendersOf, deposits);
    const senders =
      asked.refused === undefined ? whoSent(deposits, asked.rows, now) : new Map<bigint, undefined>();
    await db.transaction().execute(async (trx) => {
      await fence(trx, token);
      await journal(
        trx,
        vault,
        asked.exchanges.map((exchange) => ({ exchange, part: 'exchange' as const })),
      );
      await insertSenders(trx, vault, senders, now);
    });
    if (asked.refused !== undefined) {
      log.warn('the bank does not say who sent deposits; it is asked again in the next cycle', {
        detail: asked.refused,
      });
      break;
    }
    known += [...senders.values()].filter((sender) => sender !== undefined).length;
  }
  return known;
}

interface Asked {
  readonly rows: readonly RemitterRow[];
  readonly exchanges: readonly Exchange[];
  /** Why the bank did not answer. */
  readonly refused?: string;
}

async function askOfOneSecond(
  { bank, hasTime }: CycleContext,
  account: CollectionAccount,
  [first]: readonly Unasked[],
): Promise<Asked> {
  const rows: RemitterRow[] = [];
  const exchanges: Exchange[] = [];
  if (first === undefined) return { rows, exchanges };
  let page: string | undefined;
  do {
    const answer = await bank.listRemitters({
      account,
      at: first.occurredAt,
      ...(page === undefined ? {} : { page }),
    });
    exchanges.push(answer.exchange);
    if (answer.outcome === 'refused') return { rows, exchanges, refused: answer.detail };
    rows.push(...answer.rows);
    page = answer.nextPage;
  } while (page !== undefined && exchanges.length < PAGES_MAX && hasTime());
  return page === undefined
    ? { rows, exchanges }
    : { rows, exchanges, refused: 'a second has too many rows' };
}

/** What is known of each deposit now. A young one whose row the bank does not list yet is left out, and asked of again. */
function whoSent(
  deposits: readonly Unasked[],
  rows: readonly RemitterRow[],
  now: Date,
): Map<bigint, PayeeAccount | undefined> {
  const senders = new Map<bigint, PayeeAccount | undefined>();
  for (const deposit of deposits) {
    const [row, ...more] = rowsOf(deposit, rows);
    const isYoung = now.getTime() - deposit.occurredAt.getTime() <= TELLS_WITHIN_MS;
    if (row === undefined && isYoung) continue;
    senders.set(deposit.rowId, row === undefined || more.length > 0 ? undefined : senderOf(row));
  }
  return senders;
}
