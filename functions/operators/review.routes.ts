import { z } from '@hono/zod-openapi';
import type { Kysely } from 'kysely';
import { parsePayeeAccount } from '../bank/payee-account.ts';
import type { Database } from '../database.ts';
import { REVIEW_REASONS } from '../deposits/match.ts';
import { refuse, type Refused } from '../people/refusal.ts';
import { assignDeposit } from '../reviews/assign.step.ts';
import { combineDeposits } from '../reviews/combine.step.ts';
import { ignoreDeposit } from '../reviews/ignore.step.ts';
import { findOrder, listReviews, showReview } from '../reviews/queue.repository.ts';
import { refundDeposit } from '../reviews/refund.step.ts';
import { IGNORED_ACCOUNTS } from '../reviews/review.table.ts';
import { splitDeposit, type Share } from '../reviews/split.step.ts';
import { undoDecision } from '../reviews/undo.step.ts';
import { command, reading } from './operation.ts';
import {
  amountSchema,
  idSchema,
  instantSchema,
  limitSchema,
  listOf,
  payeeFields,
  reasonSchema,
  requestedSchema,
  textSchema,
  wholeSchema,
} from './schemas.ts';

const orderName = textSchema(150).openapi({
  description: 'As its shop calls it; SHOP/ORDER where several shops do.',
  example: 'order-17',
});

const candidateSchema = z.object({
  orderId: idSchema,
  shopId: z.string(),
  shopOrderId: z.string(),
  sellerId: z.string(),
  depositorName: z.string(),
  recipientName: z.string(),
  amount: wholeSchema,
  outstanding: wholeSchema,
  state: z.string(),
  opensAt: instantSchema,
  expiresAt: instantSchema.nullable(),
  why: listOf(z.string()),
});

const reviewFields = {
  rowId: idSchema,
  account: z.string(),
  occurredAt: instantSchema,
  text: z.string(),
  amount: wholeSchema,
  remaining: wholeSchema,
  state: z.string(),
  reason: z.enum(REVIEW_REASONS).nullable(),
  candidates: listOf(candidateSchema),
};

const reviewSchema = z.object(reviewFields).openapi('Review');

const reviewInFullSchema = z
  .object({
    ...reviewFields,
    bankRow: z.object({
      balanceAfter: wholeSchema,
      kind: z.string(),
      branch: z.string(),
      possibleDuplicate: z.boolean(),
    }),
    sender: z.object({ bankCode: z.string(), masked: z.string(), holder: z.string() }).nullable(),
    others: listOf(
      z.object({
        rowId: idSchema,
        occurredAt: instantSchema,
        text: z.string(),
        amount: wholeSchema,
        remaining: wholeSchema,
        state: z.string(),
        shopOrderIds: listOf(z.string()),
      }),
    ),
    decisions: listOf(
      z.object({
        decision_id: idSchema,
        kind: z.string(),
        amount: wholeSchema,
        state: z.string(),
        made_at: instantSchema,
        made_by: z.string(),
        reason: z.string(),
        transfer: z.string().nullable(),
        undone_by: z.string().nullable(),
        undone_reason: z.string().nullable(),
      }),
    ),
  })
  .openapi('ReviewInFull');

const decidedSchema = z
  .object({
    decisionId: idSchema,
    kind: z.string(),
    deposits: listOf(
      z.object({ rowId: idSchema, amount: wholeSchema, state: z.string(), remaining: wholeSchema }),
    ),
    orders: listOf(
      z.object({
        orderId: idSchema,
        shopId: z.string(),
        shopOrderId: z.string(),
        amount: wholeSchema,
        state: z.string(),
        outstanding: wholeSchema,
      }),
    ),
    planned: z.int(),
    held: z.int(),
  })
  .openapi('Decided');

export type Review = z.output<typeof reviewSchema>;
export type ReviewInFull = z.output<typeof reviewInFullSchema>;
export type Candidate = z.output<typeof candidateSchema>;
export type Decided = z.output<typeof decidedSchema>;

export const listTheReviews = reading({
  name: 'review list',
  path: '/reviews',
  summary: 'the deposits that wait, oldest first, each with its reason and best candidates',
  input: z.object({ reason: z.enum(REVIEW_REASONS).optional(), limit: limitSchema(20) }),
  answer: z.object({ total: wholeSchema, reviews: listOf(reviewSchema) }).openapi('ReviewList'),
  read: async ({ db }, { reason, limit }) =>
    await listReviews(db, { limit, ...(reason === undefined ? {} : { reason }) }),
});

export const showOneReview = reading({
  name: 'review show',
  path: '/reviews/{row_id}',
  summary: 'all that there is to know of one deposit',
  input: z.object({ row_id: idSchema }),
  answer: reviewInFullSchema,
  read: async ({ db }, { row_id: rowId }) =>
    (await showReview(db, rowId)) ??
    refuse('deposit_not_found', `there is no deposit ${rowId.toString()}; review list shows those that wait`),
});

