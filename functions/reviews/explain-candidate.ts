import { readings } from '../deposits/depositor-text.ts';
import type { OrderState } from '../orders/order.table.ts';
import { formatWon, type Won } from '../shared/money.ts';

export interface ExplainedDeposit {
  readonly text: string;
  readonly remaining: Won;
  readonly occurredAt: Date;
}

export interface ExplainedOrder {
  readonly depositorName: string;
  readonly amount: Won;
  readonly outstanding: Won;
  readonly state: OrderState;
  readonly opensAt: Date;
  readonly expiresAt: Date | null;
}

/** What speaks for and against an order being meant by a deposit, in the words of whoever decides. */
export function explainCandidate(deposit: ExplainedDeposit, order: ExplainedOrder): string[] {
  return [nameOf(deposit, order), amountOf(deposit, order), ...standingOf(deposit, order)];
}

function nameOf({ text }: ExplainedDeposit, { depositorName }: ExplainedOrder): string {
  return readings(text).some((reading) => reading.text === depositorName)
    ? 'the name agrees (입금자명 일치)'
    : `its name is ${depositorName} (입금자명 다름)`;
}

function amountOf({ remaining }: ExplainedDeposit, { amount, outstanding, state }: ExplainedOrder): string {
  if (state === 'paid') return `it is paid already (결제 완료), ${formatWon(amount)} won`;
  const gap = remaining - outstanding;
  if (gap === 0n) return 'the amount agrees (금액 일치)';
  return gap > 0n
    ? `the deposit has ${formatWon(gap)} won too much (금액 초과)`
    : `the deposit is ${formatWon(-gap)} won short (금액 부족)`;
}

function standingOf({ occurredAt }: ExplainedDeposit, order: ExplainedOrder): string[] {
  const { state, opensAt, expiresAt, amount, outstanding } = order;
  const said: string[] = [];
  if (state === 'cancelled') said.push('it was cancelled (주문 취소)');
  if (state === 'expired') said.push('its deadline has passed (기한 만료)');
  if (occurredAt < opensAt) said.push('the deposit came before it (주문 전 입금)');
  if (expiresAt !== null && occurredAt > expiresAt)
    said.push('the deposit came after its deadline (기한 후 입금)');
  if (state !== 'paid' && outstanding < amount)
    said.push(`${formatWon(amount - outstanding)} won were allocated to it before (일부 입금)`);
  return said;
}
