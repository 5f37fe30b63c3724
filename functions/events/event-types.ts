import { z } from 'zod';

const won = z.int().describe('Whole won.');
const id = z.string().min(1);

const order = z
  .strictObject({
    order_id: id,
    shop_id: id,
    shop_order_id: id.describe("The shop's own id."),
    seller_id: id.describe('As the shop calls the seller.'),
    state: z.enum(['awaiting_deposit', 'paid', 'expired', 'cancelled']),
    amount: won,
    outstanding: won.describe('Not paid yet, won.'),
    depositor_name: id.describe('입금자명.'),
  })
  .describe('An order.');

const deposit = z
  .strictObject({
    deposit_id: id,
    state: z.enum(['in_review', 'assigned', 'refund_pending', 'refunded', 'ignored', 'reversed']),
    reason: z.string().nullable().describe('Why it is, or was, in review.'),
    amount: won,
    remaining: won.describe('Neither allocated nor refunded, won.'),
    deposited_at: z.iso.datetime().describe("The bank's time."),
    candidates: z.array(id).describe('Shop order ids that it may be for, best first.'),
  })
  .describe('Money that came in and that a person decides, or has decided, about.');

const transfer = z
  .strictObject({
    transfer_id: id,
    kind: z.enum(['payout', 'refund']),
    shop_id: id.nullable(),
    seller_id: id.nullable().describe('As the shop calls the seller; null for a refund.'),
    deposit_id: id.nullable().describe('The deposit that a refund gives back.'),
    state: z.enum(['planned', 'held', 'succeeded', 'failed', 'unknown', 'returned', 'cancelled']),
    held_reason: z.string().nullable(),
    failed_reason: z.string().nullable(),
    retry_of: id.nullable(),
    amount: won,
    fee: won,
    bank_code: z.string().nullable(),
    account_number_masked: z.string().nullable(),
  })
  .describe('Money that we send.');

const payouts = z
  .strictObject({
    stop: id.describe('Which stop: halts are ended by people, pauses by themselves.'),
    active: z.boolean(),
    reason: z.string(),
    changed_by: id,
  })
  .describe('Whether payouts go out.');

/** Every type of event in version 1, with the schema of its data. A change that breaks a reader is a new version beside the old. */
export const EVENT_DATA = {
  'order.placed': order,
  'order.paid': order,
  'order.expired': order,
  'order.cancelled': order,
  'order.unpaid': order,
  'deposit.in_review': deposit,
  'deposit.assigned': deposit,
  'deposit.refund_pending': deposit,
  'deposit.refunded': deposit,
  'deposit.ignored': deposit,
  'deposit.reversed': deposit,
  'transfer.planned': transfer,
  'transfer.held': transfer,
  'transfer.succeeded': transfer,
  'transfer.failed': transfer,
  'transfer.unknown': transfer,
  'transfer.returned': transfer,
  'transfer.cancelled': transfer,
  'payouts.halted': payouts,
  'payouts.paused': payouts,
  'payouts.resumed': payouts,
} as const;

export type EventType = keyof typeof EVENT_DATA;

export const EVENT_TYPES = Object.keys(EVENT_DATA) as [EventType, ...EventType[]];

export const EVENT_VERSION = 1;

/** An event as everybody outside sees it: on the bus as its detail, in a webhook as its body, in the API's list. */
export function envelopeOf(type: EventType) {
  return z.strictObject({
    id: z.uuid().describe('The same however often the event comes: keep it to recognise a repetition.'),
    type: z.literal(type),
    version: z.literal(EVENT_VERSION),
    occurred_at: z.iso.datetime(),
    subject: z.strictObject({
      kind: z.enum(['order', 'deposit', 'transfer', 'payouts']),
      id,
      sequence: z
        .int()
        .min(1)
        .describe(
          'Counts the events of this subject. Events may come in any order: a lower number is older news.',
        ),
    }),
    shop_id: id.nullable(),
    data: EVENT_DATA[type],
  });
}
