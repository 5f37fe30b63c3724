import type { z } from '@hono/zod-openapi';
import { problemSchema, type Problem } from './problem.ts';

const DESCRIPTIONS = {
  400: 'The request does not fit; `errors` names each field',
  401: 'No valid API key',
  404: 'There is nothing under this name in your shop',
  409: 'It stands against what is there already',
  413: 'The request is too large',
  415: 'The body is not JSON',
  429: 'Too many requests in this minute; Retry-After says when to come again',
  500: 'Something broke here, and whether it is done is not known; ask again with the same id',
  503: 'The service cannot answer right now; Retry-After says when to come again',
} as const;

type Status = keyof typeof DESCRIPTIONS;

/** Every route demands a key. */
export const security = [{ api_key: [] }];

/** A JSON answer, for a route's description. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** A JSON body that must be there, for a route's description. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** Nothing of the shop's has this name. What another shop has under it is answered the same. */
export function notFound(what: string): Problem {
  return { status: 404, code: 'not_found', detail: `your shop has no ${what}` };
}

/** One field of a body does not fit, for a reason that only the database knows. */
export function invalidField(field: string, value: string, remedy: string): Problem {
  return {
    status: 400,
    code: 'invalid',
    detail: `1 field does not fit: body.${field}`,
    errors: [{ field: `body.${field}`, value, remedy }],
  };
}

/** The problems that a route may answer, for its description. */
export function problems<Statuses extends readonly Status[]>(...statuses: Statuses) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: DESCRIPTIONS[status],
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  ) as Record<
    Statuses[number],
    { description: string; content: { 'application/problem+json': { schema: typeof problemSchema } } }
  >;
}
