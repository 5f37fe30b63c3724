import http from 'node:http';
import https from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';

/** No answer of a bank is longer than this; a longer one is not read to its end. */
const RESPONSE_BYTES_MAX = 1_000_000;

export interface HttpRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for GET. */
  readonly body: string;
  /** From the start of the connection to the last byte of the answer. */
  readonly timeoutMs: number;
  /**
   * Asked once, when the connection stands (and is secured) and before the first byte is written, in the same turn of the event
   * loop as the write. On `false` nothing is written.
   */
  readonly mayStillWrite?: () => boolean;
}

/** The line between `not_written` and the rest is whether the other side can have heard anything. */
export type HttpResult =
  | { readonly outcome: 'answered'; readonly status: number; readonly body: string }
  | { readonly outcome: 'not_written'; readonly cause: 'deadline' | 'connection'; readonly error: string }
  | { readonly outcome: 'broken'; readonly error: string; readonly status?: number; readonly body?: string };

/** Makes one call; what it answers says whether the other side can have heard anything. */
export type CallHttp = (request: HttpRequest) => Promise<HttpResult>;

/**
 * Makes one HTTP call on a connection of its own. A kept connection may be closed by the other side while a request is on its way,
 * and then nobody knows whether it was heard; a connection that stands before the first byte is written leaves no such doubt.
 */
export function callHttp(request: HttpRequest): Promise<HttpResult> {
  return new Promise((resolve, reject) => {
    const answer = new PartialAnswer();
    const outgoing = (request.url.protocol === 'https:' ? https : http).request(request.url, {
      method: request.method,
      headers: { ...request.headers, 'content-length': Buffer.byteLength(request.body) },
      agent: false,
    });
    let written = false;

    const settle = (conclude: () => void) => {
      clearTimeout(timer);
      outgoing.destroy();
      conclude();
    };
    const fail = (error: string) => {
      settle(() =>
        resolve(written ? answer.broken(error) : { outcome: 'not_written', cause: 'connection', error }),
      );
    };
    const timer = setTimeout(() => fail('timeout'), request.timeoutMs);

    const write = () => {
      try {
        if (request.mayStillWrite?.() === false) {
          settle(() => resolve({ outcome: 'not_written', cause: 'deadline', error: 'too late to write' }));
          return;
        }
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
        return;
      }
      written = true;
      outgoing.end(request.body);
    };

    outgoing.on('error', (error) => fail(errorName(error)));
    outgoing.on('socket', (socket) => whenReady(socket, write));
    outgoing.on('response', (incoming) => {
      answer.status = incoming.statusCode;
      incoming.on('data', (chunk: Buffer) => {
        if (!answer.add(chunk)) fail('response_too_large');
      });
      incoming.on('error', (error) => fail(errorName(error)));
      incoming.on('end', () => settle(() => resolve(answer.whole())));
      incoming.on('close', () => {
        if (!incoming.complete) fail('ECONNRESET');
      });
    });
  });
}

/** Calls back once bytes can go out: connected and, under TLS, with the other side's certificate verified. */
function whenReady(socket: Socket, ready: () => void): void {
  if (socket instanceof TLSSocket) socket.once('secureConnect', ready);
  else if (socket.connecting) socket.once('connect', ready);
  else ready();
}

/** The short name of an error, such as `ECONNREFUSED`: messages may hold addresses, or more. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** What has come of an answer, so that a cut one is kept for the journal. */
class PartialAnswer {
  status: number | undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  /** Answers `false` when the answer has become too long. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return this.#bytes <= RESPONSE_BYTES_MAX;
  }

  whole(): HttpResult {
    return { outcome: 'answered', status: this.status ?? 0, body: this.#text() };
  }

  broken(error: string): HttpResult {
    const status = this.status === undefined ? {} : { status: this.status };
    return { outcome: 'broken', error, ...status, ...(this.#bytes === 0 ? {} : { body: this.#text() }) };
  }

  #text(): string {
    return Buffer.concat(this.#chunks).toString('utf8').slice(0, RESPONSE_BYTES_MAX);
  }
}
