import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { close, listen } from '../aws-json-server.ts';
import type { Delivery, FunctionError } from './invocation.ts';

const BASE = '/2018-06-01/runtime';

/** The largest answer of a function that is waited for: 6 MB (Lambda developer guide, "Lambda quotas"). */
const RESPONSE_BYTES_MAX = 6 * 1024 * 1024;

/** What the runtime in the sandbox tells. */
export interface RuntimeApiEvents {
  /** It has nothing to do: initialised, or done with the last invocation. */
  onNext(): void;
  onResponse(requestId: string, body: string): void;
  onError(requestId: string, error: FunctionError): void;
  onInitError(error: FunctionError): void;
}

export interface RuntimeApi {
  /** Host and port, for `AWS_LAMBDA_RUNTIME_API`. */
  readonly address: string;
  /** Answers the runtime that waits for its next event. */
  deliver(delivery: Delivery): void;
  close(): Promise<void>;
}

/**
 * Serves Lambda's Runtime API for one sandbox (Lambda developer guide, "Using the Lambda runtime API"). No connection is ever
 * closed for idleness: a handler may work for minutes, and a frozen process cannot notice that its connection went away.
 */
export async function startRuntimeApi(events: RuntimeApiEvents): Promise<RuntimeApi> {
  let waiting: ServerResponse | undefined;
  const server = createServer((request, response) => {
    if (request.method === 'GET' && request.url === `${BASE}/invocation/next`) {
      waiting = response;
      events.onNext();
      return;
    }
    accept(request, response, events).catch((error: unknown) => answer(response, 400, String(error)));
  });
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  const port = await listen(server, 0);
  return {
    address: `127.0.0.1:${port}`,
    deliver(delivery) {
      if (waiting === undefined) throw new Error('The runtime does not wait for an event');
      waiting.writeHead(200, headersOf(delivery)).end(delivery.event);
      waiting = undefined;
    },
    close: () => close(server),
  };
}

function headersOf(delivery: Delivery) {
  return {
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': delivery.requestId,
    'lambda-runtime-deadline-ms': String(delivery.deadlineMs),
    'lambda-runtime-invoked-function-arn': delivery.functionArn,
  };
}

async function accept(
  request: IncomingMessage,
  response: ServerResponse,
  events: RuntimeApiEvents,
): Promise<void> {
  const body = await bodyOf(request);
  const [, path = ''] = request.url?.split(BASE) ?? [];
  const [, requestId = '', kind] = /^\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
  if (path === '/init/error') events.onInitError(errorOf(body));
  else if (kind === 'error') events.onError(requestId, errorOf(body));
  else if (kind === 'response') tellResponse(requestId, body, events);
  else {
    answer(response, 404, 'NotFound');
    return;
  }
  answer(response, 202, 'OK');
}

function tellResponse(requestId: string, body: string, events: RuntimeApiEvents): void {
  if (Buffer.byteLength(body) > RESPONSE_BYTES_MAX) events.onError(requestId, tooLarge);
  else events.onResponse(requestId, body);
}

const tooLarge: FunctionError = {
  errorType: 'Function.ResponseSizeTooLarge',
  errorMessage: `Response payload size exceeded the maximum of ${RESPONSE_BYTES_MAX} bytes`,
  trace: [],
};

/** An error as it was told; one that is no JSON is told as its text. */
function errorOf(body: string): FunctionError {
  try {
    const { errorType, errorMessage, trace } = JSON.parse(body) as Partial<FunctionError>;
    return { errorType: errorType ?? 'Error', errorMessage: errorMessage ?? '', trace: trace ?? [] };
  } catch {
    return { errorType: 'Error', errorMessage: body, trace: [] };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ status: text }));
}
