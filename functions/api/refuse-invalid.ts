import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { answerProblem, fieldErrors } from './problem.ts';
import type { ShopApiEnv } from './shop-api.ts';

type Checked = { readonly target: string } & (
  { readonly success: true } | { readonly success: false; readonly error: z.ZodError }
);

/** Answers a request that does not fit its schema: each field, what came, and the remedy. */
export async function refuseInvalid(checked: Checked, c: Context<ShopApiEnv>): Promise<never> {
  return await refuse(checked, c, true);
}

/** The same where a body holds what is not to be shown again, such as an account number, whichever field it stands in. */
export async function refuseInvalidUnquoted(checked: Checked, c: Context<ShopApiEnv>): Promise<never> {
  return await refuse(checked, c, false);
}

async function refuse(checked: Checked, c: Context<ShopApiEnv>, quotesBody: boolean): Promise<never> {
  if (checked.success) return undefined as never;
  const { part, input } = await whatWasSent(checked.target, c);
  const errors = fieldErrors(part, part === 'body' && !quotesBody ? undefined : input, checked.error);
  const fields = errors.map((one) => one.field).join(', ');
  const detail = `${errors.length} ${errors.length === 1 ? 'field does' : 'fields do'} not fit: ${fields}`;
  return answerProblem(c, { status: 400, code: 'invalid', detail, errors }) as never;
}

/** The part of a request that a schema refused, as it came: its values are quoted back. */
async function whatWasSent(
  target: string,
  c: Context<ShopApiEnv>,
): Promise<{ part: 'body' | 'query' | 'path'; input: unknown }> {
  if (target === 'query') return { part: 'query', input: c.req.query() };
  if (target === 'param') return { part: 'path', input: c.req.param() };
  return { part: 'body', input: await c.req.json<unknown>() };
}
