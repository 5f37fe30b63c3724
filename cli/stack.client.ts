import { setTimeout as sleep } from 'node:timers/promises';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import { z } from 'zod';
import { headersOf, NoAnswer, type Carried, type Question } from './carrier.ts';
import { outputsCommand, readStackOutputs } from './stack-outputs.ts';

/** Where a stack's operators are reached. */
interface Place {
  readonly url: URL;
  readonly region: string;
}

/** API Gateway answers within 30 s, ms. */
const ANSWER_MS_MAX = 35_000;

/** How long to wait before each try after the first, ms. A command bears a key, so that it may be sent again. */
const TRY_AGAIN_AFTER_MS = [500, 3000];

/** Who is told to wait waits no longer than this, ms: a database that was paused is back by then. */
const WAIT_MS_MAX = 30_000;

/** What the program says of a stack (`pulumi stack output`). */
const outputs = z.object({ operatorsUrl: z.url(), region: z.string().min(1).optional() });

/**
 * Asks a stack's operators' routes, signed by the AWS credentials of whoever types. Where no answer comes, or the answer is that the other side is not well, it
 * asks again, with the same key.
 *
 * @throws {@link NoAnswer} without a stack, without credentials, and when no try was answered.
 */
export async function askStack(
  named: { readonly stack: string; readonly url: string | undefined },
  question: Question,
): Promise<Carried> {
  const place = await placeOf(named);
  const sign = signer(place.region);
  let last = '';
  let askedToWaitMs = 0;
  for (const waitMs of [0, ...TRY_AGAIN_AFTER_MS]) {
    await sleep(Math.max(waitMs, askedToWaitMs));
    const carried = await tryOnce(place, sign, question);
    if (typeof carried !== 'string' && carried.status < 500) return carried;
    last = typeof carried === 'string' ? carried : `${carried.status} ${carried.text}`;
    askedToWaitMs = typeof carried === 'string' ? 0 : Math.min(carried.retryAfterMs ?? 0, WAIT_MS_MAX);
  }
  const times = TRY_AGAIN_AFTER_MS.length + 1;
  throw new NoAnswer(`${place.url.origin} did not answer ${times} tries, lastly: ${last.slice(0, 300)}`, {
    mayBeDone: true,
  });
}

async function tryOnce(
  { url }: Place,
  sign: ReturnType<typeof signer>,
  question: Question,
): Promise<Carried | string> {
  const headers = await sign(url, question);
  const query = new URLSearchParams(question.query).toString();
  try {
    const response = await fetch(new URL(`${question.path}${query === '' ? '' : `?${query}`}`, url), {
      method: question.method,
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(question.body === undefined ? {} : { body: question.body }),
    });
    const retryAfterS = Number(response.headers.get('retry-after') ?? 0);
    return {
      status: response.status,
      text: await response.text(),
      ...(retryAfterS > 0 ? { retryAfterMs: retryAfterS * 1000 } : {}),
    };
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? `${message} (${cause.message})` : message;
  }
}

function signer(region: string) {
  const credentials = fromNodeProviderChain();
  const signature = new SignatureV4({ service: 'execute-api', region, credentials, sha256: Sha256 });
  return async (url: URL, question: Question): Promise<Record<string, string>> => {
    try {
      const signed = await signature.sign({
        method: question.method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: question.path,
        query: { ...question.query },
        headers: { host: url.host, ...headersOf(question) },
        body: question.body,
      });
      // fetch writes it by itself, and lets nobody else.
      return Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name !== 'host'));
    } catch (error) {
      throw new NoAnswer(
        `there are no AWS credentials to sign with (${(error as Error).message}): sign in, such as with aws sso login, and name the profile in AWS_PROFILE`,
      );
    }
  };
}

async function placeOf({ stack, url: given }: { stack: string; url: string | undefined }): Promise<Place> {
  const found = given === undefined ? await askPulumi(stack) : { operatorsUrl: given };
  const url = new URL(found.operatorsUrl);
  const isHere = url.hostname === '127.0.0.1' && url.protocol === 'http:';
  if (url.protocol !== 'https:' && !isHere)
    throw new NoAnswer(`${url.href} is not https: account numbers and signatures would go in clear`);
  const [, ofHost] = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com/.exec(url.hostname) ?? [];
  const region = ofHost ?? found.region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  if (region === undefined)
    throw new NoAnswer(`${url.href} does not tell its region: set AWS_REGION to the stack's`);
  return { url, region };
}

async function askPulumi(stack: string): Promise<z.infer<typeof outputs>> {
  const otherwise = "or give the operators' address with --url";
  const read = outputs.safeParse(await readStackOutputs(stack, otherwise));
  if (!read.success)
    throw new NoAnswer(
      `${outputsCommand(stack)} names no operatorsUrl: deploy the stack (pulumi up), ${otherwise}`,
    );
  return read.data;
}
