import { problemSchema } from './problem.ts';

const DESCRIPTIONS = {
  400: 'The request does not fit; `errors` names each field',
  401: 'No valid API key',
  404: 'There is nothing under this name in your shop',
  409: 'It stands against what is there already',
  413: 'The request is too large',
  415: 'The body is not JSON',
  429: 'Too many requests in this minute; Retry-After says when to come again',
  500: 'Something broke here; nothing was changed',
  503: 'The service cannot answer right now; Retry-After says when to come again',
} as const;

type Status = keyof typeof DESCRIPTIONS;

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
