import { z } from '@hono/zod-openapi';
import { refuse } from '../people/refusal.ts';
import { approveTransfer } from '../transfers/approve.step.ts';
import { cancelTransfer } from '../transfers/cancel.step.ts';
import { closeTransfer } from '../transfers/close.step.ts';
import { activeStops } from '../transfers/stops.repository.ts';
import { listTransfers, readTransferStory } from '../transfers/transfer-view.repository.ts';
import { HELD_REASONS, TRANSFER_STATES } from '../transfers/transfer.table.ts';
import { whatItWaitsFor } from '../transfers/what-it-waits-for.ts';
import { command, reading } from './operation.ts';
import {
  idSchema,
  instantSchema,
  limitSchema,
  listOf,
  reasonSchema,
  requestedSchema,
  textSchema,
  wholeSchema,
} from './schemas.ts';

const transferSchema = z
  .object({
    transfer_id: idSchema,
    kind: z.enum(['payout', 'refund']),
    seller_id: z.string().nullable(),
    deposit_row_id: idSchema.nullable(),
    amount: wholeSchema,
    fee: wholeSchema,
    bank_code: z.string().nullable(),
    account_number_masked: z.string().nullable(),
    account_holder: z.string().nullable(),
    state: z.enum(TRANSFER_STATES),
    held_reason: z.enum(HELD_REASONS).nullable(),
    failed_reason: z.string().nullable(),
    retry_of: idSchema.nullable(),
    sends: z.int(),
    planned_at: instantSchema,
    settled_at: instantSchema.nullable(),
  })
  .openapi('OperatorsTransfer');

const storySchema = z
  .object({
    transfer: transferSchema,
    orders: listOf(
      z.object({
        order_id: idSchema,
        shop_order_id: z.string(),
        order_state: z.string(),
        amount: wholeSchema,
        fee: wholeSchema,
        live: z.boolean(),
      }),
    ),
    attempts: listOf(
      z.object({
        n: z.int(),
        reference: z.string(),
        bank_tran_id: z.string(),
        bank_date: z.string(),
        state: z.string(),
        sent_at: instantSchema,
        lease_ends_at: instantSchema,
        withdrawal_row: idSchema.nullable(),
      }),
    ),
    evidence: listOf(
      z.object({
        reference: z.string(),
        source: z.string(),
        verdict: z.string(),
        cause: z.string().nullable(),
        code: z.string(),
        at: instantSchema,
        row_id: idSchema.nullable(),
      }),
    ),
    postings: listOf(
      z.object({
        posting_id: idSchema,
        kind: z.string(),
        debit: z.string(),
        credit: z.string(),
        amount: wholeSchema,
        at: instantSchema,
      }),
    ),
    approvals: listOf(
      z.object({
        approval_id: idSchema,
        action: z.string(),
        state: z.string(),
        requested_by: z.string(),
        requested_at: instantSchema,
        request_reason: z.string(),
        decided_by: z.string().nullable(),
      }),
    ),
    followedBy: listOf(z.object({ transfer_id: idSchema, state: z.enum(TRANSFER_STATES) })),
    waits_for: z.string(),
  })
  .openapi('TransferStory');

const approvedSchema = z
  .discriminatedUnion('outcome', [
    requestedSchema,
    z.object({ outcome: z.literal('released'), waits: z.enum(HELD_REASONS).optional() }),
    z.object({
      outcome: z.literal('planned_anew'),
      transferId: idSchema,
      waits: z.enum(HELD_REASONS).optional(),
    }),
  ])
  .openapi('ApproveAnswer');

const closedSchema = z
  .discriminatedUnion('outcome', [
    requestedSchema,
    z.object({ outcome: z.literal('closed'), recorded: z.string() }),
  ])
  .openapi('CloseAnswer');

export type TransferView = z.output<typeof transferSchema>;
export type TransferStory = z.output<typeof storySchema>;
export type Approved = z.output<typeof approvedSchema>;
export type Closed = z.output<typeof closedSchema>;

const one = { transfer_id: idSchema, reason: reasonSchema };

export const listTheTransfers = reading({
  name: 'transfers list',
  path: '/transfers',
  summary: 'the latest transfers',
  input: z.object({
    state: z.enum(TRANSFER_STATES).optional(),
    held: z.enum(HELD_REASONS).optional(),
    seller_id: textSchema(150).optional(),
    limit: limitSchema(50),
  }),
  answer: z.object({ transfers: listOf(transferSchema) }).openapi('OperatorsTransferList'),
  read: async ({ db }, { seller_id: sellerId, ...filter }) => ({
    transfers: await listTransfers(db, { ...filter, sellerId }),
  }),
});

export const showTransfer = reading({
  name: 'transfers show',
  path: '/transfers/{transfer_id}',
  summary: 'all that is known of one transfer',
  input: z.object({ transfer_id: idSchema }),
  answer: storySchema,
  async read({ db }, { transfer_id: transferId }) {
    const story = await readTransferStory(db, transferId);
    if (story === undefined)
      return refuse(
        'not_found',
        `there is no transfer ${transferId.toString()}; transfers list shows the latest`,
      );
    return { ...story, waits_for: whatItWaitsFor(story.transfer, await activeStops(db)) };
  },
});

export const approve = command({
  name: 'transfers approve',
  path: '/transfers/{transfer_id}/approve',
  summary: 'two people let a held transfer go, or pay again what failed, came back or was cancelled',
  input: z.object(one),
  answer: approvedSchema,
  act: async ({ db }, acting, { transfer_id }) => await approveTransfer(db, acting, transfer_id),
});

export const cancel = command({
  name: 'transfers cancel',
  path: '/transfers/{transfer_id}/cancel',
  summary: 'cancel a transfer that was not sent; its orders stay paid and owed',
  input: z.object(one),
  answer: z
    .object({
      outcome: z.literal('cancelled'),
      transfer_id: idSchema,
      kind: z.enum(['payout', 'refund']),
      amount: wholeSchema,
    })
    .openapi('CancelAnswer'),
  async act({ db }, acting, { transfer_id }) {
    const outcome = await cancelTransfer(db, acting, transfer_id);
    if (outcome.outcome === 'refused') return outcome;
    const { kind, amount } = outcome.result;
    return { outcome: 'cancelled', transfer_id, kind, amount };
  },
});

export const close = command({
  name: 'transfers close',
  path: '/transfers/{transfer_id}/close',
  summary: 'two people end a transfer whose outcome nothing has told for a day',
  input: z.object({
    ...one,
    outcome: z.enum(['succeeded', 'failed']).openapi({ description: 'What became of it.' }),
    evidence: z.string().openapi({ description: 'What you saw that says so; both people write the same.' }),
  }),
  answer: closedSchema,
  act: async ({ db, absenceWaitMs }, acting, { transfer_id: transferId, outcome, evidence }) =>
    await closeTransfer(db, acting, { transferId, outcome, evidence, absenceWaitMs }),
});

export const transferOperations = [listTheTransfers, showTransfer, approve, cancel, close] as const;
