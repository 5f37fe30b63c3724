import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context, Env } from 'hono';
import { createJsonApi } from '../api/json-api.ts';
import { answerProblemAs } from '../api/problem.ts';
import { json, jsonBody } from '../api/responses.ts';
import type { Acting, PersonId, Reason } from '../people/person.ts';
import type { Refused } from '../people/refusal.ts';
import { jsonOf } from '../shared/json.ts';
import { OPERATIONS } from './operations.ts';
import {
  fingerprintOf,
  OPERATORS_PATH,
  pathFields,
  routeKeyOf,
  type Command,
  type Operation,
  type OperatorsParts,
} from './operation.ts';
import { requestKeySchema } from './schemas.ts';

/** Who asks, by what the carrier of the request says of it and never by what stands in the request. */
export type Asker =
  | {
      readonly outcome: 'person';
      readonly id: PersonId;
      /** The route that the carrier has let the person use; any where the carrier knows no routes. */
      readonly routeKey: string | undefined;
    }
  | { readonly outcome: 'not_a_person'; readonly why: string };

export interface OperatorsApiOptions extends OperatorsParts {
  /** Says who asks, from what came with the request: `env` is Hono's, which no caller can write. */
  readonly whoAsks: (env: unknown) => Asker;
  readonly log: { error(message: string, detail: Record<string, unknown>): void };
}

interface OperatorsEnv extends Env {
  Variables: { person: PersonId; allowed: string | undefined };
}

export type OperatorsApi = OpenAPIHono<OperatorsEnv>;

/** The description of all operators' routes, for whoever signs requests by another program. */
const DOCUMENT = { method: 'get', path: '/openapi.json' } as const;

/** Every route, as API Gateway is to have it: each by itself, behind IAM, to this function. */
export const OPERATORS_ROUTE_KEYS: readonly string[] = [...OPERATIONS, DOCUMENT].map(routeKeyOf);

const DESCRIPTION = `What operators do, for people who sign in by IAM. Who acts is who signed the request, and never a parameter. What changes something takes a reason, and a key by which it is done once.
Ids and amounts are digits in text; times are ISO 8601 in UTC. What takes two people is asked for by the first and done when the second asks for the very same.`;

/**
 * The operators' routes: the same application behind API Gateway, and inside the command line where it works on a local system. Nobody but a person reaches
 * anything of it, not even what is not there.
 */
export function createOperatorsApi(options: OperatorsApiOptions): OperatorsApi {
  const { whoAsks, log, ...parts } = options;
  const app = createJsonApi<OperatorsEnv>({
    guarded: '*',
    admit: async (c, next) => {
      const asker = whoAsks(c.env);
      if (asker.outcome === 'not_a_person') return forbid(c, asker.why);
      c.set('person', asker.id);
      c.set('allowed', asker.routeKey);
      await next();
      return;
    },
    documents: `${OPERATORS_PATH}${DOCUMENT.path}`,
    log,
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'iam', {
    type: 'apiKey',
    in: 'header',
    name: 'authorization',
    description: 'AWS Signature Version 4 for the service execute-api.',
  });
  for (const operation of OPERATIONS) addRoute(app, parts, operation);
  app.get(`${OPERATORS_PATH}${DOCUMENT.path}`, (c) =>
    isAllowed(c, DOCUMENT) ? c.json(documentOf(app)) : forbidRoute(c),
  );
  return app;
}

/** The OpenAPI document of all operators' routes. */
export function documentOf(app: OperatorsApi) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: "smart-transfer's operators", version: '1', description: DESCRIPTION },
    servers: [{ url: '/' }],
  });
}

function addRoute(app: OperatorsApi, parts: OperatorsParts, operation: Operation): void {
  const route = createRoute({
    method: operation.method,
    path: `${OPERATORS_PATH}${operation.path}`,
    operationId: operation.name.replace(' ', '_'),
    tags: [operation.name.split(' ')[0] ?? ''],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    security: [{ iam: [] }],
    // Before the request is looked at: the path that was matched here must be the one that was let in there.
    middleware: async (c: Context<OperatorsEnv>, next: () => Promise<void>) => {
      if (!isAllowed(c, operation)) return forbidRoute(c);
      await next();
      return;
    },
    request: requestOf(operation),
    responses: {
      200: json(operation.answer, operation.method === 'get' ? 'What there is' : 'It is done, or asked for'),
      ...(operation.method === 'get'
        ? problems(400, 403, 404, 500, 503)
        : problems(400, 403, 404, 409, 413, 415, 500, 503)),
    },
  });
  app.openapi(route, async (c) => (await answer(c, parts, operation)) as never);
}

