import { z } from '@hono/zod-openapi';
import { refuse } from '../people/refusal.ts';
import { adopt, explainAsLost, listUnexplained } from '../transfers/adopt.step.ts';
import { readPayoutsStatus } from '../transfers/payouts-status.repository.ts';
import { haltPayouts, resumePayouts } from '../transfers/payouts.step.ts';
import { command, reading } from './operation.ts';
import { idSchema, instantSchema, listOf, reasonSchema, requestedSchema, wholeSchema } from './schemas.ts';

const anObject = z
  .custom<object>((value) => typeof value === 'object' && value !== null)
  .openapi({ type: 'object' });

const statusSchema = z
  .object({
    stops: listOf(
      z.object({
        name: z.string(),
        changed_at: instantSchema,
        changed_by: z.string(),
        reason: z.string(),
        retry_at: instantSchema.nullable(),
      }),
    ),
    alarms: listOf(z.object({ name: z.string(), times: z.int(), last_at: instantSchema, detail: anObject })),
    transfers: listOf(
      z.object({ state: z.string(), reason: z.string().nullable(), count: z.int(), won: wholeSchema }),
    ),
    oldestUnpaidAt: instantSchema.nullable(),
    reconciliations: listOf(
      z.object({
        account: z.string(),
        at: instantSchema.nullable(),
        drift: wholeSchema.nullable(),
        unexplained_rows: z.int().nullable(),
      }),
    ),
    inSuspense: listOf(
      z.object({
        row_id: idSchema,
        account: z.string(),
        amount: wholeSchema,
        state: z.string(),
        occurred_at: instantSchema,
      }),
    ),
    limits: z.object({ transfer: wholeSchema.nullable(), day: wholeSchema.nullable() }),
    requests: listOf(
      z.object({
        approval_id: idSchema,
        action: z.string(),
        subject: z.string(),
        requested_by: z.string(),
        requested_at: instantSchema,
      }),
    ),
  })
  .openapi('PayoutsStatus');

const resumedSchema = z.object({
  outcome: z.literal('resumed'),
  ended: listOf(z.string()),
  remaining: listOf(z.string()),
});

const unexplainedSchema = z
  .object({
    rowId: idSchema,
    occurredAt: instantSchema,
    amount: wholeSchema,
    text: z.string(),
    reference: z.string().optional(),
    proposals: listOf(listOf(idSchema)),
  })
  .openapi('UnexplainedRow');

const explainedSchema = z
  .discriminatedUnion('outcome', [
    requestedSchema,
    z.object({
      outcome: z.literal('explained'),
      approvedRequestOf: z.string(),
      transferId: idSchema.optional(),
    }),
  ])
  .openapi('ExplainAnswer');

export type PayoutsStatus = z.output<typeof statusSchema>;
export type Resumed = z.output<typeof resumedSchema>;
export type UnexplainedRow = z.output<typeof unexplainedSchema>;
export type Explained = z.output<typeof explainedSchema>;

export const showPayouts = reading({
  name: 'payouts status',
  path: '/payouts',
  summary: 'what stops payouts and why, what is open, and what wants a person',
  input: z.object({}),
  answer: statusSchema,
  read: async ({ db, clock }) => await readPayoutsStatus(db, clock.now()),
});

export const halt = command({
  name: 'payouts halt',
  path: '/payouts/halt',
  summary: 'halt all payouts and refunds at once: a claim in flight ends, none begins after',
  input: z.object({ reason: reasonSchema }),
  answer: z.object({ outcome: z.literal('halted') }).openapi('HaltAnswer'),
  async act({ db }, acting) {
    const outcome = await haltPayouts(db, acting);
    return outcome.outcome === 'refused' ? outcome : { outcome: 'halted' };
  },
});

export const resume = command({
  name: 'payouts resume',
  path: '/payouts/resume',
  summary: "let payouts go on after a person's halt, or after the system's once its cause is gone",
  input: z.object({
    despite: z
      .boolean()
      .default(false)
      .openapi({ description: 'Two people resume although the cause stands.' }),
    reason: reasonSchema,
  }),
  answer: z.discriminatedUnion('outcome', [requestedSchema, resumedSchema]).openapi('ResumeAnswer'),
  act: async ({ db, absenceWaitMs }, acting, { despite }) =>
    await resumePayouts(db, acting, despite, absenceWaitMs),
});

export const unexplained = reading({
  name: 'payouts unexplained',
  path: '/payouts/unexplained',
  summary: 'list what left the account without an explanation, and which transfers it may have paid',
  input: z.object({}),
  answer: z.object({ rows: listOf(unexplainedSchema) }).openapi('UnexplainedRows'),
  read: async ({ db }) => ({
    rows: (await listUnexplained(db)).map(({ reference, ...row }) => ({
      ...row,
      ...(reference === undefined ? {} : { reference }),
    })),
  }),
});

export const explain = command({
  name: 'payouts explain',
  path: '/payouts/unexplained/{row_id}/explain',
  summary: 'say what a row paid that left the account; it takes two people, who say the same',
  input: z.object({
    row_id: idSchema,
    transfer_ids: z
      .array(idSchema)
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'It paid this transfer, or these of one seller together.' }),
    lost: z
      .literal(true)
      .optional()
      .openapi({ description: 'It paid what the database no longer has; the amount stays in suspense.' }),
    not: z
      .array(idSchema)
      .max(200)
      .default([])
      .openapi({ description: 'With `lost`: transfers that fit, and that it surely did not pay.' }),
    reason: reasonSchema,
  }),
  answer: explainedSchema,
  async act({ db }, acting, { row_id: rowId, transfer_ids: transferIds, lost, not }) {
    if ((transferIds === undefined) === (lost === undefined) || (not.length > 0 && lost === undefined))
      return refuse('invalid', 'say what the row paid: transfer_ids, or lost (and with it, not)');
    return transferIds === undefined
      ? await explainAsLost(db, acting, { rowId, notPaid: not })
      : await adopt(db, acting, { rowId, transferIds });
  },
});

export const payoutOperations = [showPayouts, halt, resume, unexplained, explain] as const;
