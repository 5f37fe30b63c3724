import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { jsonOf } from '../shared/json.ts';

/** One thing that is wrong with a request: where, with which value, and what would be right. */
export interface FieldError {
  /** `body.amount`, `query.limit`, `path.shop_order_id`. */
  readonly field: string;
  /** The value as it came, shortened; absent where it is missing. */
  readonly value?: string;
  readonly remedy: string;
}

/** Why a request is not done (RFC 9457, `application/problem+json`). */
export interface Problem {
  readonly status: ContentfulStatusCode;
  /** For programs: it does not change with the words. */
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
}

/** Every code, with its title. */
export const PROBLEMS = {
  bad_request: 'The request cannot be read',
  invalid: 'The request does not fit the schema',
  unauthorised: 'No valid API key',
  not_found: 'There is nothing under this name',
  differs: 'The same id was used for another request',
  order_not_cancellable: 'The order cannot be cancelled any more',
  no_free_name: 'Every depositor name of this recipient is taken',
  payout_account_waits: 'Another payout account waits for approval',
  webhook_exists: 'The shop has a webhook to this address',
  not_parked: 'The delivery is not parked',
  too_large: 'The request is too large',
  unsupported_media_type: 'The body is not JSON',
  method_not_allowed: 'This path does not know the method',
  too_many_requests: 'Too many requests in this minute',
  unavailable: 'The service cannot answer right now',
  internal: 'Something broke here',
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

export const problemSchema = z
  .strictObject({
    type: z.string().openapi({ example: 'urn:smart-transfer:problem:invalid' }),
    title: z.string().openapi({ example: PROBLEMS.invalid }),
    status: z.int().openapi({ example: 400 }),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]).openapi({ example: 'invalid' }),
    detail: z.string().openapi({ example: '1 field does not fit: body.amount' }),
    errors: z
      .array(
        z.strictObject({
          field: z.string().openapi({ example: 'body.amount' }),
          value: z.string().optional().openapi({ example: '12.5' }),
          remedy: z.string().openapi({ example: 'write whole won from 1 to 999999999999, as a number' }),
        }),
      )
      .optional(),
  })
  .openapi('Problem', { description: 'Why a request was not done (RFC 9457).' });

/** Answers a problem. */
export function answerProblem(
  c: Pick<Context, 'body'>,
  { code, errors, ...problem }: Problem,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const named = errors === undefined || errors.length === 0 ? {} : { errors };
  return answerProblemAs(c, { ...problem, code, title: PROBLEMS[code], ...named }, headers);
}

/** Answers a problem of a kind of its own, with whatever else there is to say of it. */
export function answerProblemAs(
  c: Pick<Context, 'body'>,
  {
    status,
    code,
    title,
    detail,
    ...more
  }: {
    readonly status: ContentfulStatusCode;
    readonly code: string;
    readonly title: string;
    readonly detail: string;
    readonly [name: string]: unknown;
  },
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = { type: `urn:smart-transfer:problem:${code}`, title, status, code, detail, ...more };
  return c.body(jsonOf(body), status, { 'content-type': 'application/problem+json', ...headers });
}

/** How much of a value is quoted back, characters. */
const QUOTED_MAX = 80;

/** Fields whose values are never quoted: an account number stands in no answer and no log. */
const UNQUOTED: readonly unknown[] = ['account_number'];

/** What a schema found wrong, field by field: `part` says where the fields stand. */
export function fieldErrors(
  part: 'body' | 'query' | 'path' | 'header',
  input: unknown,
  error: z.ZodError,
): FieldError[] {
  return error.issues.flatMap((issue): FieldError[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        field: [part, ...issue.path.map(String), key].join('.'),
        remedy: 'this field is not known here; leave it out',
      }));
    }
    const value = UNQUOTED.includes(issue.path.at(-1)) ? undefined : quote(valueAt(input, issue.path));
    return [
      {
        field: [part, ...issue.path.map(String)].join('.'),
        ...(value === undefined ? {} : { value }),
        remedy: issue.message,
      },
    ];
  });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** A list or an object is only named: it may be too deep to be written. */
function quote(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text;
}
