import { kstDate } from '../functions/bank/kst.ts';
import type { Candidate, Decided, Review, ReviewInFull } from '../functions/operators/review.routes.ts';
import { formatWon } from '../functions/shared/money.ts';

const MINUTE_MS = 60_000;
const CANDIDATES_LISTED = 2;

/** The queue, one deposit a paragraph. */
export function listText(reviews: readonly Review[], total: bigint, now: Date): string {
  if (reviews.length === 0) return 'No deposit waits for a person (확인할 입금 없음).';
  const more = total - BigInt(reviews.length);
  return [
    ...reviews.map((review) =>
      [
        `${review.rowId.toString()}  ${formatWon(review.remaining)} won${partOf(review)}  "${review.text}"  ${review.reason ?? ''}  ${age(review.occurredAt, now)}`,
        ...review.candidates.slice(0, CANDIDATES_LISTED).map((order) => `    ${candidateText(order)}`),
      ].join('\n'),
    ),
    `${total.toString()} deposits wait (확인 대기)${more > 0n ? `; ${more.toString()} more with --limit` : ''}.`,
  ].join('\n');
}

/** One deposit, with all that is known. */
export function showText(review: ReviewInFull, now: Date): string {
  const { bankRow, sender, others, decisions, candidates } = review;
  const lines = [
    `Deposit ${review.rowId.toString()} (입금): ${formatWon(review.amount)} won, ${review.state}, ${formatWon(review.remaining)} won left`,
    `  bank row    "${review.text}"  ${stamp(review.occurredAt)}, ${age(review.occurredAt, now)}  balance after ${formatWon(bankRow.balanceAfter)}${[
      bankRow.kind,
      bankRow.branch,
    ]
      .filter(Boolean)
      .map((part) => `  ${part}`)
      .join('')}`,
    ...(sender === null
      ? []
      : [
          `  came from   ${sender.bankCode} ${sender.masked} ${sender.holder} (송금인), as the bank tells: review refund ${review.rowId.toString()} --to-sender`,
        ]),
    ...(review.reason === null ? [] : [`  reason      ${review.reason}`]),
    ...(bankRow.possibleDuplicate
      ? ['  caution     the bank may have shown this row twice (중복 의심)']
      : []),
    candidates.length === 0 ? 'No order comes near it.' : 'Orders that may be meant (주문 후보), best first:',
    ...candidates.flatMap((order) => [
      `  ${candidateText(order)}`,
      ...order.why.map((why) => `      ${why}`),
    ]),
  ];
  if (others.length > 0)
    lines.push(
      'Other deposits of the name, or of these orders (다른 입금):',
      ...others.map(
        (other) =>
          `  ${other.rowId.toString()}  ${formatWon(other.amount)} won  "${other.text}"  ${stamp(other.occurredAt)}  ${other.state}${other.shopOrderIds.length === 0 ? '' : `  ${other.shopOrderIds.join(', ')}`}`,
      ),
    );
  if (decisions.length > 0)
    lines.push(
      'Decisions so far (처리 내역):',
      ...decisions.map(
        (one) =>
          `  ${one.decision_id.toString()}  ${one.kind} ${formatWon(one.amount)} won  ${one.state}  ${stamp(one.made_at)} ${one.made_by}: ${one.reason}${one.transfer === null ? '' : `  (transfer ${one.transfer})`}${one.undone_by === null ? '' : `  undone by ${one.undone_by}: ${one.undone_reason ?? ''}`}`,
      ),
    );
  return lines.join('\n');
}

/** What was decided, and what is left to do. */
export function decidedText({ decisionId, kind, deposits, orders, planned, held }: Decided): string {
  const payouts =
    held > 0
      ? `; ${held} payout${held === 1 ? ' is' : 's are'} held`
      : planned > 0 && kind !== 'refund'
        ? '; its payout is planned'
        : '';
  return [
    ...deposits.map((deposit) => depositLine(deposit)),
    ...orders.map((order) => orderLine(order)),
    `Decision ${decisionId.toString()} (${kind})${payouts}. Undo it with: review undo ${decisionId.toString()}`,
  ].join('\n');
}

export function undoneText({ decisionId, kind, deposits, orders }: Decided): string {
  return [
    `Decision ${decisionId.toString()} (${kind}) is undone (처리 취소).`,
    ...deposits.map(
      ({ rowId, amount, state, remaining }) =>
        `Deposit ${rowId.toString()} got ${formatWon(amount)} won back: ${state}, ${formatWon(remaining)} won left.`,
    ),
    ...orders.map(
      ({ shopOrderId, state, outstanding }) =>
        `Order ${shopOrderId} is ${state}, ${formatWon(outstanding)} won outstanding.`,
    ),
  ].join('\n');
}

function depositLine({ rowId, amount, state, remaining }: Decided['deposits'][number]): string {
  const rest =
    remaining > 0n
      ? `; ${formatWon(remaining)} won of it stay in review, to assign or refund (잔액 확인 필요)`
      : '';
  return `Deposit ${rowId.toString()}: ${formatWon(amount)} won used, ${state}${rest}.`;
}

function orderLine({ shopOrderId, amount, state, outstanding }: Decided['orders'][number]): string {
  return outstanding === 0n
    ? `Order ${shopOrderId}: ${formatWon(amount)} won, paid in full (결제 완료).`
    : `Order ${shopOrderId}: ${formatWon(amount)} won; ${formatWon(outstanding)} won are still missing, and it stays ${state} (미결제).`;
}

function candidateText(order: Candidate): string {
  const outstanding =
    order.state !== 'paid' && order.outstanding !== order.amount
      ? `, ${formatWon(order.outstanding)} outstanding`
      : '';
  return `${order.shopId}/${order.shopOrderId}  ${formatWon(order.amount)} won${outstanding}  ${order.depositorName}  ${order.state}`;
}

function partOf({ amount, remaining }: Review): string {
  return amount === remaining ? '' : ` of ${formatWon(amount)}`;
}

function age(at: Date, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - at.getTime()) / MINUTE_MS));
  if (minutes < 60) return `${minutes} min old`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h old` : `${Math.floor(hours / 24)} days old`;
}

/** A time as people in Korea read it: `2026-03-10 10:00:05`. */
function stamp(at: Date): string {
  const time = at.toLocaleTimeString('en-GB', { timeZone: 'Asia/Seoul', hour12: false });
  return `${kstDate(at)} ${time}`;
}
