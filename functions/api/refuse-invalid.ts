import type { z } from '@hono/zod-openapi';
import type { Context, Env } from 'hono';
import { answerProblem, fieldErrors } from './problem.ts';

type Checked = { readonly target: string } & (
  { readonly success: true } | { readonly success: false; readonly error: z.ZodError }
);

/** Answers a request that does not fit its schema: each field, what came, and the remedy. */
export async function refuseInvalid<E extends Env>(checked: Checked, c: Context<E>): Promise<never> {
  return await refuse(checked, c, true);
}

/** The same where a body holds what is not to be shown again, such as an account number, whichever field it stands in. */
export async function refuseInvalidUnquoted<E extends Env>(checked: Checked, c: Context<E>): Promise<never> {
  return await refuse(checked, c, false);
}

async function refuse<E extends Env>(checked: Checked, c: Context<E>, quotesBody: boolean): Promise<never> {
  if (checked.success) return undefined as never;
  const { part, input } = await whatWasSent(checked.target, c);
  const errors = fieldErrors(part, part === 'body' && !quotesBody ? undefined : input, checked.error);
  const fields = errors.map((one) => one.field).join(', ');
  const detail = `${errors.length} ${errors.length === 1 ? 'field does' : 'fields do'} not fit: ${fields}`;
  return answerProblem(c, { status: 400, code: 'invalid', detail, errors }) as never;
}

/** The part of a request that a schema refused, as it came: its values are quoted back. */
async function whatWasSent<E extends Env>(
  target: string,
  c: Context<E>,
): Promise<{ part: 'body' | 'query' | 'path' | 'header'; input: unknown }> {
  if (target === 'query') return { part: 'query', input: c.req.query() };
  if (target === 'param') return { part: 'path', input: c.req.param() };
  if (target === 'header') return { part: 'header', input: c.req.header() };
  return { part: 'body', input: await c.req.json<unknown>() };
}
