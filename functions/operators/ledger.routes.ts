import { z } from '@hono/zod-openapi';
import { readClose } from '../ledger/close.repository.ts';
import { CORRECTION_TARGETS, correctSuspense } from '../ledger/correct.step.ts';
import { verifyLedger } from '../ledger/verify.step.ts';
import { refuse } from '../people/refusal.ts';
import { command, reading } from './operation.ts';
import { amountSchema, idSchema, listOf, reasonSchema, requestedSchema, wholeSchema } from './schemas.ts';

const verificationSchema = z
  .object({
    ok: z.boolean(),
    whole: z.boolean().openapi({ description: 'Whether the replay came to the end in its time.' }),
    entries: z.int(),
    head_hash: z.string(),
    first_broken: z
      .object({ position: wholeSchema.nullable(), posting_id: idSchema.nullable(), what: z.string() })
      .nullable(),
    accounts: z.record(z.string(), wholeSchema),
    unsealed: z.int(),
    sealed_through: wholeSchema,
  })
  .openapi('Verification');

const closeSchema = z
  .object({
    business_date: z.string(),
    from_position: wholeSchema,
    to_position: wholeSchema,
    head_hash: z.string(),
    accounts: listOf(
      z.object({
        account: z.string(),
        opening: wholeSchema,
        money_in: wholeSchema,
        money_out: wholeSchema,
        closing: wholeSchema,
        late_in: wholeSchema,
        late_out: wholeSchema,
      }),
    ),
  })
  .openapi('DailyClose');

export type Verification = z.output<typeof verificationSchema>;
export type Close = z.output<typeof closeSchema>;

export const verify = reading({
  name: 'ledger verify',
  path: '/ledger/verification',
  summary:
    'replay the whole journal and hold it against its hashes, sums, daily closes and archived head; ends with 1 when something is broken',
  description:
    'A journal that is too long for one request is replayed in part (`whole` is false): the daily check does it all.',
  input: z.object({}),
  answer: verificationSchema,
  async read({ db, clock, archive, replayMsMax }) {
    const until = clock.monotonicMs() + replayMsMax;
    const found = await verifyLedger(db, await archive?.latest(), () => clock.monotonicMs() < until);
    const { firstBroken } = found;
    return {
      ok: found.ok,
      whole: found.whole,
      entries: found.entries,
      head_hash: found.headHash,
      first_broken:
        firstBroken === undefined
          ? null
          : { position: firstBroken.position, posting_id: firstBroken.postingId, what: firstBroken.what },
      accounts: Object.fromEntries([...found.balances].sort(([a], [b]) => (a < b ? -1 : 1))),
      unsealed: found.unsealed,
      sealed_through: found.sealedThrough,
    };
  },
});

export const showClose = reading({
  name: 'ledger close',
  path: '/ledger/close',
  summary: "show a day's close: each account's opening, in, out and closing, won",
  input: z.object({
    date: z.iso
      .date('write 2026-03-10')
      .optional()
      .openapi({ description: 'The day in Korea; the latest that is closed without it.' }),
  }),
  answer: closeSchema,
  async read({ db }, { date }) {
    const close = await readClose(db, date);
    if (close === undefined)
      return refuse(
        'not_found',
        date === undefined ? 'no day is closed yet: the daily check closes it' : `${date} is not closed`,
      );
    return {
      business_date: close.businessDate,
      from_position: close.from,
      to_position: close.to,
      head_hash: close.headHash,
      accounts: close.accounts,
    };
  },
});

export const correct = command({
  name: 'ledger correct',
  path: '/ledger/corrections',
  summary: 'two people move what stands in suspense for a row of the statement to whose it is',
  input: z.object({
    row_id: idSchema,
    to: z.string().openapi({ description: `${CORRECTION_TARGETS.join(', ')}, or seller:<id>` }),
    amount: amountSchema.optional().openapi({ description: 'How much of it; all without it.' }),
    reason: reasonSchema,
  }),
  answer: z
    .discriminatedUnion('outcome', [
      requestedSchema,
      z.object({ outcome: z.literal('corrected'), amount: wholeSchema, left: wholeSchema }),
    ])
    .openapi('CorrectAnswer'),
  act: async ({ db }, acting, { row_id: rowId, to, amount }) =>
    await correctSuspense(db, acting, { rowId, to, amount }),
});

export const ledgerOperations = [verify, showClose, correct] as const;
