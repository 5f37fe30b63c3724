import { editDistance } from './edit-distance.ts';
import type { Knowledge, ReviewJudgement } from './judge.ts';
import type { ReviewReason } from './matchable.ts';
import { openedAround, ordersUnder, type IndexedOrder, type OrderIndex } from './order-index.ts';
import { rankCandidates, type Connection } from './rank-candidates.ts';
import type { ReadDeposit } from './read-deposit.ts';

/** A shorter number says nothing by itself. Issued names have at least this many digits. */
const LEAST_TELLING_DIGITS = 4;

/** With how many orders of its amount a deposit is compared at most: those around its time are the likelier ones. */
const MOST_NAMES_COMPARED = 200;

/** How the digits that a payer typed stand to those of an order whose letters are there. */
type NumberTyped = 'right' | 'wrong' | 'missing';

/**
 * Why a deposit that names no order goes to review. The letters of an order, or of its recipient's full name, with another number
 * or with none say which order is meant and what is wrong. With the right number, too, only the way of writing is wrong (the full
 * name where its beginning was issued): such a name is unknown, its order is the best candidate, and other orders with the same
 * letters do not make its number a mistyped one.
 */
export function judgeUnnamed(deposit: ReadDeposit, { index }: Knowledge): ReviewJudgement {
  const sameLetters = ordersWithSameLetters(deposit, index);
  const reason = reasonOf(new Set(sameLetters.values()));
  const sameAmount = reason === 'name_unknown' ? ordersOfSameAmount(deposit, index) : [];

  // Of the connections of one order the last that is set remains, so the closest ones come last.
  const connected = new Map<IndexedOrder, Connection>();
  for (const order of sameAmount) connected.set(order, 'amount');
  for (const order of ordersNearlyNamed(deposit, index)) connected.set(order, 'letters_or_number');
  for (const [order, number] of sameLetters) {
    connected.set(order, number === 'right' ? 'letters_and_number' : 'letters_or_number');
  }
  return { outcome: 'in_review', reason, candidates: rankCandidates(deposit, connected) };
}

function reasonOf(numbers: ReadonlySet<NumberTyped>): ReviewReason {
  if (numbers.has('right')) return 'name_unknown';
  if (numbers.has('wrong')) return 'number_mistyped';
  return numbers.has('missing') ? 'number_missing' : 'name_unknown';
}

function ordersWithSameLetters(
  deposit: ReadDeposit,
  index: OrderIndex,
): ReadonlyMap<IndexedOrder, NumberTyped> {
  const found = new Map<IndexedOrder, NumberTyped>();
  for (const { letters, digits } of deposit.readings) {
    for (const order of ordersUnder(index.byLetters, [letters])) {
      found.set(order, compareNumbers(digits, order.digits));
    }
  }
  return found;
}

function compareNumbers(typed: string, issued: string): NumberTyped {
  if (typed === issued) return 'right';
  return typed === '' ? 'missing' : 'wrong';
}

/** Orders whose number is there, and whose letters are there but for one slip. */
function ordersNearlyNamed(deposit: ReadDeposit, index: OrderIndex): readonly IndexedOrder[] {
  return deposit.readings
    .filter(({ digits }) => digits.length >= LEAST_TELLING_DIGITS)
    .flatMap(({ letters, digits }) =>
      ordersUnder(index.byDigits, [digits]).filter((order) => isOneSlipFrom(letters, order)),
    );
}

function isOneSlipFrom(letters: string, order: IndexedOrder): boolean {
  return order.letterForms.some((form) => editDistance(letters, form) <= 1);
}

function ordersOfSameAmount(deposit: ReadDeposit, index: OrderIndex): readonly IndexedOrder[] {
  const sameAmount = index.byAmount.get(deposit.amount) ?? [];
  return openedAround(sameAmount, deposit.occurredAt, MOST_NAMES_COMPARED);
}
