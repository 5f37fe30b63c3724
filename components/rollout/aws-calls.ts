import { TryAgain } from './ports.ts';

/** A call that says nothing for so long is made again: an alias must be movable within the time that a stopped program has, ms. */
const CALL_MS = 1_500;

const PASSING = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'ServiceException',
  'InternalFailure',
  'InternalServiceFault',
  'InternalServiceError',
  'ServiceUnavailable',
  'RequestTimeout',
  'TimeoutError',
  // Lambda: another change of the function is under way.
  'ResourceConflictException',
]);

const BROKEN_LINES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);

/**
 * Makes one call of an SDK client that is told to try nothing by itself: when to try again is decided in one place, with a clock.
 *
 * @throws TryAgain as `RolloutPorts` tells.
 */
export async function callAws<T>(
  what: string,
  call: (options: { abortSignal: AbortSignal }) => Promise<T>,
  signal?: AbortSignal,
  limitMs = CALL_MS,
): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    return await call({ abortSignal: signal === undefined ? limit : AbortSignal.any([signal, limit]) });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    if (limit.aborted) throw new TryAgain(`${what} did not answer in ${limitMs} ms`, { cause: error });
    throw isPassing(error) ? new TryAgain(`${what}: ${String(error)}`, { cause: error }) : error;
  }
}

function isPassing(error: unknown): boolean {
  const { name, code, $metadata } = error as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode ?? 0;
  return PASSING.has(name ?? '') || BROKEN_LINES.has(code ?? '') || status === 429 || status >= 500;
}
