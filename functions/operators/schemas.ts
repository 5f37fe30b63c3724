import { z } from '@hono/zod-openapi';
import { parseReason } from '../people/person.ts';
import { parseWon, type Won } from '../shared/money.ts';

// Answers and questions are JSON in which ids and amounts are digits in text, since JSON's numbers are not exact; what reads them has bigint and Date again.

const ID_REMEDY = 'write the id as it was answered: digits';

export const idSchema = z
  .string(ID_REMEDY)
  .regex(/^\d{1,18}$/, ID_REMEDY)
  .transform(BigInt)
  .openapi({ type: 'string', pattern: '^\\d{1,18}$', example: '17' });

/** Any whole number of won, or another number of PostgreSQL's `bigint`. */
export const wholeSchema = z
  .string()
  .regex(/^-?\d{1,19}$/)
  .transform(BigInt)
  .openapi({ type: 'string', pattern: '^-?\\d{1,19}$', example: '32000' });

const AMOUNT_REMEDY = 'write whole won above 0 as text, such as "12000"';

/** An amount that somebody asks for. */
export const amountSchema = z
  .string(AMOUNT_REMEDY)
  .transform((text, context): Won => {
    const amount = parseWon(text);
    if (amount !== undefined && amount > 0n) return amount;
    context.addIssue(AMOUNT_REMEDY);
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '12000' });

export const instantSchema = z.iso
  .datetime()
  .transform((text) => new Date(text))
  .openapi({ type: 'string', format: 'date-time', example: '2026-03-02T01:00:00.000Z' });

/** A list that nobody changes. */
export function listOf<Schema extends z.ZodType>(schema: Schema) {
  return z.array(schema).readonly();
}

/** How many of a list, in a query. */
export function limitSchema(usual: number) {
  const remedy = 'write a number from 1 to 1000';
  return z
    .string(remedy)
    .regex(/^([1-9]\d{0,2}|1000)$/, remedy)
    .default(usual.toString())
    .transform(Number)
    .openapi({ type: 'integer', minimum: 1, maximum: 1000, default: usual });
}

/** `true` or nothing, in a query. */
export const flagSchema = z
  .literal('true', 'write true, or leave it out')
  .optional()
  .transform((flag) => flag === 'true')
  .openapi({ type: 'string', enum: ['true'] });

/** Text that somebody types: bounded, and no control characters in it. */
export function textSchema(charactersMax: number) {
  const remedy = `write 1 to ${charactersMax} characters, none of them a control character`;
  return z
    .string(remedy)
    .max(charactersMax, remedy)
    .regex(/^(?=.*\S)[^\p{Cc}\p{Cs}]+$/u, remedy);
}

const REASON_REMEDY = 'write 3 to 500 characters that tell why';

/** Every command's body has it. */
export const reasonSchema = z
  .string(REASON_REMEDY)
  .transform((text, context) => {
    const reason = parseReason(text);
    if (reason !== undefined) return reason;
    context.addIssue(REASON_REMEDY);
    return z.NEVER;
  })
  .openapi({ type: 'string', minLength: 3, maxLength: 500, example: 'the buyer called and named the order' });

const KEY_REMEDY = 'send 8 to 64 letters, digits, - or _, new for each command';

/** Every command's header has it. */
export const requestKeySchema = z
  .string(KEY_REMEDY)
  .regex(/^[\w-]{8,64}$/, KEY_REMEDY)
  .openapi({
    description: 'Names this command: sent again with the same key, it is not done again.',
    example: 'c0ffee00-1111-4222-8333-444455556666',
  });

/** The first of two people has asked. */
export const requestedSchema = z.object({ outcome: z.literal('requested'), approvalId: idSchema });

/** Where money is to be sent; the use cases say what of it does not fit a bank's message. */
export const payeeFields = {
  bank_code: z.string().max(10).openapi({ description: "The bank's standard code.", example: '088' }),
  account_number: z.string().max(40).openapi({ description: '6 to 16 digits; it is never shown again.' }),
  holder: z
    .string()
    .max(40)
    .openapi({ description: "The account's holder, as the bank has it.", example: '홍길동' }),
};