function requestOf(operation: Operation) {
  const { input, method, path } = operation;
  const inPath = pathFields(path);
  const fieldsThat = (stand: (name: string) => boolean) =>
    z.strictObject(Object.fromEntries(Object.entries(input.shape).filter(([name]) => stand(name))));
  const rest = fieldsThat((name) => !inPath.includes(name));
  const params = inPath.length === 0 ? {} : { params: fieldsThat((name) => inPath.includes(name)) };
  return method === 'get'
    ? { ...params, query: rest }
    : { ...params, headers: z.object({ 'idempotency-key': requestKeySchema }), body: jsonBody(rest) };
}

async function answer(
  c: Context<OperatorsEnv>,
  parts: OperatorsParts,
  operation: Operation,
): Promise<Response> {
  const valid = (part: 'param' | 'query' | 'json' | 'header') =>
    c.req.valid(part as never) as Record<string, unknown> | undefined;
  const { path } = operation;
  const inPath = pathFields(path).length === 0 ? {} : valid('param');
  const input =
    operation.method === 'get' ? { ...valid('query'), ...inPath } : { ...valid('json'), ...inPath };
  const outcome =
    operation.method === 'get'
      ? await operation.read(parts, input)
      : await operation.act(
          parts,
          await actingOf(c, parts, operation, input, String(valid('header')?.['idempotency-key'])),
          input,
        );
  const { outcome: kind, result } = outcome as { outcome?: unknown; result?: unknown };
  if (kind === 'refused') return answerRefused(c, outcome as Refused);
  return c.body(jsonOf((kind === 'done' ? result : outcome) as object), 200, {
    'content-type': 'application/json',
  });
}

async function actingOf(
  c: Context<OperatorsEnv>,
  { clock, openVault }: OperatorsParts,
  operation: Command,
  input: Readonly<Record<string, unknown>>,
  key: string,
): Promise<Acting> {
  return {
    by: c.var.person,
    reason: input['reason'] as Reason,
    at: clock.now(),
    request: { key, fingerprint: await fingerprintOf(operation, input, openVault) },
  };
}

function isAllowed(c: Context<OperatorsEnv>, route: Pick<Operation, 'method' | 'path'>): boolean {
  const { allowed } = c.var;
  return allowed === undefined || allowed === routeKeyOf(route);
}

function forbidRoute(c: Context<OperatorsEnv>): Response {
  return forbid(c, `what was let in is ${c.var.allowed ?? ''}, and what was asked for is another route`);
}

function forbid(c: Context<OperatorsEnv>, detail: string): Response {
  return answerProblemAs(c, {
    status: 403,
    code: 'forbidden',
    title: 'Only people who signed in get here',
    detail,
  });
}

/** Codes that say that what was named is not there. */
const MISSING = /(^|_)not_found$|^unknown_shop$/;

function answerRefused(c: Context<OperatorsEnv>, { code, message, ...more }: Refused): Response {
  const status = code === 'invalid' ? 400 : MISSING.test(code) ? 404 : 409;
  const title = 'It is not done, and nothing has changed';
  return answerProblemAs(c, { status, code, title, detail: message, ...more });
}

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().openapi({ description: 'For programs.', example: 'already_undone' }),
    detail: z.string().openapi({ description: 'What stands in the way, with its value, and what to do.' }),
  })
  .openapi('OperatorsProblem', { description: 'Why a request was not done (RFC 9457).' });

const PROBLEM_TEXTS = {
  400: 'The request does not fit; `errors` names each field',
  403: 'Not signed by a person, or not for this route',
  404: 'What was named is not there',
  409: 'It stands against what is there; `done_already` tells what the same request has done before',
  413: 'The request is too large',
  415: 'The body is not JSON',
  500: 'Something broke here, and whether it is done is not known; ask again with the same key',
  503: 'The service cannot answer right now; Retry-After says when to come again',
} as const;

function problems(...statuses: (keyof typeof PROBLEM_TEXTS)[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: PROBLEM_TEXTS[status],
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}
