import { z } from 'zod';
import type { Clock } from '../shared/clock.ts';
import type { BankRefusal, Exchange } from './bank.ts';
import type { Deadline } from './deadline.ts';
import { withinDeadline } from './deadline.ts';
import { errorName } from './http-call.ts';
import type { CallHttp, HttpResult } from './http-call.ts';
import { parseJson } from './openbanking.messages.ts';

export const TOKEN_PATH = '/oauth/2.0/token';

/** What KFTC gave the organisation. The secret may be rotated at any time, so it is asked for anew at each token. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Ten characters, the beginning of every `bank_tran_id`. */
  readonly organisationCode: string;
}

export interface AccessToken {
  readonly value: string;
  readonly expiresAt: Date;
  readonly organisationCode: string;
}

export type TokenResult = { readonly outcome: 'token'; readonly token: AccessToken } | BankRefusal;

export interface Tokens {
  /** A token with at least `lifeMsMin` left, or one that was fetched just now. At most one is being fetched at any time. */
  get(lifeMsMin: number, deadline: Deadline): Promise<TokenResult>;
  /** Drops a token that the bank did not accept, unless another has taken its place. */
  drop(token: AccessToken): void;
}

export interface TokenOptions {
  readonly urlOf: (path: string) => URL;
  readonly credentials: (fresh: boolean) => Promise<Credentials>;
  readonly clock: Clock;
  readonly callHttp: CallHttp;
}

/** `expires_in` is seconds; KFTC's own examples write it as a number and as digits. */
const tokenAnswer = z.object({
  access_token: z.string().min(1),
  expires_in: z.union([z.number().int().positive(), z.string().regex(/^[1-9]\d{0,9}$/)]).transform(Number),
});

export function createTokens(options: TokenOptions): Tokens {
  let current: AccessToken | undefined;
  let fetching: Promise<TokenResult> | undefined;

  async function fetchOnce(deadline: Deadline): Promise<TokenResult> {
    const result = await fetchToken(options, deadline);
    if (result.outcome === 'token') current = result.token;
    return result;
  }

  return {
    async get(lifeMsMin, deadline) {
      if (current && current.expiresAt.getTime() - options.clock.now().getTime() >= lifeMsMin) {
        return { outcome: 'token', token: current };
      }
      fetching ??= fetchOnce(deadline).finally(() => (fetching = undefined));
      const waited = await withinDeadline(deadline, fetching);
      return waited.done
        ? waited.value
        : refusal('unavailable', 'timeout', failedExchange(options.clock, deadline, 'timeout'));
    },
    drop(token) {
      if (current === token) current = undefined;
    },
  };
}

type CredentialsResult = { readonly outcome: 'credentials'; readonly value: Credentials } | BankRefusal;

/**
 * Fetches a token. Credentials that the bank refuses are read again, once: they may have been rotated since. The same ones are not tried a second
 * time, since a bank locks out who insists.
 */
async function fetchToken(options: TokenOptions, deadline: Deadline): Promise<TokenResult> {
  const cached = await readCredentials(options, deadline, false);
  if (cached.outcome === 'refused') return cached;
  const first = await askForToken(options, deadline, cached.value);
  if (first.outcome === 'token' || first.cause !== 'credentials') return first;
  const fresh = await readCredentials(options, deadline, true);
  if (fresh.outcome === 'refused') return first;
  const { clientId, clientSecret } = fresh.value;
  if (clientId === cached.value.clientId && clientSecret === cached.value.clientSecret) return first;
  return await askForToken(options, deadline, fresh.value);
}

async function readCredentials(
  options: TokenOptions,
  deadline: Deadline,
  fresh: boolean,
): Promise<CredentialsResult> {
  const failed = (error: string) =>
    refusal('credentials', error, failedExchange(options.clock, deadline, error));
  try {
    const read = await withinDeadline(deadline, options.credentials(fresh));
    return read.done ? { outcome: 'credentials', value: read.value } : failed('timeout');
  } catch (error) {
    return failed(errorName(error));
  }
}

async function askForToken(
  options: TokenOptions,
  deadline: Deadline,
  credentials: Credentials,
): Promise<TokenResult> {
  const requestedAt = options.clock.now();
  const startedMs = deadline.elapsedMs();
  const result = await options.callHttp({
    url: options.urlOf(TOKEN_PATH),
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      accept: 'application/json',
    },
    body: tokenForm(credentials, credentials.clientSecret),
    timeoutMs: deadline.remainingMs(),
  });
  const requestBody = tokenForm(credentials, '***');
  const elapsedMs = Math.round(deadline.elapsedMs() - startedMs);
  const exchange: Exchange = {
    operation: 'token',
    path: TOKEN_PATH,
    requestBody,
    requestedAt,
    ...answerOf(result),
    elapsedMs,
  };
  return readToken(result, exchange, credentials.organisationCode, requestedAt);
}

/** KFTC: form-encoded, `client_credentials`, scope `oob` (third-party code; not read in KFTC's own tables). */
function tokenForm(credentials: Credentials, clientSecret: string): string {
  return new URLSearchParams({
    client_id: credentials.clientId,
    client_secret: clientSecret,
    scope: 'oob',
    grant_type: 'client_credentials',
  }).toString();
}

function readToken(
  result: HttpResult,
  exchange: Exchange,
  organisationCode: string,
  requestedAt: Date,
): TokenResult {
  if (result.outcome !== 'answered') return refusal('unavailable', result.error, exchange);
  if (result.status === 503) return refusal('maintenance', 'HTTP 503', exchange);
  if (result.status >= 500) return refusal('unavailable', `HTTP ${result.status}`, exchange);
  const json = parseJson(result.body);
  if (json === undefined) return refusal('unavailable', `HTTP ${result.status} without JSON`, exchange);
  const answer = tokenAnswer.safeParse(json);
  if (result.status !== 200 || !answer.success)
    return refusal('credentials', refusalDetail(result.status, json), exchange);
  return {
    outcome: 'token',
    token: {
      value: answer.data.access_token,
      expiresAt: new Date(requestedAt.getTime() + answer.data.expires_in * 1000),
      organisationCode,
    },
  };
}

function refusalDetail(status: number, json: unknown): string {
  const said = z.object({ rsp_code: z.string() }).safeParse(json);
  return said.success ? `HTTP ${status} ${said.data.rsp_code}` : `HTTP ${status} without a token`;
}

/** The answer's part of an exchange, with any token in it made unreadable: the journal is read by people. */
function answerOf(result: HttpResult): Partial<Exchange> {
  if (result.outcome === 'not_written') return { error: result.error };
  const body = result.body?.replaceAll(/("(?:access|refresh)_token"\s*:\s*")[^"]*/g, '$1***');
  return {
    ...(result.status === undefined ? {} : { httpStatus: result.status }),
    ...(body === undefined ? {} : { responseBody: body }),
    ...(result.outcome === 'broken' ? { error: result.error } : {}),
  };
}

function failedExchange(clock: Clock, deadline: Deadline, error: string): Exchange {
  const elapsedMs = Math.round(deadline.elapsedMs());
  return {
    operation: 'token',
    path: TOKEN_PATH,
    requestBody: '',
    requestedAt: clock.now(),
    error,
    elapsedMs,
  };
}

function refusal(cause: BankRefusal['cause'], detail: string, exchange: Exchange): BankRefusal {
  return { outcome: 'refused', cause, detail, exchange };
}
