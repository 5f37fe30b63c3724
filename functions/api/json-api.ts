import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, Env, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { routePath } from 'hono/route';
import { answerProblem } from './problem.ts';
import { refuseInvalid } from './refuse-invalid.ts';

export interface JsonApiOptions<E extends Env> {
  /** The paths that only those reach whom `admit` lets in; other paths hold nothing but documents. */
  readonly guarded: string;
  readonly admit: MiddlewareHandler<E>;
  /** Where a caller finds what there is. */
  readonly documents: string;
  readonly log: { error(message: string, detail: Record<string, unknown>): void };
}

/** No request is larger than this: an order is a few hundred bytes. */
const BODY_BYTES_MAX = 16 * 1024;

/**
 * What every API of ours does alike: nothing of a request is looked at before its caller is let in, bodies are JSON and bounded, nothing is cached, and whatever is
 * wrong is a Problem (RFC 9457) that names the field, the value and the remedy.
 */
export function createJsonApi<E extends Env>(options: JsonApiOptions<E>): OpenAPIHono<E> {
  const { guarded, admit, documents, log } = options;
  const app = new OpenAPIHono<E>({ defaultHook: refuseInvalid });
  app.use('*', async (c, next) => {
    await next();
    c.res.headers.set('cache-control', 'no-store');
    c.res.headers.set('x-content-type-options', 'nosniff');
  });
  app.use(guarded, admit);
  app.use(
    guarded,
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (c: Context) =>
        answerProblem(c, {
          status: 413,
          code: 'too_large',
          detail: `a request holds at most ${BODY_BYTES_MAX} bytes`,
        }),
    }),
  );
  app.use(guarded, async (c, next) => {
    const type = c.req.header('content-type');
    const hasBody = c.req.raw.body !== null && c.req.header('content-length') !== '0';
    if (hasBody && !/^application\/json\s*(;|$)/i.test(type ?? ''))
      return answerProblem(c, {
        status: 415,
        code: 'unsupported_media_type',
        detail: `the body's content-type is ${type ?? 'missing'}; send application/json`,
      });
    await next();
    return;
  });
  app.notFound((c) =>
    answerProblem(c, {
      status: 404,
      code: 'not_found',
      detail: `there is no ${c.req.method} ${c.req.path}; ${documents} lists what there is`,
    }),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 400)
      return answerProblem(c, { status: 400, code: 'bad_request', detail: 'the body is not whole JSON' });
    log.error('a request could not be answered', {
      method: c.req.method,
      path: routePath(c),
      error: error.message,
    });
    return isUnavailable(error)
      ? answerProblem(
          c,
          { status: 503, code: 'unavailable', detail: 'the database is not reached; try again in a moment' },
          { 'retry-after': '15' },
        )
      : answerProblem(c, {
          status: 500,
          code: 'internal',
          detail: 'nothing was changed; the error is logged',
        });
  });
  return app;
}

/** The database is away, or resumes from a pause: SQLSTATE classes 08, 53 and 57P, Node's own codes, the driver's words. */
function isUnavailable(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return /^(08|53|57P|E[A-Z]+$)/.test(code);
  return typeof message === 'string' && /connection|timeout/i.test(message);
}