export const assign = command({
  name: 'review assign',
  path: '/reviews/{row_id}/assign',
  summary:
    'assign a deposit to an order, also to an expired or cancelled one; what is too much stays in review, what is missing stays outstanding',
  input: z.object({ row_id: idSchema, order: orderName, reason: reasonSchema }),
  answer: decidedSchema,
  async act({ db }, acting, { row_id: depositRowId, order }) {
    const orderId = await orderIdOf(db, order);
    if (typeof orderId !== 'bigint') return orderId;
    return await assignDeposit(db, acting, { depositRowId, orderId });
  },
});

export const split = command({
  name: 'review split',
  path: '/reviews/{row_id}/split',
  summary: 'split a deposit over several orders; what is left of it stays in review',
  input: z.object({
    row_id: idSchema,
    orders: z
      .array(
        z.strictObject({
          order: orderName,
          amount: amountSchema.optional().openapi({ description: 'All that the order needs without it.' }),
        }),
      )
      .max(100),
    reason: reasonSchema,
  }),
  answer: decidedSchema,
  async act({ db }, acting, { row_id: depositRowId, orders }) {
    const shares: Share[] = [];
    for (const { order, amount } of orders) {
      const orderId = await orderIdOf(db, order);
      if (typeof orderId !== 'bigint') return orderId;
      shares.push(amount === undefined ? { orderId } : { orderId, amount });
    }
    return await splitDeposit(db, acting, { depositRowId, shares });
  },
});

export const combine = command({
  name: 'review combine',
  path: '/reviews/combine',
  summary: 'pay one order with several deposits, which must come out to the won',
  input: z.object({ order: orderName, row_ids: z.array(idSchema).max(100), reason: reasonSchema }),
  answer: decidedSchema,
  async act({ db }, acting, { order, row_ids: depositRowIds }) {
    const orderId = await orderIdOf(db, order);
    if (typeof orderId !== 'bigint') return orderId;
    return await combineDeposits(db, acting, { orderId, depositRowIds });
  },
});

const refundSchema = z
  .discriminatedUnion('outcome', [
    requestedSchema,
    z.object({ outcome: z.literal('refunding'), decided: decidedSchema, transferId: idSchema }),
  ])
  .openapi('RefundAnswer');

export const refund = command({
  name: 'review refund',
  path: '/reviews/{row_id}/refund',
  summary:
    'refund all that is left of a deposit (환불); two people name the same account, one after the other',
  input: z.object({
    row_id: idSchema,
    ...payeeFields,
    reason: reasonSchema,
  }),
  secret: 'account_number',
  answer: refundSchema,
  async act({ db, openVault }, acting, { row_id: depositRowId, bank_code, account_number, holder }) {
    const to = parsePayeeAccount([bank_code, account_number, holder].join(':'));
    if (typeof to === 'string') return refuse('invalid', to);
    return await refundDeposit(db, await openVault(), acting, { depositRowId, to });
  },
});

export const refundToSender = command({
  name: 'review refund to sender',
  path: '/reviews/{row_id}/refund-to-sender',
  summary:
    'refund all that is left of a deposit to the account that the bank says it came from; two people ask for it',
  input: z.object({ row_id: idSchema, reason: reasonSchema }),
  answer: refundSchema,
  act: async ({ db, openVault }, acting, { row_id: depositRowId }) =>
    await refundDeposit(db, await openVault(), acting, { depositRowId, to: 'sender' }),
});

export const ignore = command({
  name: 'review ignore',
  path: '/reviews/{row_id}/ignore',
  summary: "say that what is left of a deposit is nobody's order, and book it to another account",
  input: z.object({
    row_id: idSchema,
    account: z.enum(IGNORED_ACCOUNTS).default('suspense').openapi({ description: 'Whose money it is.' }),
    reason: reasonSchema,
  }),
  answer: decidedSchema,
  act: async ({ db }, acting, { row_id: depositRowId, account }) =>
    await ignoreDeposit(db, acting, { depositRowId, account }),
});

export const undo = command({
  name: 'review undo',
  path: '/decisions/{decision_id}/undo',
  summary: 'undo a decision, while each transfer that pays by it can still be cancelled',
  input: z.object({ decision_id: idSchema, reason: reasonSchema }),
  answer: decidedSchema,
  act: async ({ db }, acting, { decision_id }) => await undoDecision(db, acting, decision_id),
});

export const reviewOperations = [
  listTheReviews,
  showOneReview,
  assign,
  split,
  combine,
  refund,
  refundToSender,
  ignore,
  undo,
] as const;

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
