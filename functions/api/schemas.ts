import { z } from '@hono/zod-openapi';
import { WON_MAX } from '../shared/money.ts';
import { PAGE_DEFAULT, PAGE_MAX, readCursor } from './cursor.ts';

/** A JSON number holds whole numbers exactly up to here; a larger amount is written as text. */
const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Won as JSON carries them: a whole number, or its digits as text where a number would not be exact. */
export function jsonWon(amount: bigint): number | string {
  return amount <= SAFE_MAX && amount >= -SAFE_MAX ? Number(amount) : amount.toString();
}

/** An amount that an order can have. */
export const amountSchema = z
  .int(`write whole won from 1 to ${WON_MAX.toString()}, as a number`)
  .min(1, `write whole won from 1 to ${WON_MAX.toString()}, as a number`)
  .max(Number(WON_MAX), `write whole won from 1 to ${WON_MAX.toString()}, as a number`)
  .openapi({ description: 'Whole won.', example: 32000 });

/** Any amount that we answer; negative where it is a balance that is owed to us. */
export const wonSchema = z
  .union([z.int(), z.string().regex(/^-?\d{16,}$/)])
  .openapi({ description: 'Whole won; as text beyond 2^53.', example: 32000 });

export const instantSchema = z.iso
  .datetime({ offset: true })
  .openapi({ description: 'ISO 8601, UTC.', example: '2026-03-02T01:00:00.000Z' });

const ID = /^[\p{L}\p{N}][\p{L}\p{N}._:@-]{0,63}$/u;
const ID_REMEDY = 'write 1 to 64 letters, digits and . _ : @ -, beginning with a letter or digit';

// A document's patterns have no flags: where a rule has one, its source is written by hand. JSON Schema reads every pattern as Unicode.

/**
 * An id that the shop chose: of an order or a seller. Composed, since the same Hangul can be written in two ways, and a request that comes again the other way
 * would place a second order.
 */
export const ownIdSchema = z
  .string(ID_REMEDY)
  .normalize('NFC')
  .regex(ID, ID_REMEDY)
  .openapi({ pattern: ID.source });

const TEXT = /^(?=.*\S)[^\p{Cc}\p{Cf}\p{Cs}]+$/u;

/** Text for people, composed: no control characters, none that are invisible or turn the direction, not empty, bounded. */
export function textSchema(charactersMax: number) {
  const remedy = `write 1 to ${charactersMax} characters, none of them invisible or a control character`;
  return z
    .string(remedy)
    .normalize('NFC')
    .max(charactersMax, remedy)
    .regex(TEXT, remedy)
    .openapi({ pattern: TEXT.source });
}

/** The query of every list. */
export const pageQuery = {
  cursor: z
    .string()
    .max(100)
    .refine((text) => readCursor(text) !== undefined, 'pass on next_cursor of the page before, unchanged')
    .optional()
    .openapi({ description: '`next_cursor` of the page before.' }),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, `write a number from 1 to ${PAGE_MAX}`)
    .transform(Number)
    .pipe(
      z
        .int()
        .min(1, `write a number from 1 to ${PAGE_MAX}`)
        .max(PAGE_MAX, `write a number from 1 to ${PAGE_MAX}`),
    )
    .optional()
    .openapi({
      description: `Items a page; ${PAGE_DEFAULT} unless given, ${PAGE_MAX} at the most.`,
      type: 'integer',
      minimum: 1,
      maximum: PAGE_MAX,
      example: PAGE_DEFAULT,
    }),
};

export const nextCursorSchema = z
  .string()
  .nullable()
  .openapi({ description: 'Where the next page begins; null on the last one.' });
