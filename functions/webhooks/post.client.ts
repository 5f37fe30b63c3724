import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { mayBeCalled, type WebhookReach } from './webhook-url.ts';

export type PostResult =
  | { readonly outcome: 'answered'; readonly status: number }
  /** The name leads to an address that is not public: nothing was sent. */
  | { readonly outcome: 'refused_address'; readonly error: string }
  | { readonly outcome: 'failed'; readonly error: string };

export interface PostRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From the look-up of the name to the head of the answer. */
  readonly timeoutMs: number;
}

/** Resolves a name to its addresses. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export const resolveByDns: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true })).map(({ address }) => address);

/**
 * Posts to an address that somebody else wrote. The name is resolved once, every address that it has must be public, and the connection goes to one of those that were looked
 * at: a name that changes its mind in between leads nowhere else. Redirects are not followed, and the answer's body is not read.
 */
export async function postOutside(
  request: PostRequest,
  reach: WebhookReach,
  resolve: Resolve = resolveByDns,
): Promise<PostResult> {
  const began = performance.now();
  const hostname = request.url.hostname.replace(/^\[|\]$/g, '');
  let addresses: readonly string[];
  try {
    addresses = isIP(hostname) === 0 ? await within(resolve(hostname), request.timeoutMs) : [hostname];
  } catch (error) {
    return { outcome: 'failed', error: nameOf(error) };
  }
  const refused = addresses.find((address) => !mayBeCalled(address, reach));
  if (refused !== undefined)
    return {
      outcome: 'refused_address',
      error: `${hostname} leads to ${refused}, which is no public address`,
    };
  const [address] = addresses;
  if (address === undefined) return { outcome: 'failed', error: 'ENOTFOUND' };
  const leftMs = request.timeoutMs - (performance.now() - began);
  return await post(request, address, Math.max(leftMs, 1));
}

function post({ url, headers, body }: PostRequest, address: string, timeoutMs: number): Promise<PostResult> {
  return new Promise((resolve) => {
    const family = isIP(address);
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      // The name stays in the Host header and in the certificate's check; only its address is given.
      lookup: (_hostname, options, callback) => {
        if (options.all === true) callback(null, [{ address, family }]);
        else callback(null, address, family);
      },
    });
    const settle = (result: PostResult): void => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle({ outcome: 'failed', error: 'timeout' }), timeoutMs);
    outgoing.on('error', (error) => settle({ outcome: 'failed', error: nameOf(error) }));
    outgoing.on('response', (incoming) => {
      incoming.resume();
      settle({ outcome: 'answered', status: incoming.statusCode ?? 0 });
    });
    outgoing.end(body);
  });
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('timeout'), { code: 'timeout' })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A code such as `ECONNREFUSED`: messages may hold more than a shop should read. */
function nameOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'failed';
}
